"""Sequential A/B tests: their error rate holds however often one looks, and decisions follow from the intervals."""

import math
import random

import numpy as np
import pytest

from bench import abtest as simulation
from ml.abtest import (
    Decision,
    Finding,
    Interval,
    Metric,
    Moments,
    Shares,
    check_split,
    judge,
    mean_difference,
    share_difference,
    verdict,
)
from ml.abtest.binary import log_capital
from ml.abtest.numeric import FEWEST

pytestmark = pytest.mark.unit
ALPHA = 0.05
ERRORS = Metric(name="errors", higher_is_better=False, alpha=ALPHA, margin=0.01)
ACCURACY = Metric(name="correct", higher_is_better=True, alpha=ALPHA, margin=0.02)


def shares(main: tuple[int, int], challenger: tuple[int, int], ratio: float = 1.0) -> Shares:
    """Shares of so many observations and successes each, in no order."""
    rows = [(False, place < main[1]) for place in range(main[0])]
    rows += [(True, place < challenger[1]) for place in range(challenger[0])]
    random.Random(1).shuffle(rows)
    made = Shares(ratio)
    for side, success in rows:
        made.add(challenger=side, success=success)
    return made


def moments(values: list[float]) -> Moments:
    made = Moments()
    for value in values:
        made = made.with_one(value)
    return made


@pytest.mark.parametrize(("p", "split", "seed"), [(0.05, 0.5, 1), (0.5, 0.5, 2), (0.2, 0.25, 3)])
def test_shares_that_do_not_differ_are_told_apart_no_more_often_than_stated_with_a_look_at_every_observation(
    p: float, split: float, seed: int
) -> None:
    draw, tests, wrong = random.Random(seed), 100, 0
    for _ in range(tests):
        seen = Shares((1 - split) / split)
        for number in range(400):
            seen.add(challenger=draw.random() < split, success=draw.random() < p)
            if number % 10 == 0:
                up = seen.differences
                down = [(-difference, count) for difference, count in up]
                if max(log_capital(up, 0.0), log_capital(down, 0.0)) >= math.log(2 / ALPHA):
                    wrong += 1
                    break
    assert wrong / tests <= ALPHA + 2 * math.sqrt(ALPHA / tests)


@pytest.mark.parametrize("name", ["share 10%", "mean, log-normal"])
def test_the_simulated_rate_holds_where_a_repeated_test_is_wrong_many_times_as_often(name: str) -> None:
    case = next(case for case in simulation.cases() if case.name == name)
    found = simulation.simulate(case, tests=100, observations=2_000, seed=5)
    assert found.decided <= ALPHA + 2 * math.sqrt(ALPHA / 100)
    assert found.naive > 3 * ALPHA


@pytest.mark.full
def test_the_rate_of_every_simulated_case_holds_and_every_difference_is_found() -> None:
    report = simulation.run(400)
    assert [goal.text for goal in report.goals if not goal.met] == []


def test_the_simulation_bets_as_the_test_does() -> None:
    generator = np.random.default_rng(7)
    differences = generator.choice([-1.0, 0.0, 1.0], size=200, p=[0.1, 0.7, 0.2])
    values, counts = np.unique(differences, return_counts=True)
    pairs = [(float(value), int(count)) for value, count in zip(values, counts, strict=True)]
    simulated = simulation.log_capital_of_none(differences[np.newaxis])[0, -1]
    assert simulated == pytest.approx(log_capital(pairs, 0.0))


def test_a_difference_of_shares_is_found_and_its_interval_narrows() -> None:
    widths: list[float] = []
    for count in (100, 1_000, 10_000):
        found = share_difference(shares((count, count // 10), (count, count // 5)), ALPHA)
        assert found.low <= 0.1 <= found.high
        assert found.estimate == pytest.approx(0.1)
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.05


def test_shares_of_nothing_and_of_all_are_no_special_case() -> None:
    assert share_difference(Shares(), ALPHA).low == -1
    none = share_difference(shares((400, 0), (400, 0)), ALPHA)
    assert (none.low, none.high) == pytest.approx((-0.015, 0.015), abs=0.001)
    every = share_difference(shares((50, 0), (50, 50)), ALPHA)
    assert (every.low > 0.6, every.high) == (True, 1)


def test_an_unequal_split_compares_one_with_the_mean_of_several() -> None:
    found = shares((900, 90), (100, 30), ratio=9)
    assert sum(count for _, count in found.differences) == 100
    assert share_difference(found, ALPHA).low > 0
    reverse = share_difference(shares((100, 30), (900, 90), ratio=1 / 9), ALPHA)
    assert reverse.high < 0


def test_means_are_not_compared_before_there_are_enough_observations() -> None:
    few = moments([1.0, 2.0] * (FEWEST // 2 - 1))
    assert mean_difference(few, few, ALPHA, narrowest_at=1_000).low == -math.inf
    enough = moments([1.0, 2.0] * (FEWEST // 2))
    found = mean_difference(enough, enough, ALPHA, narrowest_at=1_000)
    assert (found.estimate, found.low) == (0.0, -found.high)
    assert found.high < 0.2


def test_the_moments_of_large_numbers_lose_no_digits() -> None:
    seen = moments([1e9 + value for value in (1.0, 2.0, 3.0)])
    assert (seen.value, seen.variance_of_mean) == pytest.approx((1e9 + 2, 1 / 3))


def test_the_interval_of_means_is_the_papers() -> None:
    """By hand: n = 1000 of each, both variances 1, alpha 0.05, narrowest at 2000."""
    seen = Moments(count=1_000, mean=0.0, squares=999.0)
    found = mean_difference(seen, seen, 0.05, narrowest_at=2_000)
    rate = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 2_000
    n = 2_000
    # sigma squared of the estimate is 2/1000, thus n times it per observation.
    by_paper = math.sqrt(n * 0.002) * math.sqrt(
        2 * (n * rate + 1) / (n**2 * rate) * math.log(math.sqrt(n * rate + 1) / 0.05)
    )
    assert found.high == pytest.approx(by_paper)


@pytest.mark.parametrize(
    ("metric", "low", "high", "decision"),
    [
        (ACCURACY, 0.001, 0.05, Decision.BETTER),
        (ACCURACY, -0.05, -0.001, Decision.WORSE),
        (ACCURACY, -0.01, -0.001, Decision.ALIKE),
        (ACCURACY, -0.02, 0.02, Decision.ALIKE),
        (ACCURACY, -0.03, 0.01, Decision.GO_ON),
        (ERRORS, 0.001, 0.05, Decision.WORSE),
        (ERRORS, -0.05, -0.001, Decision.BETTER),
        (Metric(name="latency", higher_is_better=False, alpha=ALPHA), -0.001, 0.001, Decision.GO_ON),
        (Metric(name="latency", higher_is_better=False, alpha=ALPHA), -math.inf, math.inf, Decision.GO_ON),
    ],
)
def test_the_decision_follows_from_the_interval(metric: Metric, low: float, high: float, decision: Decision) -> None:
    assert judge(metric, Interval(estimate=0.0, low=low, high=high)) is decision


def finding(metric: Metric, low: float, high: float, count: int = 500) -> Finding:
    return Finding(
        metric=metric,
        main=0.5,
        challenger=0.5,
        main_count=count,
        challenger_count=count,
        interval=Interval(estimate=(low + high) / 2, low=low, high=high),
    )


def test_a_guard_that_is_harmed_ends_a_test_that_the_challenger_would_win() -> None:
    better, even = finding(ACCURACY, 0.01, 0.05), check_split(500, 500, 0.5)
    assert verdict(better, [finding(ERRORS, -0.01, 0.03)], even, most=10_000).decision is Decision.BETTER
    harmed = verdict(better, [finding(ERRORS, 0.011, 0.03)], even, most=10_000)
    assert (harmed.decision, harmed.because) == (Decision.WORSE, "errors is worse by more than 0.01")


def test_a_test_ends_at_its_most_observations() -> None:
    open_still, even = finding(ACCURACY, -0.03, 0.03), check_split(500, 500, 0.5)
    assert verdict(open_still, [], even, most=1_001).decision is Decision.GO_ON
    assert verdict(open_still, [], even, most=1_000).decision is Decision.UNDECIDED


def test_nothing_is_believed_of_a_broken_split() -> None:
    broken = check_split(5_000, 5_600, 0.5)
    assert (broken.broken, check_split(9_000, 1_000, 0.1).broken) == (True, False)
    found = verdict(finding(ACCURACY, 0.01, 0.05), [], broken, most=10_000)
    assert (found.decision, found.because.split("%")[0]) == (Decision.BROKEN, "52.83")


def test_a_good_split_is_called_broken_no_more_often_than_stated_with_a_look_at_every_observation() -> None:
    draw, broken = random.Random(3), 0
    for _ in range(100):
        counts = [0, 0]
        for _ in range(500):
            counts[draw.random() < 0.3] += 1
            if check_split(counts[0], counts[1], 0.3).broken:
                broken += 1
                break
    assert broken <= 1
