"""What a metric alarm looks at: its criteria, and its data at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.aws_server.alarms.evaluation import EXTRA_PERIODS, MISSING, Criteria
from local.aws_server.metric_data import queries
from local.aws_server.metric_data.expressions import Series
from local.aws_server.metric_data.statistics import percentile_of
from local.aws_server.metric_data.store import MetricStore, series_key

SHORT_PERIODS = (10, 20, 30)
DAY_S = 86_400
CONTRIBUTOR_GONE = "No data was returned for this contributor"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An alarm, read from its description (DescribeAlarms).

    period: seconds. asked: the queries of its data, as GetMetricData has them; wanted: the id of the one that is
    compared. statistic, unit: "" for math.
    """

    criteria: Criteria
    period: int
    asked: Sequence[dict[str, Any]]
    wanted: str
    statistic: str
    unit: str
    fewest_samples: float
    """Samples without which a percentile changes no state; 0 where any number will do."""

    @property
    def interval(self) -> int:
        """Seconds between two evaluations
        (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html)."""
        if self.period in SHORT_PERIODS:
            return 10
        return 3600 if self.period * self.criteria.periods > DAY_S else 60

    def starts(self, end: int) -> list[int]:
        """The periods of the evaluation range that ends with this second: a sliding window."""
        number = self.criteria.periods + EXTRA_PERIODS
        return [end - self.period * back for back in range(number, 0, -1)]

    def data(self, store: MetricStore, region: str, end: int) -> dict[str, Series]:
        """Values by period and contributor ("" for an alarm on one series). Raises ExpressionError."""
        # Math on metrics of a shorter period than the alarm's own looks at that many more of them.
        asked = queries.Asked(
            store=store,
            region=region,
            starts_of=lambda period: list(range(self.starts(end)[0], end, period)),
        )
        return queries.answers(asked, self.asked, self.wanted)

    def has_few_samples(self, store: MetricStore, region: str, end: int) -> bool:
        """Whether the evaluation periods have too few samples for the alarm's percentile."""
        if not self.fewest_samples:
            return False
        metric = self.asked[0]["MetricStat"]["Metric"]
        key = series_key(metric["Namespace"], metric["MetricName"], metric["Dimensions"])
        data = store.data(region, [key], end - self.period * self.criteria.periods, end, self.unit)
        return sum(datum.count for datum in data) < self.fewest_samples


def subject_of(alarm: dict[str, Any]) -> Subject:
    """Reads an alarm's description."""
    statistic, unit = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "", alarm.get("Unit") or ""
    if metrics := alarm.get("Metrics"):
        asked, wanted = metrics, watched(metrics)["Id"]
        statistic = ""
    else:
        metric = {name: alarm[name] for name in ("Namespace", "MetricName")}
        metric["Dimensions"] = alarm.get("Dimensions") or []
        stat: dict[str, Any] = {"Metric": metric, "Period": alarm["Period"], "Stat": statistic, "Unit": unit}
        asked, wanted = [{"Id": "alarm", "MetricStat": stat}], "alarm"
    periods = int(alarm["EvaluationPeriods"])
    criteria = Criteria(
        comparison=alarm["ComparisonOperator"],
        threshold=float(alarm["Threshold"]),
        periods=periods,
        needed=int(alarm.get("DatapointsToAlarm") or periods),
        missing=alarm.get("TreatMissingData") or MISSING,
    )
    ignores = alarm.get("EvaluateLowSampleCountPercentile") == "ignore"
    return Subject(
        criteria=criteria,
        period=queries.period_of(asked, next(each for each in asked if each["Id"] == wanted)),
        asked=asked,
        wanted=wanted,
        statistic=statistic,
        unit=unit,
        fewest_samples=fewest_samples(statistic) if ignores else 0,
    )


def watched(metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The query of an alarm's `Metrics` that is compared: the one that returns data; all do unless told otherwise."""
    return next(each for each in metrics if each.get("ReturnData") is not False)


def fewest_samples(statistic: str) -> float:
    """Samples without which a percentile is not significant, 0 for another statistic.

    10 / (1 - percentile) for percentiles from 0.5 on, 10 / percentile below:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
    """
    percent = percentile_of(statistic)
    if percent is None or percent in (0, 100):
        return 0
    share = percent / 100
    return 10 / (1 - share) if share >= 0.5 else 10 / share
