"""Application Auto Scaling of endpoint variants on the AWS server, asked for with boto3."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_load import Load
from tests.local.sagemaker_server import SageMakerServer, eventually
from tests.scaling_alarms import alarm_with

pytestmark = pytest.mark.local
WHERE = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/scaled/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("autoscaling"))
    server.start()
    server.prepare()
    server.config("one", {"VariantName": "main", "ModelName": server.model("model")})
    server.sagemaker.create_endpoint(EndpointName="scaled", EndpointConfigName="one")
    server.settled("scaled")
    yield server
    server.stop()


def count(server: SageMakerServer) -> int:
    (variant,) = server.settled("scaled")["ProductionVariants"]
    return variant["CurrentInstanceCount"]


def track(server: SageMakerServer, **configuration: Any) -> dict[str, Any]:
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    return server.client("application-autoscaling").put_scaling_policy(
        PolicyName="by-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 100.0, **metric, **configuration},
        **WHERE,
    )


def test_a_policy_makes_its_two_alarms_and_scales_by_their_state(server: SageMakerServer) -> None:
    scaling, cloudwatch = server.client("application-autoscaling"), server.client("cloudwatch")
    with pytest.raises(ClientError, match="ObjectNotFound"):
        track(server)
    with pytest.raises(ClientError, match="no variant other"):
        scaling.register_scalable_target(
            **{**WHERE, "ResourceId": "endpoint/scaled/variant/other"}, MinCapacity=1, MaxCapacity=3
        )
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3)
    policy = track(server, ScaleOutCooldown=0, ScaleInCooldown=300)
    high, low = (each["AlarmName"] for each in policy["Alarms"])
    assert high.startswith("TargetTracking-endpoint/scaled/variant/main-AlarmHigh-")
    alarms = {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]}
    shape = ("MetricName", "Statistic", "Period", "EvaluationPeriods", "Threshold", "AlarmActions")
    arn = policy["PolicyARN"]
    assert [alarms[high][name] for name in shape] == ["InvocationsPerInstance", "Sum", 60, 3, 100.0, [arn]]
    assert [alarms[low][name] for name in shape] == ["InvocationsPerInstance", "Sum", 60, 15, 90.0, [arn]]
    (described,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert [each["AlarmName"] for each in described["Alarms"]] == [high, low]

    alarm_with(server, high, 190.0)
    assert count(server) == 2
    alarm_with(server, high, 5000.0)
    assert count(server) == 3  # the most that it may have
    alarm_with(server, low, 10.0)
    assert count(server) == 1
    alarm_with(server, high, 190.0)
    assert count(server) == 2
    alarm_with(server, low, 10.0)
    assert count(server) == 2  # the cool-down of the last scaling in lasts
    activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    assert [each["Description"] for each in activities] == [
        f"Setting desired instance count to {number}." for number in (2, 1, 3, 2)
    ]
    assert activities[-1]["Cause"] == f"monitor alarm {high} in state ALARM triggered policy by-load"
    assert {each["StatusCode"] for each in activities} == {"Successful"}

    again = track(server, DisableScaleIn=True)
    assert again["PolicyARN"] == arn
    assert high not in {each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]}


def test_a_scheduled_action_sets_the_limits_and_the_count_follows(server: SageMakerServer) -> None:
    scaling = server.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3)
    for schedule in ("cron(0 12 L * ? *)", "at(noon)"):
        with pytest.raises(ClientError, match="schedule"):
            scaling.put_scheduled_action(ScheduledActionName="odd", Schedule=schedule, **WHERE)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1))
    scaling.put_scheduled_action(
        ScheduledActionName="morning",
        Schedule=f"at({moment})",
        ScalableTargetAction={"MinCapacity": 3, "MaxCapacity": 4},
        **WHERE,
    )
    eventually(lambda: count(server), lambda number: number == 3)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 4)
    last, before = scaling.describe_scaling_activities(**WHERE)["ScalingActivities"][:2]
    assert (last["Description"], last["Cause"]) == (
        "Setting desired instance count to 3.",
        "minimum capacity was set to 3",
    )
    assert before["Cause"] == "scheduled action name morning was triggered"


def test_a_policy_and_a_scheduled_action_that_are_deleted_leave_nothing(server: SageMakerServer) -> None:
    scaling = server.client("application-autoscaling")
    scaling.deregister_scalable_target(**WHERE)
    target = scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3, Tags={"by": "hand"})
    arn = target["ScalableTargetARN"]
    track(server)
    action = {**WHERE, "ScheduledActionName": "nightly"}
    scaling.put_scheduled_action(
        **action, Schedule="cron(0 20 * * ? *)", ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1}
    )
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "research"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"by": "hand", "team": "research"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"by": "hand"}
    scaling.delete_scaling_policy(PolicyName="by-load", **WHERE)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert server.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    with pytest.raises(ClientError, match="ObjectNotFound"):
        scaling.delete_scaling_policy(PolicyName="by-load", **WHERE)
    scaling.delete_scheduled_action(**action)
    left = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert "nightly" not in {each["ScheduledActionName"] for each in left}
    with pytest.raises(ClientError, match="ObjectNotFound"):
        scaling.delete_scheduled_action(**action)
    with pytest.raises(ClientError, match="NotImplemented"):
        scaling.get_predictive_scaling_forecast(
            PolicyName="by-load", StartTime=time.time(), EndTime=time.time() + 3600, **WHERE
        )


@pytest.mark.full
@pytest.mark.timeout(900)
def test_requests_alone_bring_the_instances_that_the_target_asks_for(server: SageMakerServer) -> None:
    scaling = server.client("application-autoscaling")
    server.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="scaled", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 1}]
    )
    assert count(server) == 1
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=2)
    high = track(server, TargetValue=30.0, ScaleOutCooldown=0)["Alarms"][0]["AlarmName"]
    with Load(server, "scaled", callers=1) as load:
        # Three whole minutes above the target, and CloudWatch's look at them.
        eventually(lambda: count(server), lambda number: number == 2, patience_s=420)
    assert not load.failures
    (activity,) = scaling.describe_scaling_activities(**WHERE, MaxResults=1)["ScalingActivities"]
    assert activity["Cause"] == f"monitor alarm {high} in state ALARM triggered policy by-load"
    (alarm,) = server.client("cloudwatch").describe_alarms(AlarmNames=[high])["MetricAlarms"]
    assert "datapoints" in alarm["StateReason"]


def test_what_belongs_to_a_target_goes_with_it(server: SageMakerServer) -> None:
    scaling = server.client("application-autoscaling")
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=3)
    track(server)
    scaling.deregister_scalable_target(**WHERE)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    assert server.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
