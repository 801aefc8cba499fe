"""What is known of a median from few measurements."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Median:
    """A median and the interval that holds the true one. confidence: how often such an interval does, at least."""

    value: float
    low: float
    high: float
    confidence: float


def median_of(values: Sequence[float], confidence: float = CONFIDENCE) -> Median:
    """The median with the interval between two order statistics, whatever the values' distribution.

    Where there are too few values for the confidence, smallest and largest with the confidence that they give.
    Source: the sign test's interval, as in table A.7 of https://www.coursehero.com/file/5646626/A7/.
    """
    ordered, count = sorted(values), len(values)
    cut, outside = 0, 0.0
    while cut < (count - 1) // 2:
        more = outside + 2 * math.comb(count, cut) / 2**count
        if more > 1 - confidence:
            break
        cut, outside = cut + 1, more
    first = max(cut - 1, 0)
    held = 1 - sum(2 * math.comb(count, place) / 2**count for place in range(first + 1))
    return Median(
        value=statistics.median(ordered), low=ordered[first], high=ordered[count - 1 - first], confidence=held
    )
