"""The difference of two means of which only sums by period are known, as CloudWatch keeps them.

Of each period in which both variants answered, the difference of their means is one observation, which counts as much
as the requests behind it: n_main n_challenger / (n_main + n_challenger). What both have in common in a period (a busy
hour) is in no difference. The interval is that of `ml.abtest.numeric` with periods as observations and a variance of
the weighted mean that allows for unlike ones (White, "A heteroskedasticity-consistent covariance matrix estimator",
Econometrica 48 (1980)).
"""

import math
from dataclasses import dataclass

from ml.abtest.interval import Interval
from ml.abtest.numeric import squared_boundary

FEWEST = 60
"""Periods before the first interval: with 30, of two log-normal latencies a minute of the challenger's and 18 of
main's, 5.6% of the tests were wrong at a level of 5%."""
NARROWEST_AT = 200
"""Periods at which the interval is narrowest."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """One variant's sums of one period. count: of observations, above 0."""

    count: float
    total: float


def period_difference(periods: list[tuple[Period, Period]], alpha: float) -> Interval:
    """Challenger's mean less main's. periods: main's and challenger's sums, of each period in which both have some."""
    if not periods:
        return Interval(estimate=math.nan, low=-math.inf, high=math.inf)
    weighted = [
        (
            main.count * challenger.count / (main.count + challenger.count),
            challenger.total / challenger.count - main.total / main.count,
        )
        for main, challenger in periods
    ]
    total = math.fsum(weight for weight, _ in weighted)
    estimate = math.fsum(weight * difference for weight, difference in weighted) / total
    count = len(weighted)
    if count < FEWEST:
        return Interval(estimate=estimate, low=-math.inf, high=math.inf)
    squares = math.fsum((weight * (difference - estimate)) ** 2 for weight, difference in weighted)
    variance = squares / total**2 * count / (count - 1)
    half = math.sqrt(variance * squared_boundary(count, alpha, NARROWEST_AT))
    return Interval(estimate=estimate, low=estimate - half, high=estimate + half)
