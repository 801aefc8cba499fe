"""P-values: tails of the distributions that the tests' statistics have where nothing has drifted.

Written out because SciPy is no package of a serving or monitoring job; the unit tests hold each to SciPy's.
"""

import math

import numpy as np

SAME_SIZE_EXACT = 10_000
"""Rows of two samples of one size up to which the Kolmogorov-Smirnov test is exact, as SciPy's `auto` has it."""


def kolmogorov_smirnov(distance: float, first: int, second: int) -> float:
    """P(D ≥ distance) of two samples of `first` and `second` rows from one continuous distribution.

    Exact for two samples of one size up to 10,000 rows (Gnedenko and Korolyuk 1951). Beyond that Kolmogorov's limit
    with the first terms of its error, x = √n·D + 1/(6√n) + (√n·D - 1)/(4n) for n = first·second / (first + second)
    (Vrbik, Small-Sample Corrections to Kolmogorov-Smirnov Test Statistic, 2018). With ties the true one is lower.
    """
    if distance <= 0:
        return 1.0
    if first == second <= SAME_SIZE_EXACT:
        return _equal_sizes(round(distance * first), first)
    size = first * second / (first + second)
    root = math.sqrt(size)
    return kolmogorov(distance * root + 1 / (6 * root) + (distance * root - 1) / (4 * size))


def kolmogorov(x: float) -> float:
    """Kolmogorov's distribution: P(√n·D ≥ x) as n grows. Two series of it (https://dlmf.nist.gov/20.7#viii)."""
    if x <= 0.18:  # the distribution function is below 1e-15
        return 1.0
    if x < 1.0:
        terms = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 6))
        return 1.0 - math.sqrt(2 * math.pi) / x * math.fsum(terms)
    return min(1.0, 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 8)))


def chi_squared(statistic: float, freedom: int) -> float:
    """P(χ² ≥ statistic) with `freedom` degrees: the upper incomplete gamma function (https://dlmf.nist.gov/8.4)."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    return 0.0 if math.isinf(statistic) else _upper_gamma(freedom / 2, statistic / 2)


def normal(z: float) -> float:
    """P(|Z| ≥ z) of a standard normal variable."""
    return math.erfc(abs(z) / math.sqrt(2))


def fisher(hits: int, drawn: int, marked: int, total: int) -> float:
    """Fisher's exact test, two-sided: `hits` of `drawn` rows are marked where `marked` of all `total` rows are.

    The probability of all tables that are no more likely than the one at hand, as R and SciPy have it.
    """
    least, most = max(0, drawn + marked - total), min(drawn, marked)
    if most <= least:
        return 1.0
    k = np.arange(least, most, dtype=np.float64)
    ratios = (marked - k) * (drawn - k) / ((k + 1) * (total - marked - drawn + k + 1))
    logs = np.concatenate(([0.0], np.cumsum(np.log(ratios))))
    likely = np.exp(logs - logs.max())
    # Equally likely tables differ by rounding.
    return float(min(1.0, likely[likely <= likely[hits - least] * (1 + 1e-7)].sum() / likely.sum()))


def _equal_sizes(steps: int, size: int) -> float:
    """Paths of 2n steps that leave a strip of half-width `steps`: P = 2·Σ (-1)^(k-1)·C(2n, n - k·steps) / C(2n, n)."""
    middle = 2 * math.lgamma(size + 1)
    terms = (
        (-1) ** (k - 1) * math.exp(middle - math.lgamma(size + k * steps + 1) - math.lgamma(size - k * steps + 1))
        for k in range(1, size // steps + 1)
    )
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def _upper_gamma(a: float, x: float) -> float:
    """Q(a, x): by the series of its complement (https://dlmf.nist.gov/8.7#E1) or by its continued fraction (8.9.2)."""
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        divisor = a
        while abs(term) > abs(total) * 1e-16:
            divisor += 1
            term *= x / divisor
            total += term
        return max(0.0, 1.0 - total * scale)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for step in range(1, 10_000):  # the modified Lentz method
        factor = -step * (step - a)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        change = c * d
        fraction *= change
        if abs(change - 1) < 1e-15:
            break
    return fraction * scale
