"""How often A/B tests are wrong when one looks after every observation, and how soon they are right.

Each test is simulated many times with a fixed seed: of variants that do not differ (every decision is a false positive)
and of variants that do. Beside what `ml experiment` computes stand what many do, a test at the same level that is
repeated after every observation, and what it takes where nobody looks before a size that was fixed in advance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.report import Goal, Report
from ml.abtest import periods
from ml.abtest.binary import BETS
from ml.abtest.numeric import FEWEST, squared_boundary

ALPHA = 0.05
POWER = 0.8
MINUTES, A_MINUTE = 1_000, 20
"""Of a test by sums: how long it lasts, and requests a minute."""
BLOCK = 100
"""Tests that are simulated at a time."""
_Z_ALPHA, _Z_POWER = 1.959964, 0.841621
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two variants. share: the challenger's of the traffic. binary: whether outcomes are 0 or 1."""

    name: str
    main: Draw
    challenger: Draw
    binary: bool
    share: float = 0.5
    differ: bool = False


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of one case: the shares of tests that ever decided, and after how many observations on average, where they did;
    naive: of the repeated ordinary test; once: of one look at the end. fixed: see fixed_size."""

    decided: float
    after: float
    naive: float
    once: float
    fixed: float


def cases() -> list[Case]:
    """What is simulated."""
    skewed = _lognormal(0.0)
    return [
        Case(name="share 1%", main=_share(0.01), challenger=_share(0.01), binary=True),
        Case(name="share 10%", main=_share(0.1), challenger=_share(0.1), binary=True),
        Case(name="share 50%", main=_share(0.5), challenger=_share(0.5), binary=True),
        Case(name="share 10%, split 90:10", main=_share(0.1), challenger=_share(0.1), binary=True, share=0.1),
        Case(name="mean, normal", main=_normal(0.0), challenger=_normal(0.0), binary=False),
        Case(name="mean, log-normal", main=skewed, challenger=skewed, binary=False),
        Case(name="mean, log-normal, split 90:10", main=skewed, challenger=skewed, binary=False, share=0.1),
        Case(name="share 10% against 12%", main=_share(0.1), challenger=_share(0.12), binary=True, differ=True),
        Case(name="share 10% against 15%", main=_share(0.1), challenger=_share(0.15), binary=True, differ=True),
        Case(name="mean, 0.1 deviations apart", main=_normal(0), challenger=_normal(0.1), binary=False, differ=True),
        Case(name="mean, 0.25 deviations apart", main=_normal(0), challenger=_normal(0.25), binary=False, differ=True),
    ]


def run(tests: int, observations: int = 20_000) -> Report:
    """Simulate. tests: of each case. observations: of both variants, the most of a test."""
    rows: list[list[str]] = []
    worst = naive = 0.0
    least = 1.0
    detail: dict[str, Any] = {"tests": tests, "observations": observations, "alpha": ALPHA}
    for number, case in enumerate(cases()):
        found = simulate(case, tests=tests, observations=observations, seed=number)
        detail[case.name] = found.__dict__
        if case.differ:
            least = min(least, found.decided)
        else:
            worst, naive = max(worst, found.decided), max(naive, found.naive)
        rows.append(
            [
                case.name,
                f"{found.decided:.1%}",
                f"{found.naive:.1%}",
                f"{found.once:.1%}",
                f"{found.after:,.0f}" if case.differ else "",
                f"{found.fixed:,.0f}" if case.differ else "",
            ]
        )
    for name, share in ((f"sums of {A_MINUTE} a minute", 0.5), (f"sums of {A_MINUTE} a minute, split 90:10", 0.1)):
        found = simulate_periods(share, tests=tests, minutes=MINUTES, seed=round(100 * share))
        detail[name] = found.__dict__
        worst, naive = max(worst, found.decided), max(naive, found.naive)
        rows.append([name, f"{found.decided:.1%}", f"{found.naive:.1%}", f"{found.once:.1%}", "", ""])
    # Two standard errors of a rate that is measured with so many tests.
    doubt = 2 * math.sqrt(ALPHA * (1 - ALPHA) / tests)
    return Report(
        name="abtest",
        title=f"A/B tests with a look after every observation, {observations:,} at most, {tests:,} tests of each case",
        columns=("variants", "ever decides", "repeated z-test", "one z-test", "after, mean", "fixed size"),
        rows=rows,
        goals=[
            Goal(
                text=f"false positives at most {ALPHA:.0%}, with a look after every observation",
                measured=f"{worst:.1%} at most, within {doubt:.1%}; the repeated test {naive:.1%}",
                met=worst <= ALPHA + doubt,
            ),
            Goal(
                text=f"a difference is found in at least {POWER:.0%} of the tests",
                measured=f"{least:.1%} at least",
                met=least >= POWER,
            ),
        ],
        notes=[
            f"fixed size: observations that a test without a look needs to find the difference in {POWER:.0%} of cases"
        ],
        detail=detail,
    )


def simulate(case: Case, *, tests: int, observations: int, seed: int) -> Rates:
    """Simulate one case: random assignment, and a look after every observation."""
    generator = np.random.default_rng(seed)
    decided = naive = once = 0
    times: list[float] = []
    for begin in range(0, tests, BLOCK):
        shape = (min(BLOCK, tests - begin), observations)
        challenger = generator.random(shape) < case.share
        values = np.where(challenger, case.challenger(generator, shape), case.main(generator, shape))
        distance, enough = _distance(challenger, values)
        ordinary = enough & (distance > _Z_ALPHA**2)
        if case.binary:
            ratio = round((1 - case.share) / case.share)
            significant = np.array([_binary(*row, ratio) for row in zip(challenger, values, strict=True)])
        else:
            boundary = [squared_boundary(count, ALPHA, observations // 5) for count in range(1, observations + 1)]
            significant = enough & (distance > np.array(boundary))
        decided += int(significant.any(axis=1).sum())
        naive += int(ordinary.any(axis=1).sum())
        once += int(ordinary[:, -1].sum())
        times += [float(first + 1) for first in np.argmax(significant, axis=1)[significant.any(axis=1)]]
    return Rates(
        decided=decided / tests,
        after=sum(times) / len(times) if times else math.nan,
        naive=naive / tests,
        once=once / tests,
        fixed=_fixed_size(case, generator),
    )


def simulate_periods(share: float, *, tests: int, minutes: int, seed: int) -> Rates:
    """Simulate log-normal latencies of which only sums by minute are known.

    The variants do not differ, and one looks each minute.
    """
    generator = np.random.default_rng(seed)
    shape = (tests, minutes)
    counts = [generator.poisson(A_MINUTE * part, shape) + 1 for part in (1 - share, share)]
    means = [_lognormal_sums(generator, count) / count for count in counts]
    weights = counts[0] * counts[1] / (counts[0] + counts[1])
    differences = means[1] - means[0]
    weight = np.cumsum(weights, axis=1)
    estimate = np.cumsum(weights * differences, axis=1) / weight
    moments = [np.cumsum(weights**2 * differences**power, axis=1) for power in (0, 1, 2)]
    squares = moments[2] - 2 * estimate * moments[1] + estimate**2 * moments[0]
    seen = np.arange(1, minutes + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = estimate**2 / (squares / weight**2 * seen / (seen - 1))
    enough = seen >= periods.FEWEST
    boundary = np.array([squared_boundary(count, ALPHA, periods.NARROWEST_AT) for count in range(1, minutes + 1)])
    significant, ordinary = enough & (distance > boundary), enough & (distance > _Z_ALPHA**2)
    return Rates(
        decided=float(significant.any(axis=1).mean()),
        after=math.nan,
        naive=float(ordinary.any(axis=1).mean()),
        once=float(ordinary[:, -1].mean()),
        fixed=math.nan,
    )


def _lognormal_sums(generator: np.random.Generator, counts: NDArray[np.int64]) -> Array:
    sums = np.zeros(counts.shape)
    for place in range(int(counts.max())):
        more = counts > place
        sums[more] += generator.lognormal(0.0, 1.0, int(more.sum()))
    return sums


def log_capital_of_none(differences: Array) -> Array:
    """`ml.abtest.binary.log_capital` at no difference, after each of the differences of whole tests (tests x time)."""
    logs = [np.cumsum(np.log1p(bet * differences), axis=1) for bet in BETS[1:]]
    with np.errstate(divide="ignore"):  # who bets everything and loses has nothing
        logs.append(np.cumsum(np.log1p(BETS[0] * differences), axis=1))
    return cast(Array, np.logaddexp.reduce(logs, axis=0)) - math.log(len(BETS))


def _binary(challenger: Flags, values: Array, ratio: int) -> Flags:
    """Of one test, whether it is significant after each observation."""
    places = np.flatnonzero(~challenger), np.flatnonzero(challenger)
    blocks = min(len(places[0]) // ratio, len(places[1]))
    main = values[places[0][: blocks * ratio]].reshape(blocks, ratio).mean(axis=1)
    difference = (values[places[1][:blocks]] - main)[np.newaxis]
    capital = np.maximum(log_capital_of_none(difference), log_capital_of_none(-difference))[0]
    known = np.maximum(places[0][ratio - 1 : blocks * ratio : ratio], places[1][:blocks])
    significant = np.zeros(len(values), dtype=np.bool_)
    significant[known[capital >= math.log(2 / ALPHA)]] = True
    return significant


def _distance(challenger: Flags, values: Array) -> tuple[Array, Flags]:
    """The difference in standard errors, squared, after each observation of whole tests; and whether there are enough
    of both variants."""
    counts: list[Array] = []
    means: list[Array] = []
    variances: list[Array] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for side in (~challenger, challenger):
            count: Array = np.cumsum(side, axis=1, dtype=np.float64)
            mean: Array = np.cumsum(np.where(side, values, 0.0), axis=1) / count
            square: Array = np.cumsum(np.where(side, values**2, 0.0), axis=1) / count
            counts.append(count)
            means.append(mean)
            variances.append((square - mean**2) / (count - 1))
        distance = (means[1] - means[0]) ** 2 / (variances[0] + variances[1])
    return distance, np.minimum(*counts) >= FEWEST


def _fixed_size(case: Case, generator: np.random.Generator) -> float:
    """Observations of both variants with which one look finds the difference with probability POWER."""
    if not case.differ:
        return math.nan
    main, challenger = (draw(generator, (1, 1_000_000)) for draw in (case.main, case.challenger))
    variance = main.var() / (1 - case.share) + challenger.var() / case.share
    return float((_Z_ALPHA + _Z_POWER) ** 2 * variance / (challenger.mean() - main.mean()) ** 2)


def _share(p: float) -> Draw:
    return lambda generator, shape: (generator.random(shape) < p).astype(np.float64)


def _normal(mean: float) -> Draw:
    return lambda generator, shape: generator.normal(mean, 1.0, shape)


def _lognormal(mean: float) -> Draw:
    return lambda generator, shape: generator.lognormal(mean, 1.0, shape)
