"""How the AWS server tells services and operations apart."""

import importlib

import pytest
from moto.core.utils import get_service_model

from local.aws_server import protocol
from local.aws_server.__main__ import OVERLAYS
from local.aws_server.operations import overlaid_operations, overlaid_services
from local.aws_server.persistence.journal import is_write

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def overlays() -> None:
    for module in OVERLAYS:
        importlib.import_module(module)


def test_signing_names_are_those_of_the_service_models() -> None:
    for service in overlaid_services():
        metadata = get_service_model(service).metadata
        assert protocol.signing_name_of(service) == metadata.get("signingName", metadata["endpointPrefix"])


def test_every_overlay_is_for_an_operation_that_exists() -> None:
    for service, name in overlaid_operations():
        assert name in get_service_model(service).operation_names, f"{service} has no {name}"


@pytest.mark.parametrize(
    ("signing_name", "operation", "method", "writes"),
    [
        ("ec2", "DescribeVpcs", "POST", False),
        ("ec2", "CreateVpc", "POST", True),
        ("iam", "GetRole", "POST", False),
        ("sts", "AssumeRole", "POST", True),
        ("sts", "GetSessionToken", "POST", True),
        ("sts", "GetCallerIdentity", "POST", False),
        ("sqs", "ReceiveMessage", "POST", True),
        ("s3", "", "GET", False),
        ("s3", "", "PUT", True),
        ("logs", "TestMetricFilter", "POST", False),
        ("x", "Listen", "POST", True),
    ],
)
def test_a_request_that_may_change_something_is_journaled(
    signing_name: str, operation: str, method: str, writes: bool
) -> None:
    assert is_write(signing_name, operation, method) is writes


def test_the_scope_comes_from_a_header_or_a_presigned_url_and_else_it_is_s3() -> None:
    header = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/eks/aws4_request, SignedHeaders=host, Signature=x"
    assert protocol.scope_of({"HTTP_AUTHORIZATION": header}) == protocol.Scope("AKIA", "eu-west-1", "eks")
    query = "Action=GetCallerIdentity&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
    assert protocol.scope_of({"QUERY_STRING": query}) == protocol.Scope("AKIA", "us-east-1", "sts")
    assert protocol.scope_of({}) == protocol.Scope("", "us-east-1", "s3")
