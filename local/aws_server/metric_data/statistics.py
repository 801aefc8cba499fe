"""Data of a metric, and the statistics of them: a pure part of CloudWatch.

Statistics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html. A percentile is
the nearest rank: the smallest value that at least p percent of the samples do not exceed; CloudWatch does not say how
it interpolates.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, by name."""
SeriesKey = tuple[str, str, Dimensions]
"""Namespace, metric name, dimensions: another combination of dimensions is another metric."""
Values = tuple[tuple[float, float], ...]
"""Values, and how often each occurred."""


class UnknownStatisticError(Exception):
    """No statistic, or one that is not computed here."""


@dataclass(frozen=True, slots=True)
class Datum:
    """What was put for one metric and one moment.

    moment: seconds since the epoch, at the datum's resolution. row: which request it came with; a later one is larger.
    values: where it was put as values; None where as a statistic set.
    """

    moment: int
    unit: str
    count: float
    total: float
    least: float
    most: float
    values: Values | None
    row: int

    @property
    def distribution(self) -> Values | None:
        """Values with their counts; None where a statistic set does not tell them.

        It tells them when they are all the same:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
        """
        if self.values is not None:
            return self.values
        if self.least == self.most and math.isclose(self.total, self.least * self.count):
            return ((self.least, self.count),)
        return None


def check_statistic(name: str) -> None:
    """Raises UnknownStatisticError."""
    _function(name)


def statistic(name: str, data: Sequence[Datum]) -> float | None:
    """The statistic of some data; None where there are none, or where they do not tell a percentile.

    Raises UnknownStatisticError.
    """
    function = _function(name)
    return function(data) if data else None


def percentile_of(name: str) -> float | None:
    """The p of a percentile such as `p99.9`; None for another statistic."""
    match = re.fullmatch(r"p(\d{1,3}(?:\.\d{1,10})?)", name)
    if match is None or float(match[1]) > 100:
        return None
    return float(match[1])


def _function(name: str) -> Callable[[Sequence[Datum]], float | None]:
    if name in _PLAIN:
        return _PLAIN[name]
    if (percent := percentile_of(name)) is not None:
        return lambda data: _percentile(percent, data)
    raise UnknownStatisticError(
        f"{name} is no statistic that this server computes: {', '.join(_PLAIN)} and percentiles (p0 to p100)"
    )


def _percentile(percent: float, data: Sequence[Datum]) -> float | None:
    values: list[tuple[float, float]] = []
    for datum in data:
        told = datum.distribution
        if told is None:
            return None
        values.extend(told)
    rank = percent / 100 * sum(count for _, count in values)
    seen = 0.0
    last = None
    for value, count in sorted(values):
        seen, last = seen + count, value
        if seen >= rank - 1e-9 and seen > 0:
            return value
    return last


def _sum(data: Sequence[Datum]) -> float:
    return sum(datum.total for datum in data)


def _count(data: Sequence[Datum]) -> float:
    return sum(datum.count for datum in data)


def _average(data: Sequence[Datum]) -> float | None:
    count = _count(data)
    return _sum(data) / count if count else None


_PLAIN: dict[str, Callable[[Sequence[Datum]], float | None]] = {
    "SampleCount": _count,
    "Average": _average,
    "Sum": _sum,
    "Minimum": lambda data: min(datum.least for datum in data),
    "Maximum": lambda data: max(datum.most for datum in data),
}
