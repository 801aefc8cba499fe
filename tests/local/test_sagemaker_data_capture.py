"""Data capture of endpoints on the AWS server."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.sagemaker_server import BUCKET, SageMakerServer, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("capture"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def capturing(server: SageMakerServer, name: str, **members: Any) -> None:
    """An endpoint that is in service."""
    config = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        **members,
    }
    variant = {"VariantName": "All", "ModelName": server.model(name), "InitialInstanceCount": 1}
    server.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
        DataCaptureConfig=config,
    )
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert server.settled(name)["EndpointStatus"] == "InService"


def captured(server: SageMakerServer, name: str) -> list[dict[str, Any]]:
    """The lines that have reached S3."""
    bodies = (server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in server.keys(f"captured/{name}/"))
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_requests_and_answers_are_captured_as_lines_of_json(server: SageMakerServer) -> None:
    headers = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
    capturing(server, "both", CaptureContentTypeHeader=headers)
    assert server.sagemaker.describe_endpoint(EndpointName="both")["DataCaptureConfig"]["CaptureStatus"] == "Started"
    server.invoke("both", "1,2", InferenceId="a-1")
    server.invoke("both", "3,4")
    lines = eventually(lambda: captured(server, "both"), lambda found: len(found) == 2)
    first = next(line for line in lines if line["eventMetadata"].get("inferenceId") == "a-1")
    assert first["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    output = first["captureData"]["endpointOutput"]
    assert (output["mode"], output["encoding"]) == ("OUTPUT", "JSON")
    assert json.loads(output["data"])["body"] == "1,2"
    (key, *_) = server.keys("captured/both/")
    assert re.fullmatch(r"captured/both/All/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl", key)


def test_what_no_header_names_is_base64_and_only_what_is_asked_for_is_captured(server: SageMakerServer) -> None:
    capturing(server, "input", CaptureOptions=[{"CaptureMode": "Input"}])
    capturing(server, "off", EnableCapture=False)
    capturing(server, "none", InitialSamplingPercentage=0)
    for name in ("off", "none", "input"):
        server.invoke(name, "1,2")
    (line,) = eventually(lambda: captured(server, "input"), bool)
    assert list(line["captureData"]) == ["endpointInput"]
    assert line["captureData"]["endpointInput"]["encoding"] == "BASE64"
    assert base64.b64decode(line["captureData"]["endpointInput"]["data"]) == b"1,2"
    assert captured(server, "off") == captured(server, "none") == []
    assert server.sagemaker.describe_endpoint(EndpointName="off")["DataCaptureConfig"]["CaptureStatus"] == "Stopped"


def test_of_a_share_that_is_captured_a_request_is_in_whole_or_not_at_all(server: SageMakerServer) -> None:
    capturing(server, "sampled", InitialSamplingPercentage=50)
    for number in range(200):
        server.invoke("sampled", "1,2", InferenceId=f"asked-{number}")
    server.stop()
    server.start()
    lines = captured(server, "sampled")
    asked = [line["eventMetadata"].get("inferenceId") for line in lines]
    assert len(set(asked)) == len(asked)
    assert 60 <= len(asked) <= 140  # of 200 at 50 %: further off is one chance in a hundred million
    assert all(set(line["captureData"]) == {"endpointInput", "endpointOutput"} for line in lines)


def test_what_was_captured_is_in_s3_when_the_server_has_stopped(server: SageMakerServer) -> None:
    capturing(server, "stopped")
    server.invoke("stopped", "5,6")
    server.stop()
    server.start()
    assert len(captured(server, "stopped")) == 1
