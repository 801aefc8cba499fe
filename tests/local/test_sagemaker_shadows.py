"""Shadow variants of endpoints on the AWS server: copies of requests that cost the caller nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_load import Load
from tests.local.sagemaker_server import BUCKET, EACH_10_S, SageMakerServer, eventually, metric_total

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("shadows"))
    server.start()
    server.prepare()
    server.model("main", TAG="main")
    yield server
    server.stop()


def shadowed(server: SageMakerServer, name: str, weight: float = 1, **environment: str) -> None:
    """An endpoint in service that captures everything and has a shadow."""
    server.config(
        name,
        {"VariantName": "main", "ModelName": "main", "InitialVariantWeight": 2},
        ShadowProductionVariants=[
            {
                "VariantName": "shadow",
                "ModelName": server.model(f"{name}-shadow", TAG="shadow", **environment),
                "InitialVariantWeight": weight,
            }
        ],
        MetricsConfig=EACH_10_S,
        DataCaptureConfig={
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
    )
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert server.settled(name)["EndpointStatus"] == "InService"


def said(server: SageMakerServer, name: str, variant: str) -> list[str]:
    """The log of a variant's instances."""
    group = f"/aws/sagemaker/Endpoints/{name}"
    events = server.logs.filter_log_events(logGroupName=group, logStreamNamePrefix=f"{variant}/")["events"]
    return [event["message"] for event in events]


def captured(server: SageMakerServer, name: str, variant: str) -> list[dict[str, Any]]:
    """The lines of a variant that have reached S3."""
    keys = server.keys(f"captured/{name}/{variant}/")
    bodies = (server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys)
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_a_shadow_gets_every_request_at_equal_weights_and_answers_nobody(server: SageMakerServer) -> None:
    shadowed(server, "copies", weight=2)
    described = server.sagemaker.describe_endpoint(EndpointName="copies")
    assert [each["VariantName"] for each in described["ProductionVariants"]] == ["main"]
    assert [each["VariantName"] for each in described["ShadowProductionVariants"]] == ["shadow"]
    for number in range(20):
        answer = server.invoke("copies", f"{number},1", InferenceId=f"i-{number}")
        assert (answer["tag"], answer["variant"]) == ("main", "main")
    lines = eventually(lambda: captured(server, "copies", "shadow"), lambda found: len(found) == 20)
    asked = {line["eventMetadata"]["inferenceId"]: line["captureData"]["endpointInput"]["data"] for line in lines}
    assert asked == {f"i-{number}": f"{number},1" for number in range(20)}
    assert all(json.loads(line["captureData"]["endpointOutput"]["data"])["tag"] == "shadow" for line in lines)
    eventually(lambda: len(captured(server, "copies", "main")), lambda count: count == 20)
    with pytest.raises(ClientError, match="Variant shadow of endpoint copies not found"):
        server.invoke("copies", TargetVariant="shadow")
    eventually(lambda: metric_total(server, "Invocations", "copies", "shadow"), lambda count: count == 20)


def test_the_weights_say_how_many_requests_are_copied(server: SageMakerServer) -> None:
    shadowed(server, "half", weight=1)
    for _ in range(200):
        server.invoke("half")
    found = eventually(lambda: len(captured(server, "half", "main")), lambda count: count == 200)
    assert 60 <= len(captured(server, "half", "shadow")) <= 140
    server.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="half", DesiredWeightsAndCapacities=[{"VariantName": "shadow", "DesiredWeight": 0}]
    )
    described = server.settled("half")
    assert described["ShadowProductionVariants"][0]["CurrentWeight"] == 0
    later = {f"later-{number}" for number in range(20)}
    for asked in later:
        server.invoke("half", InferenceId=asked)
    eventually(lambda: len(captured(server, "half", "main")), lambda count: count == found + 20)
    server.invoke("half")  # Captured with the next file: what a shadow had of those before it has been captured, too.
    eventually(lambda: len(captured(server, "half", "main")), lambda count: count == found + 21)
    assert not later & {line["eventMetadata"].get("inferenceId") for line in captured(server, "half", "shadow")}


def test_a_shadow_that_hangs_fails_and_slows_nobody(server: SageMakerServer) -> None:
    shadowed(server, "hangs", weight=2, SLOW="600")
    with Load(server, "hangs") as load:
        # More than its queue takes: what is beyond is left out, and counted.
        load.wait_for(700)
    assert not load.failures
    assert load.answers.keys() == {"main"}
    eventually(
        lambda: metric_total(server, "ShadowRequestsDropped", "hangs", "shadow", "Groundwork/LocalSageMaker"),
        lambda dropped: dropped > 100,
    )
    server.sagemaker.delete_endpoint(EndpointName="hangs")


def test_a_shadow_that_is_dead_fails_nobody(server: SageMakerServer) -> None:
    shadowed(server, "dies", weight=2)
    with Load(server, "dies") as load:
        server.invoke("dies", "die-in-shadow")
        eventually(lambda: [text for text in said(server, "dies", "shadow") if "model server ended" in text], bool)
        load.wait_for(50)
    assert not load.failures


def test_there_is_one_shadow_of_one_variant(server: SageMakerServer) -> None:
    variants = [{"VariantName": name, "ModelName": "main"} for name in ("a", "b", "c")]
    with pytest.raises(ClientError, match="only one variant in ProductionVariants"):
        server.config("two", variants[0], variants[1], ShadowProductionVariants=[variants[2]])
    with pytest.raises(ClientError, match="must be unique"):
        server.config("same", variants[0], ShadowProductionVariants=[variants[0]])
