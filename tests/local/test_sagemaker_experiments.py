"""Shadow tests on the AWS server, asked for with boto3."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("experiments"))
    server.start()
    server.prepare()
    server.config("blue", {"VariantName": "main", "ModelName": server.model("blue", TAG="blue")})
    server.model("green", TAG="green")
    yield server
    server.stop()


def begin(server: SageMakerServer, name: str, **members: Any) -> None:
    """An endpoint of the experiment's name, in service, and the experiment."""
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="blue")
    server.settled(name)
    create(server, name, **members)


def create(server: SageMakerServer, name: str, **members: Any) -> None:
    machines = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    infrastructure = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": machines}
    request = {
        "Name": name,
        "Type": "ShadowMode",
        "RoleArn": ROLE,
        "EndpointName": name,
        "ModelVariants": [
            {"ModelName": "blue", "VariantName": "main", "InfrastructureConfig": infrastructure},
            {"ModelName": "green", "VariantName": "shadow", "InfrastructureConfig": infrastructure},
        ],
        "ShadowModeConfig": {
            "SourceModelVariantName": "main",
            "ShadowModelVariants": [{"ShadowModelVariantName": "shadow", "SamplingPercentage": 100}],
        },
        **members,
    }
    server.sagemaker.create_inference_experiment(**request)


def described(server: SageMakerServer, name: str, status: str) -> dict[str, Any]:
    """The experiment once it has a status."""
    return eventually(
        lambda: server.sagemaker.describe_inference_experiment(Name=name),
        lambda experiment: experiment["Status"] == status,
    )


def variants(server: SageMakerServer, name: str) -> tuple[list[str], list[str]]:
    """Names of the endpoint's production and shadow variants."""
    endpoint = server.settled(name)
    return (
        [each["VariantName"] for each in endpoint["ProductionVariants"]],
        [each["VariantName"] for each in endpoint.get("ShadowProductionVariants", [])],
    )


def test_a_shadow_test_puts_its_shadow_on_the_endpoint_and_takes_it_off_at_its_end(server: SageMakerServer) -> None:
    begin(server, "removed", DataStorageConfig={"Destination": f"s3://{BUCKET}/experiment"})
    experiment = described(server, "removed", "Running")
    assert {each["Status"] for each in experiment["ModelVariants"]} == {"InService"}
    assert experiment["EndpointMetadata"]["EndpointStatus"] == "InService"
    assert experiment["Schedule"]["EndTime"] - experiment["Schedule"]["StartTime"] == timedelta(days=7)
    assert variants(server, "removed") == (["main"], ["shadow"])
    assert server.invoke("removed")["tag"] == "blue"
    eventually(lambda: server.keys("experiment/removed/shadow/"), bool)
    with pytest.raises(ClientError, match="ResourceInUse"):
        create(server, "other", EndpointName="removed")
    with pytest.raises(ClientError, match="ConflictException"):
        server.sagemaker.delete_inference_experiment(Name="removed")
    sample = {"ShadowModelVariantName": "shadow", "SamplingPercentage": 10}
    server.sagemaker.update_inference_experiment(
        Name="removed", ShadowModeConfig={"SourceModelVariantName": "main", "ShadowModelVariants": [sample]}
    )
    described(server, "removed", "Running")
    assert server.settled("removed")["ShadowProductionVariants"][0]["CurrentWeight"] == pytest.approx(0.1)
    server.sagemaker.update_inference_experiment(
        Name="removed", Schedule={"EndTime": datetime.now(UTC) + timedelta(seconds=1)}
    )
    experiment = described(server, "removed", "Completed")
    assert variants(server, "removed") == (["main"], [])
    assert "DataCaptureConfig" not in server.settled("removed")
    assert {each["VariantName"]: each["Status"] for each in experiment["ModelVariants"]} == {
        "main": "InService",
        "shadow": "Deleted",
    }
    listed = server.sagemaker.list_inference_experiments(StatusEquals="Completed")["InferenceExperiments"]
    assert [each["Name"] for each in listed] == ["removed"]
    server.sagemaker.delete_inference_experiment(Name="removed")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        server.sagemaker.describe_inference_experiment(Name="removed")


def test_a_shadow_that_is_promoted_takes_over(server: SageMakerServer) -> None:
    begin(server, "promoted")
    described(server, "promoted", "Running")
    with pytest.raises(ClientError, match="One variant must stay in production"):
        server.sagemaker.stop_inference_experiment(
            Name="promoted", ModelVariantActions={"main": "Remove", "shadow": "Remove"}
        )
    server.sagemaker.stop_inference_experiment(
        Name="promoted", ModelVariantActions={"main": "Remove", "shadow": "Promote"}, Reason="it is better"
    )
    experiment = described(server, "promoted", "Completed")
    assert experiment["StatusReason"] == "it is better"
    assert variants(server, "promoted") == (["shadow"], [])
    assert server.invoke("promoted")["tag"] == "green"


def test_an_experiment_waits_for_its_time_and_a_killed_server_goes_on_with_it(server: SageMakerServer) -> None:
    begin(server, "later", Schedule={"StartTime": datetime.now(UTC) + timedelta(hours=1)})
    time.sleep(1)
    described(server, "later", "Created")
    assert variants(server, "later") == (["main"], [])
    server.sagemaker.start_inference_experiment(Name="later")
    server.stop(signal.SIGKILL)
    server.start()
    described(server, "later", "Running")
    assert variants(server, "later") == (["main"], ["shadow"])
    server.sagemaker.stop_inference_experiment(
        Name="later", ModelVariantActions={"main": "Retain", "shadow": "Remove"}, DesiredState="Cancelled"
    )
    described(server, "later", "Cancelled")
    assert variants(server, "later") == (["main"], [])


def test_a_shadow_that_cannot_be_loaded_ends_the_experiment_and_nothing_else(server: SageMakerServer) -> None:
    server.sagemaker.create_endpoint(EndpointName="crashes", EndpointConfigName="blue")
    server.settled("crashes")
    machines = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    infrastructure = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": machines}
    variant = {"ModelName": server.model("broken", CRASH="1"), "VariantName": "shadow"}
    create(server, "crashes", ModelVariants=[{**variant, "InfrastructureConfig": infrastructure}])
    experiment = described(server, "crashes", "Cancelled")
    assert "the model cannot be loaded" in experiment["StatusReason"]
    assert server.invoke("crashes")["tag"] == "blue"


def test_what_an_experiment_needs_is_asked_before_it_is_made(server: SageMakerServer) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint"):
        create(server, "nowhere")
    with pytest.raises(ClientError, match="after its StartTime"):
        create(server, "nowhere", Schedule={"EndTime": datetime.now(UTC) - timedelta(hours=1)})
    sample = {"ShadowModelVariantName": "shadow", "SamplingPercentage": 101}
    shadow = {"SourceModelVariantName": "main", "ShadowModelVariants": [sample]}
    with pytest.raises(ClientError, match="less than or equal to 100"):
        create(server, "nowhere", ShadowModeConfig=shadow)
