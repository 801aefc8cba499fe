"""Inference components on the AWS server, and an endpoint that scales to zero and wakes up, asked for with boto3."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import EACH_10_S, ROLE, SageMakerServer, eventually
from tests.scaling_alarms import alarm_with

pytestmark = pytest.mark.local
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "inference-component/small",
    "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
}
NEEDS = {"NumberOfCpuCoresRequired": 0.25, "MinMemoryRequiredInMb": 128}
NO_CAPACITY = r"ValidationError.*Inference Component has no capacity to process this request"
WAKE_BY = {
    "AlarmName": "wake",
    "Namespace": "AWS/SageMaker",
    "MetricName": "NoCapacityInvocationFailures",
    "Dimensions": [{"Name": "InferenceComponentName", "Value": "small"}],
    "Statistic": "Sum",
    "Period": 10,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("components"))
    server.start()
    server.prepare()
    host(server, "hosts", ManagedInstanceScaling={"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2})
    server.model("one", TAG="one")
    server.sagemaker.create_endpoint(EndpointName="dev", EndpointConfigName="hosts")
    server.settled("dev")
    create(server, "small")
    component(server)
    yield server
    server.stop()


def host(server: SageMakerServer, name: str, **variant: Any) -> None:
    """An endpoint configuration whose variant has no model."""
    server.config(
        name,
        {"VariantName": "main", "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}, **variant},
        ExecutionRoleArn=ROLE,
        MetricsConfig=EACH_10_S,
    )


def create(server: SageMakerServer, name: str, **specification: Any) -> None:
    server.sagemaker.create_inference_component(
        InferenceComponentName=name,
        EndpointName="dev",
        VariantName="main",
        Specification={"ModelName": "one", "ComputeResourceRequirements": NEEDS, **specification},
        RuntimeConfig={"CopyCount": 1},
    )


def component(server: SageMakerServer, name: str = "small") -> dict[str, Any]:
    """Its description once no change is under way."""
    return eventually(
        lambda: server.sagemaker.describe_inference_component(InferenceComponentName=name),
        lambda found: found["InferenceComponentStatus"] in ("InService", "Failed"),
    )


def copies(server: SageMakerServer) -> tuple[int, int]:
    """Copies of the component, and instances of its endpoint."""
    (variant,) = server.settled("dev")["ProductionVariants"]
    return component(server)["RuntimeConfig"]["CurrentCopyCount"], variant["CurrentInstanceCount"]


def ask(server: SageMakerServer) -> dict[str, Any]:
    return server.invoke("dev", InferenceComponentName="small")


def scale_by(server: SageMakerServer, policy: str, kind: str, **configuration: Any) -> dict[str, Any]:
    return server.client("application-autoscaling").put_scaling_policy(
        PolicyName=policy, PolicyType=kind, **{f"{kind}PolicyConfiguration": configuration}, **TARGET
    )


def auto_scale(server: SageMakerServer) -> str:
    """As AWS's guide for zero instances says; answers the alarm that scales in."""
    scaling = server.client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=2)
    metric = {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"}
    tracking = scale_by(
        server,
        "by-load",
        "TargetTrackingScaling",
        TargetValue=60.0,
        PredefinedMetricSpecification=metric,
        ScaleInCooldown=0,
    )
    step = scale_by(
        server,
        "wake",
        "StepScaling",
        AdjustmentType="ChangeInCapacity",
        MetricAggregationType="Maximum",
        Cooldown=60,
        StepAdjustments=[{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    )
    server.client("cloudwatch").put_metric_alarm(**WAKE_BY, AlarmActions=[step["PolicyARN"]])
    return next(each["AlarmName"] for each in tracking["Alarms"] if "-AlarmLow-" in each["AlarmName"])


def test_a_component_scales_to_zero_says_so_and_wakes_up(server: SageMakerServer) -> None:
    assert ask(server)["tag"] == "one"
    assert copies(server) == (1, 1)
    low = auto_scale(server)
    (target,) = server.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ScalableDimension=TARGET["ScalableDimension"]
    )["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"]) == ("inference-component/small", 0)

    alarm_with(server, low, 0.0)
    assert copies(server) == (0, 0)
    with pytest.raises(ClientError, match=NO_CAPACITY):
        ask(server)
    assert server.settled("dev")["EndpointStatus"] == "InService"
    alarm_with(server, "wake", 1.0)
    assert copies(server) == (1, 1)
    assert ask(server)["tag"] == "one"
    alarm_with(server, "wake", 1.0)
    assert copies(server) == (1, 1)  # the cool-down counts the copy that came as part of what is wanted
    (last, *_) = server.client("application-autoscaling").describe_scaling_activities(**TARGET)["ScalingActivities"]
    assert last["Description"] == "Setting desired copy count to 1."
    assert last["Cause"] == "monitor alarm wake in state ALARM triggered policy wake"


@pytest.mark.full
def test_the_call_that_finds_no_copy_wakes_the_component_up_by_itself(server: SageMakerServer) -> None:
    auto_scale(server)
    server.sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="small", DesiredRuntimeConfig={"CopyCount": 0}
    )
    assert copies(server) == (0, 0)
    with pytest.raises(ClientError, match=NO_CAPACITY):
        ask(server)
    assert eventually(lambda: answered(server), bool)["tag"] == "one"
    assert copies(server) == (1, 1)


@pytest.mark.full
def test_a_component_is_updated_listed_and_comes_back_with_its_server(server: SageMakerServer) -> None:
    sagemaker = server.sagemaker
    server.model("two", TAG="two")
    sagemaker.update_inference_component(
        InferenceComponentName="small", Specification={"ModelName": "two", "ComputeResourceRequirements": NEEDS}
    )
    assert component(server)["Specification"]["ModelName"] == "two"
    assert ask(server)["tag"] == "two"
    sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="small", DesiredRuntimeConfig={"CopyCount": 2}
    )
    assert copies(server)[0] == 2
    (listed,) = sagemaker.list_inference_components(EndpointNameEquals="dev")["InferenceComponents"]
    assert (listed["VariantName"], listed["InferenceComponentStatus"]) == ("main", "InService")
    server.stop(signal.SIGKILL)
    server.start()
    assert eventually(lambda: answered(server), bool)["tag"] == "two"
    assert component(server)["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}


def answered(server: SageMakerServer) -> dict[str, Any]:
    try:
        return ask(server)
    except ClientError:
        return {}


def test_what_does_not_go_with_components_is_refused(server: SageMakerServer) -> None:
    sagemaker = server.sagemaker
    with pytest.raises(ClientError, match="Inference Component Name header is required"):
        server.invoke("dev")
    with pytest.raises(ClientError, match=r"component none of endpoint dev not found"):
        server.invoke("dev", InferenceComponentName="none")
    with pytest.raises(ClientError, match=r"delete its inference component\(s\) first: \[small\]"):
        sagemaker.delete_endpoint(EndpointName="dev")
    with pytest.raises(ClientError, match="must have an ExecutionRoleArn"):
        server.config("x", {"VariantName": "main"})
    with pytest.raises(ClientError, match="either ModelName, or Container"):
        create(server, "x", Container={"Image": "model-server:1"})
    with pytest.raises(ClientError, match="Could not find model"):
        create(server, "x", ModelName="none")
    with pytest.raises(ClientError, match="At least one step adjustment"):
        scale_by(server, "odd", "StepScaling", AdjustmentType="ExactCapacity", StepAdjustments=[])


def test_a_deleted_component_leaves_an_endpoint_that_can_go(server: SageMakerServer) -> None:
    sagemaker = server.sagemaker
    sagemaker.delete_inference_component(InferenceComponentName="small")
    eventually(lambda: sagemaker.list_inference_components()["InferenceComponents"], lambda found: not found)
    sagemaker.delete_endpoint(EndpointName="dev")
    eventually(lambda: sagemaker.list_endpoints()["Endpoints"], lambda found: not found)
    assert not list((server.state / "sagemaker" / "inference-components").glob("small/*"))
