"""What follows from a test's intervals: whether the challenger is better, worse or alike, or the test goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml.abtest.interval import Interval
from ml.abtest.split import Split


class Decision(StrEnum):
    """What a test says now.

    ALIKE: no difference is larger than the margin. UNDECIDED: the stated most observations are there, and none of the
    others is known. BROKEN: the traffic was not split as it should have been, so nothing can be said.
    """

    BETTER = "better"
    WORSE = "worse"
    ALIKE = "alike"
    GO_ON = "go on"
    UNDECIDED = "undecided"
    BROKEN = "broken split"

    @property
    def final(self) -> bool:
        """Whether the test has ended."""
        return self is not Decision.GO_ON


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is compared.

    margin: the largest difference, in the metric's own unit, that does not matter; None where every one does.
    alpha: how often, at most, a test of variants that do not differ may say that they do.
    """

    name: str
    higher_is_better: bool
    alpha: float
    margin: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of one metric.

    main, challenger: their values; main_count, challenger_count: of observations. exact: whether the interval holds
    for any number of observations, or asymptotically.
    """

    metric: Metric
    main: float
    challenger: float
    main_count: int
    challenger_count: int
    interval: Interval
    exact: bool = False

    @property
    def decision(self) -> Decision:
        """What the interval says: BETTER or WORSE where it leaves out 0, ALIKE where it is within the margin."""
        return judge(self.metric, self.interval)

    @property
    def harmed(self) -> bool:
        """Whether the challenger is worse by more than the margin."""
        margin = self.metric.margin or 0.0
        return _gains(self.metric, self.interval)[1] < -margin


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A test's decision and, in words, what it is from."""

    decision: Decision
    because: str


def judge(metric: Metric, interval: Interval) -> Decision:
    """The decision of one metric alone, its most observations aside."""
    low, high = _gains(metric, interval)
    if low > 0:
        return Decision.BETTER
    if high < 0:
        # Worse by less than what matters is alike.
        alike = metric.margin is not None and interval.within(metric.margin)
        return Decision.ALIKE if alike else Decision.WORSE
    if metric.margin is not None and interval.within(metric.margin):
        return Decision.ALIKE
    return Decision.GO_ON


def verdict(primary: Finding, guards: Sequence[Finding], split: Split, *, most: int) -> Verdict:
    """The decision of a whole test. most: observations of both variants after which it ends in any case."""
    if split.broken:
        return Verdict(
            decision=Decision.BROKEN,
            because=f"{split.observed:.2%} of the observations are the challenger's, {split.intended:.2%} should be",
        )
    for guard in guards:
        if guard.harmed:
            beyond = f" by more than {guard.metric.margin:g}" if guard.metric.margin else ""
            return Verdict(decision=Decision.WORSE, because=f"{guard.metric.name} is worse{beyond}")
    decision = primary.decision
    if decision is Decision.GO_ON:
        if primary.main_count + primary.challenger_count < most:
            return Verdict(decision=decision, because=f"the interval of {primary.metric.name} leaves it open")
        return Verdict(decision=Decision.UNDECIDED, because=f"{most} observations have not told")
    words = {Decision.BETTER: "is better", Decision.WORSE: "is worse"}
    said = words.get(decision) or f"differs by no more than {primary.metric.margin:g}"
    return Verdict(decision=decision, because=f"{primary.metric.name} {said}")


def _gains(metric: Metric, interval: Interval) -> tuple[float, float]:
    """The interval with its sign such that more is better."""
    return (interval.low, interval.high) if metric.higher_is_better else (-interval.high, -interval.low)
