"""An endpoint's alarms after an earlier version came back: they watch the configuration that serves now.

The alarms of a deployment look at its own configuration alone (ml.targets.sagemaker.alarms). Once another one serves,
they would look at machines that are gone, and say nothing whatever happens.
"""

from collections.abc import Mapping
from typing import Any, cast

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment
from ml.identity import resource_tags
from ml.progress import say
from ml.targets.sagemaker import alarms
from platform_contract import PlatformContract

CONFIG, VARIANT = "EndpointConfigName", "VariantName"
"""Dimensions of an endpoint's metrics
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html)."""
METRICS_EVERY_S = 60
"""How often an endpoint's invocation metrics come without enhanced ones
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MetricsConfig.html)."""
MEMBERS = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
)
"""Of PutMetricAlarm, which DescribeAlarms says
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html)."""


def follow(
    environment: Environment, contract: PlatformContract, team: str, endpoint: str, serves: Mapping[str, Any]
) -> None:
    """Have an endpoint's alarms watch a configuration that takes over.

    serves: CreateEndpointConfig's members of it. An alarm on a variant that it has not is removed. They are made anew,
    because an alarm that is changed keeps its state. What CloudWatch refuses is told: the version comes back anyway.
    """
    cloudwatch = environment.clients.client("cloudwatch")
    try:
        known = alarms.described(environment, endpoint)
        moved = [one for one in known if _values(one, CONFIG) - {serves["EndpointConfigName"]}]
        for start in range(0, len(moved), alarms.MOST_NAMES):
            names = [one["AlarmName"] for one in moved[start : start + alarms.MOST_NAMES]]
            cloudwatch.delete_alarms(AlarmNames=names)
        variants = {one[VARIANT] for one in serves["ProductionVariants"]}
        for one in moved:
            if _values(one, VARIANT) <= variants:
                cloudwatch.put_metric_alarm(**watching(one, serves), Tags=resource_tags(contract, team))
    except ClientError as error:
        say(f"The alarms of {endpoint} do not watch what serves now: {error_details(error).message}")


def watching(alarm: Mapping[str, Any], serves: Mapping[str, Any]) -> dict[str, Any]:
    """PutMetricAlarm's members of the same alarm on another configuration.

    Its period is at least as long as that configuration's metrics are apart: it would see most periods empty.
    """
    left, config = _values(alarm, CONFIG), serves["EndpointConfigName"]
    metrics: Mapping[str, Any] = serves.get("MetricsConfig") or {}
    every = METRICS_EVERY_S
    if metrics.get("EnableEnhancedMetrics"):
        every = metrics.get("MetricPublishFrequencyInSeconds", METRICS_EVERY_S)

    def changed(value: Any, member: str = "") -> Any:
        if isinstance(value, dict):
            return {name: changed(each, name) for name, each in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [changed(each) for each in cast("list[Any]", value)]
        if member == "Value" and value in left:
            return config
        return max(value, every) if member == "Period" else value

    # Empty lists and texts are what DescribeAlarms says of members that nobody gave.
    return {name: changed(alarm[name], name) for name in MEMBERS if alarm.get(name) not in (None, "", [])}


def _values(alarm: Mapping[str, Any], dimension: str) -> set[str]:
    """An alarm's values of a dimension, in whichever of its metrics."""
    metrics = [alarm, *(each.get("MetricStat", {}).get("Metric", {}) for each in alarm.get("Metrics", ()))]
    return {one["Value"] for metric in metrics for one in metric.get("Dimensions", ()) if one["Name"] == dimension}
