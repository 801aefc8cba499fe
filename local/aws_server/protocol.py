"""From an HTTP request to an operation and its members, and from a result or an error back to an HTTP response.

Parsers, routers and serializers are those that moto builds from botocore's service models, so that an overlay speaks
each service's own protocol (json, rest-json, query, ec2, rest-xml).
"""

import functools
import gzip
import json
import re
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import NotFound, ProtocolRouter, get_router_class
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

from local.aws_server.operations import REGION, RawResponse, ServiceError

warnings.filterwarnings("ignore", message="Exception.* does not match an error shape")

_CREDENTIAL = re.compile(r"Credential=([^/]*)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_MODELLED = ("json", "rest-json", "query", "ec2", "rest-xml")


@dataclass(frozen=True)
class Scope:
    """Who signed a request, for which service and region: its credential scope."""

    access_key_id: str
    region: str
    signing_name: str


def scope_of(environ: Mapping[str, Any]) -> Scope:
    """The credential scope, from the Authorization header or a presigned URL; S3 for an unsigned request."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if match is None and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        credential = parse_qs(environ["QUERY_STRING"]).get("X-Amz-Credential", [""])[0]
        match = _CREDENTIAL.search("Credential=" + unquote(credential))
    if match is None:
        return Scope("", REGION, "s3")
    return Scope(match[1], match[2], match[3].lower())


@functools.cache
def protocol_of(service: str) -> str:
    """The protocol that this server speaks for a service: the first of its model's that can be parsed here."""
    model = get_service_model(service)
    offered = model.metadata.get("protocols") or [model.protocol]
    return next((name for name in offered if name in _MODELLED), "query")


@functools.cache
def _router(service: str) -> ProtocolRouter:
    router = get_router_class(service, protocol_of(service))
    assert router is not None
    return router(get_service_model(service))


_SIGNING_NAMES = {
    "sagemaker-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "cloudwatch": "monitoring",
    "amp": "aps",
    "service-quotas": "servicequotas",
    "resourcegroupstaggingapi": "tagging",
}


def signing_name_of(service: str) -> str:
    """The service's name in a credential scope; known without loading the service's model, which takes long."""
    return _SIGNING_NAMES.get(service, service)


def match_operation(service: str, request: Request) -> tuple[OperationModel, dict[str, Any]] | None:
    """The operation of this service that a request asks for, with its path parameters; None when it is none."""
    try:
        return _router(service).match(request)
    except NotFound:
        return None


def parse_members(operation: OperationModel, request: Request, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """The request's members by the service model's names; raises ServiceError where the body cannot be read."""
    spoken = protocol_of(operation.service_model.service_name)
    parser = PROTOCOL_PARSERS[spoken](operation)
    try:
        # The SDKs compress what is above 10 KB where the model says so, as of PutMetricData.
        compressed = request.content_encoding == "gzip" and spoken == "json"
        return parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": gzip.decompress(request.data) if compressed else request.data,
                "url_path": request.path,
                "url_params": path_parameters,
            }
        )
    except Exception as error:
        raise ServiceError("SerializationException", f"The request cannot be parsed: {error}") from error


def missing_members(operation: OperationModel, params: Mapping[str, Any]) -> list[str]:
    """Required top-level members that a request lacks."""
    shape = operation.input_shape
    return [name for name in shape.required_members if name not in params] if shape is not None else []


def serialize(operation: OperationModel, result: Mapping[str, Any] | Exception) -> RawResponse:
    """The HTTP response for a result or an error of an operation."""
    model = operation.service_model
    request_id = str(uuid.uuid4())
    serializer = get_serializer_class(model.service_name, protocol_of(model.service_name))(
        operation_model=operation, context=SerializationContext(request_id=request_id)
    )
    answer = serializer.serialize(result)
    status = int(answer["status_code"])
    if isinstance(result, ServiceError) and status == serializer.DEFAULT_ERROR_RESPONSE_CODE:
        status = result.status
    body = answer["body"]
    headers = {**{name: str(value) for name, value in answer["headers"].items()}, "x-amzn-RequestId": request_id}
    return RawResponse(status, headers, body.encode() if isinstance(body, str) else body)


_BY_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "aps": "amp",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}


def service_for_signing_name(signing_name: str) -> ServiceModel | None:
    """The model of the service with this signing name, None where the name alone does not tell."""
    from botocore.exceptions import UnknownServiceError

    try:
        return get_service_model(_BY_SIGNING_NAME.get(signing_name, signing_name))
    except UnknownServiceError:
        return None


def error_response(environ: Mapping[str, Any], scope: Scope, error: ServiceError) -> RawResponse:
    """An error in the form of the client's protocol, for a request that no service model was matched with."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    model = service_for_signing_name(scope.signing_name)
    protocol = "json" if target else protocol_of(model.service_name) if model is not None else "rest-json"
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if protocol in ("json", "rest-json"):
        headers |= {
            "Content-Type": "application/x-amz-json-1.1" if target else "application/json",
            "x-amzn-ErrorType": error.code,
        }
        body = json.dumps({"__type": error.code, "message": error.message})
        return RawResponse(error.status, headers, body.encode())
    headers["Content-Type"] = "text/xml"
    detail = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if scope.signing_name == "s3":
        body = f"<Error>{detail}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        body = f"<Response><Errors><Error>{detail}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        detail = f"<Error><Type>Sender</Type>{detail}</Error>"
        body = f"<ErrorResponse>{detail}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return RawResponse(error.status, headers, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode())


def operation_name(environ: Mapping[str, Any], scope: Scope, body: bytes) -> str:
    """The operation that a request names, as far as it can be told without its service's model: `""` where not."""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return target.rpartition(".")[2]
    match = re.search(rb"(?:^|&)Action=(\w+)", body) or re.search(
        rb"(?:^|&)Action=(\w+)", environ.get("QUERY_STRING", "").encode()
    )
    if match and scope.signing_name != "s3":
        return match[1].decode()
    return ""
