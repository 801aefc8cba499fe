"""How far two columns are apart: each measure with its formula, its source and what a sketch's error makes of it.

F and G are the distribution functions of the reference and of the current rows, n and m their numbers of rows, p and q
the shares of rows in each bin or category. Rows without a value are in none of them: `missing_share` tests those.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.drift import significance
from ml.drift.quantiles import Floats, Integers, Steps

Counts = NDArray[np.int64]

LEAST_SHARE = 1e-4
"""What an empty bin counts as in the PSI, whose logarithm would be infinite (the same as Evidently's)."""
LEAST_EXPECTED = 5.0
"""Expected rows that a category needs in both samples to be tested by itself (Cochran 1954)."""
EXACT_BELOW = 10.0
"""Expected rows without a value below which their share is tested exactly."""
LEAST_DEVIATION = 0.001
"""Deviation that the Wasserstein distance is divided by where the reference has less (the same as Evidently's)."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measure of one column.

    value: the statistic. p_value: probability of at least this value where both samples come from one distribution; of
    a sketched column that of the smallest statistic that its error allows, so that a stated rate of false alarms holds.
    bound: by how much `value` can differ from that of all values, because of a sketch; 0 where both are exact, None
    where there is no bound in closed form. freedom: degrees of freedom of a chi-squared statistic.
    """

    value: float
    p_value: float | None = None
    bound: float | None = 0.0
    freedom: int | None = None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Both distribution functions at every value of either; `reference` and `current` are what they were made of."""

    values: Floats
    f: Floats
    g: Floats
    reference: Steps
    current: Steps

    @property
    def bound(self) -> float:
        """By how much f - g is wrong at most."""
        return self.reference.bound + self.current.bound


def grid(reference: Steps, current: Steps) -> Grid:
    """Lay two distribution functions beside each other. Neither may be empty."""
    values = np.concatenate((reference.values, current.values))
    order = values.argsort(kind="stable")  # both are sorted: that is one merge
    values = values[order]
    from_reference = np.cumsum(order < len(reference.values), dtype=np.int64)
    both = np.arange(1, len(values) + 1)
    last = values[1:] != values[:-1]
    if not last.all():
        kept = np.append(np.flatnonzero(last), len(values) - 1)
        values, from_reference, both = values[kept], from_reference[kept], both[kept]
    f, g = reference.shares(from_reference), current.shares(both - from_reference)
    return Grid(values=values, f=f, g=g, reference=reference, current=current)


def kolmogorov_smirnov(both: Grid) -> Measured:
    """The two-sample Kolmogorov-Smirnov test: D = sup |F(x) - G(x)|, from 0 to 1 (Smirnov 1939; see significance).

    Bound: the two sketches' rank errors, added.
    """
    distance = float(np.abs(both.f - both.g).max())
    surely = max(0.0, distance - both.bound)
    p_value = significance.kolmogorov_smirnov(surely, both.reference.count, both.current.count)
    return Measured(value=distance, p_value=p_value, bound=both.bound)


def wasserstein(both: Grid, deviation: float) -> Measured:
    """The first Wasserstein distance ∫ |F(x) - G(x)| dx in standard deviations of the reference.

    deviation: of the reference (divided by n); at least 0.001 is taken. With it, 0.1 reads "the values moved by a tenth
    of a standard deviation" (Evidently's `wasserstein`, https://docs.evidentlyai.com/metrics/customize_data_drift).
    Bound: the sketches' rank errors times the range of all values.
    """
    norm = max(deviation, LEAST_DEVIATION)
    distance = float((np.abs(both.f - both.g)[:-1] * np.diff(both.values)).sum())
    span = float(both.values[-1] - both.values[0])
    return Measured(value=distance / norm, bound=both.bound * span / norm)


def decile_edges(reference: Steps, bins: int = 10) -> Floats:
    """Upper edges of all bins but the last: the reference's quantiles, each once."""
    return np.unique(reference.quantiles(np.arange(1, bins) / bins))


def equal_edges(reference: Steps, current: Steps) -> Floats:
    """Edges of bins of one width over both samples, as many as Sturges' rule has for both (1926), ends included."""
    low = float(min(reference.values[0], current.values[0]))
    high = float(max(reference.values[-1], current.values[-1]))
    if high == low:
        low, high, bins = low - 0.5, high + 0.5, 1
    else:
        bins = math.ceil(math.log2(reference.count + current.count) + 1)
    return np.linspace(low, high, bins + 1)


def rows_up_to_edges(steps: Steps, edges: Floats) -> Counts:
    """Rows in each bin (-∞, e1], (e1, e2], …, (ek, ∞)."""
    below: Counts = np.concatenate(([0], steps.up_to(edges), [steps.count]))
    return np.diff(below)


def rows_between_edges(steps: Steps, edges: Floats) -> Counts:
    """Rows in each bin [e0, e1), …, [ek-1, ek], as numpy.histogram has them."""
    below = steps.under(edges)
    below[-1] = steps.up_to(edges[-1:])[0]
    return np.diff(below)


def population_stability(reference: Counts, current: Counts, *, exact: bool = True) -> Measured:
    """PSI = Σ (p - q)·ln(p / q) over bins or categories; an empty one counts as 0.0001.

    Below 0.1 is read as stable and from 0.25 on as a shift (Siddiqi, Credit Risk Scorecards, 2006). Without drift it is
    about (bins - 1)·(1/n + 1/m), so small windows have a large one (Yurdakul, 2018). exact: whether the counts are.
    """
    p, q = (np.maximum(rows / max(rows.sum(), 1), LEAST_SHARE) for rows in (reference, current))
    return Measured(value=float(np.sum((p - q) * np.log(p / q))), bound=0.0 if exact else None)


def jensen_shannon(reference: Counts, current: Counts, *, exact: bool = True) -> Measured:
    """The Jensen-Shannon distance √((KL(p‖r) + KL(q‖r)) / 2) with r = (p + q) / 2, in nats: from 0 to √ln 2 = 0.83.

    Endres and Schindelin (2003). exact: whether the counts are.
    """
    p, q = (rows / max(rows.sum(), 1) for rows in (reference, current))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(shares > 0, shares * np.log(shares / middle), 0.0).sum() for shares in (p, q)]
    return Measured(value=math.sqrt(max(0.0, float(sum(parts)) / 2)), bound=0.0 if exact else None)


def chi_squared(reference: Counts, current: Counts) -> Measured:
    """Pearson's chi-squared test that two samples have the same shares: Σ (observed - expected)² / expected.

    Expected is what both together have (the test of homogeneity, scipy.stats.chi2_contingency without correction).
    Categories that expect fewer than 5 rows in either sample are tested as one (Cochran, Some Methods for
    Strengthening the Common χ² Tests, 1954): the p-value would not hold otherwise.
    """
    table = _pooled(np.stack((reference, current)))
    rows = table.sum(axis=1, keepdims=True)
    if table.shape[1] < 2 or not rows.all():
        return Measured(value=0.0, p_value=1.0, freedom=0)
    expected = rows * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = table.shape[1] - 1
    return Measured(value=statistic, p_value=significance.chi_squared(statistic, freedom), freedom=freedom)


def chi_squared_fit(reference: Counts, current: Counts) -> Measured:
    """Pearson's test of fit, which takes the reference's shares as the truth: what Evidently's `chisquare` computes.

    The reference is a sample itself, and rare categories are not pooled, so its p-values are too small; it is here to
    be held against Evidently's.
    """
    expected = reference * (current.sum() / reference.sum())
    with np.errstate(divide="ignore"):
        statistic = float(((current - expected) ** 2 / expected)[(current > 0) | (reference > 0)].sum())
    freedom = int(((current > 0) | (reference > 0)).sum()) - 1
    return Measured(value=statistic, p_value=significance.chi_squared(statistic, freedom), freedom=freedom)


def missing_share(reference: Sequence[int], current: Sequence[int]) -> Measured:
    """Whether as many rows have no value: the difference of the shares, and its p-value.

    reference, current: rows without a value, and all rows. A two-proportion z-test; Fisher's exact test where either
    sample expects fewer than 10 rows without a value, or with one.
    """
    (gone, n), (lost, m) = reference, current
    if not n or not m:
        return Measured(value=0.0, p_value=1.0)
    difference = lost / m - gone / n
    share = (gone + lost) / (n + m)
    if share in (0.0, 1.0):
        return Measured(value=0.0, p_value=1.0)
    if min(n, m) * min(share, 1 - share) < EXACT_BELOW:
        p_value = significance.fisher(lost, m, gone + lost, n + m)
    else:
        p_value = significance.normal(difference / math.sqrt(share * (1 - share) * (1 / n + 1 / m)))
    return Measured(value=difference, p_value=p_value)


def _pooled(table: Integers) -> Integers:
    """Put the categories that expect too few rows together, with the smallest other one where they are still few."""
    total = int(table.sum())
    if not total:
        return table
    smaller = table.sum(axis=1).min() / total
    rare = table.sum(axis=0) * smaller < LEAST_EXPECTED
    if not rare.any():
        return table
    kept, pool = table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)
    if kept.shape[1] and pool.sum() * smaller < LEAST_EXPECTED:
        smallest = int(kept.sum(axis=0).argmin())
        pool = pool + kept[:, smallest : smallest + 1]
        kept = np.delete(kept, smallest, axis=1)
    return np.concatenate((kept, pool), axis=1)
