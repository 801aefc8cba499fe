"""Errors and latency of an endpoint's two variants, from the sums that SageMaker puts into CloudWatch.

Names, units and dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml.abtest.decision import Finding, Metric
from ml.abtest.periods import Period, period_difference
from ml.abtest.tally import Tally
from ml.spec.rollout import CHALLENGER, MAIN

NAMESPACE = "AWS/SageMaker"
SETTLED = timedelta(minutes=2)
"""How long after its end a minute's sums may still change: later ones are not looked at yet, for a test may not see an
observation change."""
MINUTES_KEPT = timedelta(days=15)
"""Sums by the minute are kept so long, those of five minutes 63 days
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html)."""
_QUERIES = {
    "invocations": ("Invocations", "Sum"),
    "client_errors": ("Invocation4XXErrors", "Sum"),
    "server_errors": ("Invocation5XXErrors", "Sum"),
    "latency": ("ModelLatency", "Sum"),
    "answers": ("ModelLatency", "SampleCount"),
}
_MICROSECONDS = 1000.0


@dataclass(frozen=True, kw_only=True)
class Sums:
    """One variant's sums of one period. latency: milliseconds of all `answers`."""

    invocations: int
    errors: int
    latency: float
    answers: int


Periods = Mapping[datetime, Mapping[str, Sums]]
"""By the begin of a period, by the variant."""


def read_sums(cloudwatch: Any, endpoint: str, *, start: datetime, now: datetime) -> Periods:
    """The sums of whole periods from `start` on, in the order of time. Raises botocore's ClientError."""
    seconds = 60 if now - start < MINUTES_KEPT else 300
    begin = datetime.fromtimestamp(-(-start.timestamp() // seconds) * seconds, UTC)
    end = datetime.fromtimestamp((now - SETTLED).timestamp() // seconds * seconds, UTC)
    if end <= begin:
        return {}
    found: dict[datetime, dict[str, dict[str, float]]] = {}
    for label, moment, value in _values(cloudwatch, endpoint, begin, end, seconds):
        variant, _, name = label.partition("_")
        found.setdefault(moment, {}).setdefault(variant, {})[name] = value
    return {
        moment: {
            variant: Sums(
                invocations=round(values.get("invocations", 0)),
                errors=round(values.get("client_errors", 0) + values.get("server_errors", 0)),
                latency=values.get("latency", 0.0) / _MICROSECONDS,
                answers=round(values.get("answers", 0)),
            )
            for variant, values in variants.items()
        }
        for moment, variants in sorted(found.items())
    }


def since_challenger(periods: Periods) -> Periods:
    """The periods after the one in which the challenger got its first request: in that one main had some alone."""
    first = next((moment for moment, sums in periods.items() if _invocations(sums, CHALLENGER)), None)
    return {moment: sums for moment, sums in periods.items() if first is not None and moment > first}


def add_errors(periods: Periods, tally: Tally) -> None:
    """One observation a request: 1 for an error.

    A sum does not say which of a period's requests had the errors. Which does not matter to requests that are
    independent of each other, so they are drawn: by the period alone, that the same ones are drawn at each look.
    """
    for moment, sums in periods.items():
        for variant in (MAIN, CHALLENGER):
            one = sums.get(variant)
            if one is None:
                continue
            draw = random.Random(f"{variant} {moment.isoformat()}")  # noqa: S311 - an order, no secret
            errors = min(one.errors, one.invocations)
            failed = set(draw.sample(range(one.invocations), errors))
            for place in range(one.invocations):
                tally.add(challenger=variant == CHALLENGER, value=float(place in failed))
        if tally.full:
            return


def latency_finding(periods: Periods, metric: Metric) -> Finding:
    """Mean time in the container."""
    both = [
        (_latency(sums[MAIN]), _latency(sums[CHALLENGER]))
        for sums in periods.values()
        if MAIN in sums and CHALLENGER in sums and sums[MAIN].answers and sums[CHALLENGER].answers
    ]
    counts = [sum(int(pair[side].count) for pair in both) for side in (0, 1)]
    totals = [sum(pair[side].total for pair in both) for side in (0, 1)]
    means = [total / count if count else float("nan") for total, count in zip(totals, counts, strict=True)]
    return Finding(
        metric=metric,
        main=means[0],
        challenger=means[1],
        main_count=counts[0],
        challenger_count=counts[1],
        interval=period_difference(both, metric.alpha),
    )


def invocations(periods: Periods) -> tuple[int, int]:
    """Requests of main and of the challenger."""
    sides = [sum(_invocations(sums, name) for sums in periods.values()) for name in (MAIN, CHALLENGER)]
    return sides[0], sides[1]


def _latency(sums: Sums) -> Period:
    return Period(count=sums.answers, total=sums.latency)


def _invocations(sums: Mapping[str, Sums], variant: str) -> int:
    return sums[variant].invocations if variant in sums else 0


def _values(
    cloudwatch: Any, endpoint: str, begin: datetime, end: datetime, seconds: int
) -> Iterator[tuple[str, datetime, float]]:
    queries = [
        {
            "Id": f"{variant}_{name}",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": seconds,
                "Stat": statistic,
            },
        }
        for variant in (MAIN, CHALLENGER)
        for name, (metric, statistic) in _QUERIES.items()
    ]
    request: dict[str, Any] = {"MetricDataQueries": queries, "StartTime": begin, "EndTime": end}
    while True:
        answer = cloudwatch.get_metric_data(**request)
        for result in answer["MetricDataResults"]:
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                yield result["Id"], moment, value
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]
