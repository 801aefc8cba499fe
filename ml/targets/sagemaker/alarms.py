"""The alarms that take a new version of an endpoint back: making them, reading their state, removing them.

They look at the new machines alone, by the dimension EndpointConfigName
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html): what runs before may be the
very thing that a deployment is to mend.
Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.identity import resource_tags
from ml.progress import say
from ml.spec.rollout import ModelMetric, RollbackOn
from platform_contract import PlatformContract

NAMESPACE = "AWS/SageMaker"
MICROSECONDS_A_MILLISECOND = 1000
MOST_NAMES = 100
"""Names that DeleteAlarms and DescribeAlarms take at once
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html)."""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """What the alarms of a deployment are about: the new machines of one variant."""

    endpoint: str
    variant: str
    config: str

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """Of SageMaker's metrics of these machines."""
        return [
            {"Name": "EndpointName", "Value": self.endpoint},
            {"Name": "VariantName", "Value": self.variant},
            {"Name": "EndpointConfigName", "Value": self.config},
        ]


@dataclass(frozen=True, kw_only=True)
class AlarmState:
    """An alarm as CloudWatch has it. state: OK, ALARM or INSUFFICIENT_DATA. reason: in CloudWatch's words."""

    name: str
    state: str
    reason: str

    def document(self) -> dict[str, str]:
        """As `-o json` prints it."""
        return asdict(self)


def prefix_of(endpoint: str) -> str:
    """What the names of an endpoint's alarms begin with; no endpoint's name has a slash, so no other's do."""
    return f"{endpoint}/"


def captures_alarm(endpoint: str, variant: str) -> str:
    """The name of the alarm on a variant's captures (ml.targets.sagemaker.capture_alarm)."""
    return f"{prefix_of(endpoint)}captures/{variant}"


def takes_back(endpoint: str, name: str) -> bool:
    """Whether an alarm of an endpoint is one that takes a new version back."""
    return not name.startswith(captures_alarm(endpoint, ""))


def requests(rollback_on: RollbackOn, guarded: Guarded) -> list[dict[str, Any]]:
    """PutMetricAlarm's members for each alarm, less tags."""
    found: list[dict[str, Any]] = []
    if rollback_on.p99_ms is not None:
        text = f"1 % of the requests take the model longer than {rollback_on.p99_ms:g} ms"
        metric = {
            "Namespace": NAMESPACE,
            "MetricName": "ModelLatency",
            "ExtendedStatistic": "p99",
            "Dimensions": guarded.dimensions,
            "Period": rollback_on.period,
        }
        limit = rollback_on.p99_ms * MICROSECONDS_A_MILLISECOND
        found.append(_alarm(rollback_on, guarded, "p99", text, metric, limit))
    if rollback_on.errors_percent is not None:
        text = f"The model answers more than {rollback_on.errors_percent:g} % of the requests with an error"
        metrics = {"Metrics": _error_percent(rollback_on.period, guarded)}
        found.append(_alarm(rollback_on, guarded, "errors", text, metrics, rollback_on.errors_percent))
    found += [_of_model(rollback_on, guarded, one) for one in rollback_on.metrics]
    return found


def _error_percent(period: int, guarded: Guarded) -> list[dict[str, Any]]:
    def sums(name: str, metric: str) -> dict[str, Any]:
        named = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": guarded.dimensions}
        return {"Id": name, "MetricStat": {"Metric": named, "Period": period, "Stat": "Sum"}, "ReturnData": False}

    return [
        {"Id": "percent", "Expression": "100 * errors / requests", "Label": "errors, percent", "ReturnData": True},
        sums("errors", "Invocation5XXErrors"),
        sums("requests", "Invocations"),
    ]


def _of_model(rollback_on: RollbackOn, guarded: Guarded, metric: ModelMetric) -> dict[str, Any]:
    places = {"{endpoint}": guarded.endpoint, "{variant}": guarded.variant, "{config}": guarded.config}
    statistic = "ExtendedStatistic" if metric.statistic.startswith("p") else "Statistic"
    above = metric.above is not None
    limit = metric.above if metric.above is not None else metric.below
    assert limit is not None
    named = {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        statistic: metric.statistic,
        "Dimensions": [{"Name": key, "Value": _filled(value, places)} for key, value in metric.dimensions.items()],
        "Period": rollback_on.period,
    }
    text = f"{metric.statistic} of {metric.namespace} {metric.name} is {'above' if above else 'below'} {limit:g}"
    return _alarm(rollback_on, guarded, f"metric/{metric.name}", text, named, limit, above=above)


def _filled(value: str, places: Mapping[str, str]) -> str:
    for place, meant in places.items():
        value = value.replace(place, meant)
    return value


def _alarm(
    rollback_on: RollbackOn,
    guarded: Guarded,
    word: str,
    text: str,
    metric: Mapping[str, Any],
    limit: float,
    *,
    above: bool = True,
) -> dict[str, Any]:
    return {
        "AlarmName": prefix_of(guarded.endpoint) + word,
        "AlarmDescription": f"{text}: `ml deploy` takes a new version of {guarded.endpoint} back.",
        **metric,
        "EvaluationPeriods": rollback_on.periods,
        "DatapointsToAlarm": rollback_on.periods,
        "Threshold": limit,
        "ComparisonOperator": "GreaterThanThreshold" if above else "LessThanThreshold",
        # A period without requests says nothing against the new version.
        "TreatMissingData": "notBreaching",
    }


def make(
    environment: Environment, contract: PlatformContract, team: str, rollback_on: RollbackOn, guarded: Guarded
) -> tuple[str, ...]:
    """Make the alarms of a deployment, in place of those of the one before; returns their names.

    Made anew, because an alarm that is changed keeps its state, and one that is in ALARM from the version before would
    take the next one back at once.
    """
    remove(environment, guarded.endpoint, which=lambda name: takes_back(guarded.endpoint, name))
    cloudwatch = environment.clients.client("cloudwatch")
    made = requests(rollback_on, guarded)
    for request in made:
        cloudwatch.put_metric_alarm(**request, Tags=resource_tags(contract, team))
    return tuple(request["AlarmName"] for request in made)


def described(environment: Environment, endpoint: str) -> list[dict[str, Any]]:
    """The endpoint's alarms as DescribeAlarms has them."""
    cloudwatch = environment.clients.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix_of(endpoint), AlarmTypes=["MetricAlarm"]
    )
    return [one for page in pages for one in page.get("MetricAlarms", ())]


def states(environment: Environment, endpoint: str) -> list[AlarmState]:
    """The endpoint's alarms as they are now."""
    return [
        AlarmState(name=one["AlarmName"], state=one["StateValue"], reason=one.get("StateReason", ""))
        for one in described(environment, endpoint)
    ]


def remove(environment: Environment, endpoint: str, *, which: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Remove an endpoint's alarms, or those that `which` says yes to; returns their names."""
    names = [one.name for one in states(environment, endpoint) if which(one.name)]
    for start in range(0, len(names), MOST_NAMES):
        environment.clients.client("cloudwatch").delete_alarms(AlarmNames=names[start : start + MOST_NAMES])
    return names


def remove_if_allowed(environment: Environment, endpoint: str) -> None:
    """Remove the alarms of an endpoint that is gone. Who may not is told: the endpoint is gone all the same."""
    try:
        remove(environment, endpoint)
    except ClientError as error:
        if not is_denied(error):
            raise
        say(f"The alarms of {endpoint} stay: {error_details(error).message}")


class Watch:
    """Remembers the alarms that rang while a rollout goes on: when the requests are back on the old machines, an alarm
    on the new ones has nothing left to look at, and is OK again."""

    def __init__(self, environment: Environment, endpoint: str, names: Sequence[str]):
        self._environment = environment
        self._endpoint = endpoint
        self._names = frozenset(names)
        self.rang: dict[str, AlarmState] = {}

    def look(self) -> None:
        """See which are in ALARM now."""
        if not self._names:
            return
        for one in states(self._environment, self._endpoint):
            if one.state == "ALARM" and one.name in self._names:
                self.rang.setdefault(one.name, one)
