"""The alarms of CloudWatch as data: which metric, over which time, against which threshold, and why.

A rule of Prometheus cannot see what lives in CloudWatch: SageMaker's endpoints, NAT gateways, and Prometheus itself. An
alarm takes no SEARCH expression, so what cannot be named in advance is watched by a Metrics Insights query, whose every
time series (each endpoint and variant) is judged by itself
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Metrics_Insights_Alarm.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SAGEMAKER = "AWS/SageMaker"
NAT_GATEWAY = "AWS/NATGateway"
PROMETHEUS = "AWS/Prometheus"
MINUTE, HOUR = 60, 3600
Missing = Literal["notBreaching", "missing", "breaching", "ignore"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of an alarm. dimensions: name to value."""

    namespace: str
    name: str
    stat: str
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm, which goes off above its threshold.

    word: last part of its name. why: what it means and what to do, for the message.
    metrics: the metrics, by the names that `expression` gives them; with one metric and no expression it is the value.
    expression: metric math over `metrics`, or a Metrics Insights query where there are none.
    seconds: period; periods: how many of them; breaching: how many of these must be above (all by default).
    missing: what no data means.
    pages: whether it tells anybody by itself. One that is half of a composite alarm does not.
    """

    word: str
    why: str
    threshold: float
    seconds: int
    docs: str
    metrics: Mapping[str, Metric] = field(default_factory=dict[str, Metric])
    expression: str = ""
    periods: int = 1
    breaching: int | None = None
    missing: Missing = "notBreaching"
    pages: bool = True


@dataclass(frozen=True, kw_only=True)
class Both:
    """An alarm that goes off while two others do (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html)."""

    word: str
    why: str
    of: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """How fast an error budget burns: `factor` times as fast as it may, over both windows, is too fast.

    Two windows: the long one says that it is serious, the short one that it goes on (Site Reliability Workbook, chapter
    5, table 5-8: https://sre.google/workbook/alerting-on-slos/).
    """

    word: str
    factor: float
    long_seconds: int
    short_seconds: int
    why: str


BURN_RATES = (
    BurnRate(
        word="fast",
        factor=14.4,
        long_seconds=HOUR,
        short_seconds=5 * MINUTE,
        why="2% of a month's error budget went within an hour: roll back or scale out now",
    ),
    BurnRate(
        word="slow",
        factor=6,
        long_seconds=6 * HOUR,
        short_seconds=30 * MINUTE,
        why="5% of a month's error budget went within six hours: find the cause today",
    ),
)
FEWEST_INVOCATIONS = 20
"""Below so many requests in a window one failure says nothing about a rate."""
MICROSECONDS = 1000
"""ModelLatency is told in microseconds, settings in milliseconds."""

_SAGEMAKER_DOCS = (
    "https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation"
)
_NAT_DOCS = "https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html"
_PROMETHEUS_DOCS = "https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-CW-usage-metrics.html"


def nat_alarms(gateway_id: str) -> tuple[Alarm, ...]:
    """What is watched at a NAT gateway: through it go image pulls, data and every call of AWS without an endpoint."""
    of = {"NatGatewayId": gateway_id}
    return (
        Alarm(
            word="port-allocation",
            why="The NAT gateway has no free source port for a destination: connections fail. Give the busy service a "
            "VPC endpoint, or each zone a gateway",
            metrics={"errors": Metric(namespace=NAT_GATEWAY, name="ErrorPortAllocation", stat="Sum", dimensions=of)},
            threshold=0,
            seconds=5 * MINUTE,
            docs=_NAT_DOCS,
        ),
        Alarm(
            word="packets-dropped",
            why="The NAT gateway drops more than 0.01% of its packets, which AWS calls a fault of its own: see the "
            "AWS Health Dashboard",
            metrics={
                "dropped": Metric(namespace=NAT_GATEWAY, name="PacketsDropCount", stat="Sum", dimensions=of),
                "out": Metric(namespace=NAT_GATEWAY, name="PacketsInFromSource", stat="Sum", dimensions=of),
                "back": Metric(namespace=NAT_GATEWAY, name="PacketsInFromDestination", stat="Sum", dimensions=of),
            },
            expression="IF(out + back > 0, 100 * dropped / (out + back), 0)",
            threshold=0.01,
            seconds=5 * MINUTE,
            periods=3,
            docs=_NAT_DOCS,
        ),
    )


def prometheus_alarms(workspace_id: str) -> tuple[Alarm, ...]:
    """Who watches what watches: alerts that Prometheus cannot send about itself."""
    source, where = f'"{PROMETHEUS}"', f"WHERE Workspace = '{workspace_id}'"
    return (
        Alarm(
            word="notifications-failed",
            why="Alertmanager could not publish to the alert topic, so alerts are lost: see the workspace's log group",
            expression=_select("SUM(AlertManagerNotificationsFailed)", source, where),
            threshold=0,
            seconds=5 * MINUTE,
            docs=_PROMETHEUS_DOCS,
        ),
        Alarm(
            word="rules-failed",
            why="Rules could not be evaluated, so their alerts are silent: see the workspace's log group",
            expression=_select("SUM(RuleEvaluationFailures)", source, where),
            threshold=0,
            seconds=5 * MINUTE,
            periods=3,
            docs=_PROMETHEUS_DOCS,
        ),
    )


def fleet_alarms(errors: int, latency_ms: int) -> tuple[Alarm, ...]:
    """What is watched at every endpoint of the account and region, whoever made it.

    errors: failed requests in five minutes. latency_ms: mean of the model's time; a Metrics Insights query has no
    percentiles.
    """
    schema = f'SCHEMA("{SAGEMAKER}", EndpointName, VariantName)'
    by_variant = "GROUP BY EndpointName, VariantName"
    return (
        Alarm(
            word="endpoint-errors",
            why=f"An endpoint failed more than {errors} requests in five minutes: see its log group "
            "/aws/sagemaker/Endpoints/<name>",
            expression=_select("SUM(Invocation5XXErrors)", schema, by_variant, "ORDER BY SUM() DESC"),
            threshold=errors,
            seconds=5 * MINUTE,
            docs=_SAGEMAKER_DOCS,
        ),
        Alarm(
            word="endpoint-latency",
            why=f"A model takes more than {latency_ms} ms on average: see its CPU and GPU use, then scale out",
            expression=_select("AVG(ModelLatency)", schema, by_variant, "ORDER BY AVG() DESC"),
            threshold=latency_ms * MICROSECONDS,
            seconds=5 * MINUTE,
            periods=3,
            docs=_SAGEMAKER_DOCS,
        ),
    )


def endpoint_alarms(endpoint: str, variant: str, latency_ms: int, availability: float) -> tuple[Alarm | Both, ...]:
    """What is watched at an endpoint with promises: its 99th percentile, and how fast its error budget burns.

    availability: promised percentage of requests that do not fail, below 100.
    """
    of = {"EndpointName": endpoint, "VariantName": variant}
    alarms: list[Alarm | Both] = [
        Alarm(
            word=f"{endpoint}-{variant}-latency",
            why=f"One request in a hundred of {endpoint}/{variant} keeps the model busy for more than {latency_ms} ms",
            metrics={"latency": Metric(namespace=SAGEMAKER, name="ModelLatency", stat="p99", dimensions=of)},
            threshold=latency_ms * MICROSECONDS,
            seconds=MINUTE,
            periods=5,
            breaching=3,
            docs=_SAGEMAKER_DOCS,
        )
    ]
    allowed = round(1 - availability / 100, 6)
    for rate in BURN_RATES:
        halves = {"long": rate.long_seconds, "short": rate.short_seconds}
        words = {half: f"{endpoint}-{variant}-burn-{rate.word}-{half}" for half in halves}
        alarms += [
            Alarm(
                word=words[half],
                why=f"{endpoint}/{variant} burns its error budget {rate.factor:g} times too fast over "
                f"{seconds // MINUTE} min",
                metrics={
                    "failed": Metric(namespace=SAGEMAKER, name="Invocation5XXErrors", stat="Sum", dimensions=of),
                    "total": Metric(namespace=SAGEMAKER, name="Invocations", stat="Sum", dimensions=of),
                },
                expression=f"IF(total >= {FEWEST_INVOCATIONS}, failed / total / {allowed:g}, 0)",
                threshold=rate.factor,
                seconds=seconds,
                docs=_SAGEMAKER_DOCS,
                pages=False,
            )
            for half, seconds in halves.items()
        ]
        alarms.append(
            Both(
                word=f"{endpoint}-{variant}-burn-{rate.word}",
                why=f"{endpoint}/{variant}: {rate.why}",
                of=(words["long"], words["short"]),
            )
        )
    return tuple(alarms)


def _select(what: str, source: str, *clauses: str) -> str:
    """A Metrics Insights query
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html)."""
    return " ".join(("SELECT", what, "FROM", source, *clauses))
