"""Application Auto Scaling of endpoints: the limits of what may move, the load and the clock that move it."""

from typing import Any, Literal

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.identity import resource_tags
from ml.progress import say
from ml.spec.autoscale import MOST_SCHEDULED, Autoscale
from ml.spec.rollout import CHALLENGER, MAIN
from ml.targets.sagemaker import alarms
from ml.targets.sagemaker.variants import Layout
from platform_contract import PlatformContract

WAKE_COOLDOWN_S = 60
"""As in AWS's example of scaling to zero."""
_SCHEDULE = "ml-{}"
"""Name of the schedule's nth action: those that `ml` has made, and no others."""


def register(
    environment: Environment, contract: PlatformContract, team: str, target: dict[str, str], low: int, high: int
) -> None:
    """The limits of a scalable target, new or known.

    A new one gets its tags as it is made, by which the team's rights know it; one that is there keeps those it has.
    """
    scaling: Any = environment.clients.client("application-autoscaling")
    tags = (
        {} if is_known(environment, target) else {each["Key"]: each["Value"] for each in resource_tags(contract, team)}
    )
    scaling.register_scalable_target(**target, MinCapacity=low, MaxCapacity=high, **({"Tags": tags} if tags else {}))


def deregister(environment: Environment, target: dict[str, str]) -> bool:
    """Take limits, policies and schedule away; whether there were any.

    What the caller may not look at or take away stays, and is told of: with an endpoint SageMaker takes it along
    (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-delete.html).
    """
    scaling: Any = environment.clients.client("application-autoscaling")
    try:
        return is_known(environment, target) and _unless_missing(scaling.deregister_scalable_target, **target)
    except ClientError as error:
        if not is_denied(error):
            raise
        say(f"What scales {target['ResourceId']}, if anything does, stays: {error_details(error).message}")
        return False


def move_machines(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    endpoint: str,
    variant: str,
    autoscale: Autoscale | Literal[False],
) -> None:
    """What moves the machines of a variant in service, or that nothing does; made again it is what it was."""
    target = target_of(endpoint, variant)
    if autoscale is False:
        # What brings the copies of an endpoint of components is not of its machines, and stays.
        if deregister(environment, target):
            _remove_wake_alarm(environment, endpoint)
        return
    register(environment, contract, team, target, autoscale.min, autoscale.max)
    scaling: Any = environment.clients.client("application-autoscaling")
    metric = _metric(autoscale, endpoint)
    if metric is None:
        _unless_missing(scaling.delete_scaling_policy, **target, PolicyName=f"{endpoint}-{variant}-load")
    else:
        scaling.put_scaling_policy(
            **target,
            PolicyName=f"{endpoint}-{variant}-load",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                **metric,
                "ScaleInCooldown": autoscale.scale_in_cooldown,
                "ScaleOutCooldown": autoscale.scale_out_cooldown,
            },
        )
    if autoscale.least == 0:
        wake(environment, contract, team, endpoint, target, ("HasBacklogWithoutCapacity", "EndpointName"))
    else:
        _unless_missing(scaling.delete_scaling_policy, **target, PolicyName=f"{endpoint}-wake")
        _remove_wake_alarm(environment, endpoint)
    _follow_the_clock(scaling, target, autoscale)


def let_go(environment: Environment, endpoint: str, layout: Layout) -> None:
    """Have nothing move the machines of variants that go or get other machines, which SageMaker refuses to change
    (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html)."""
    after = {one.name: one.instance_type for one in layout.production}
    for name, before in layout.before.configured.items() if layout.before else ():
        target = target_of(endpoint, name)
        if after.get(name) != before.instance_type and deregister(environment, target) and name in after:
            say(f"· {name} scaled on {before.instance_type}; on {after[name]} deploy.autoscale has it scale again")


def forget(environment: Environment, endpoint: str) -> None:
    """Have nothing move the machines of an endpoint that is about to go."""
    for variant in (MAIN, CHALLENGER):
        deregister(environment, target_of(endpoint, variant))


def wake(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    endpoint: str,
    target: dict[str, str],
    seen_by: tuple[str, str],
) -> None:
    """The first of what is at zero, once somebody asks. seen_by: SageMaker's metric of that, and its dimension.

    Target tracking alone does not leave zero before the queue is longer than its target, or not at all
    (https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html,
    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html).
    """
    policy = environment.clients.client("application-autoscaling").put_scaling_policy(
        **target,
        PolicyName=f"{endpoint}-wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": WAKE_COOLDOWN_S,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    metric, dimension = seen_by
    environment.clients.client("cloudwatch").put_metric_alarm(
        AlarmName=_wake_alarm(endpoint),
        AlarmDescription=f"A call found {endpoint} at zero: this brings the first.",
        AlarmActions=[policy["PolicyARN"]],
        Namespace=alarms.NAMESPACE,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": endpoint}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        # Else the alarm goes on for minutes after the last call, and a second one comes.
        TreatMissingData="notBreaching",
        Tags=resource_tags(contract, team),
    )


def _wake_alarm(endpoint: str) -> str:
    return f"{alarms.prefix_of(endpoint)}wake"


def _remove_wake_alarm(environment: Environment, endpoint: str) -> None:
    alarms.remove(environment, endpoint, which=lambda name: name == _wake_alarm(endpoint))


def _metric(autoscale: Autoscale, endpoint: str) -> dict[str, Any] | None:
    """What the machines follow, as target tracking takes it; None for the clock alone."""
    if autoscale.requests_per_minute is not None:
        return {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            "TargetValue": autoscale.requests_per_minute,
        }
    if autoscale.backlog_per_machine is not None:
        return {
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": alarms.NAMESPACE,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Statistic": "Average",
            },
            "TargetValue": autoscale.backlog_per_machine,
        }
    return None


def _follow_the_clock(scaling: Any, target: dict[str, str], autoscale: Autoscale) -> None:
    for number, one in enumerate(autoscale.schedule):
        limits = {"MinCapacity": one.min, "MaxCapacity": one.max}
        scaling.put_scheduled_action(
            **target,
            ScheduledActionName=_SCHEDULE.format(number),
            Schedule=one.at,
            # A rate knows no time zone.
            **({} if one.at.startswith("rate(") else {"Timezone": one.timezone}),
            ScalableTargetAction={name: value for name, value in limits.items() if value is not None},
        )
    for number in range(len(autoscale.schedule), MOST_SCHEDULED):
        if not _unless_missing(scaling.delete_scheduled_action, **target, ScheduledActionName=_SCHEDULE.format(number)):
            break


def target_of(endpoint: str, variant: str) -> dict[str, str]:
    """How a variant's machines are named."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def is_known(environment: Environment, target: dict[str, str]) -> bool:
    """Whether something may be moved already."""
    scaling: Any = environment.clients.client("application-autoscaling")
    answer: dict[str, Any] = scaling.describe_scalable_targets(
        ServiceNamespace=target["ServiceNamespace"],
        ResourceIds=[target["ResourceId"]],
        ScalableDimension=target["ScalableDimension"],
    )
    return bool(answer["ScalableTargets"])


def _unless_missing(operation: Any, **request: Any) -> bool:
    """Whether there was something to delete."""
    try:
        operation(**request)
    except ClientError as error:
        if error_details(error).code != "ObjectNotFoundException":
            raise
        return False
    return True
