"""When an alarm is in which state: CloudWatch's rules as a pure function.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, whose tables are tests.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
BREACHING, NOT_BREACHING, IGNORE, MISSING = "breaching", "notBreaching", "ignore", "missing"
TREATMENTS = (BREACHING, NOT_BREACHING, IGNORE, MISSING)
EXTRA_PERIODS = 2
"""Periods that are looked at beyond the evaluation periods, in case data are missing.

The documentation's tables show five for three, and it says that the number depends on period and resolution. That an
alarm on one period takes three without data to change is what users measure.
"""
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""Comparison operators that need no band of an anomaly detector, and how a state's reason says them."""


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What an alarm compares, and how often it must be so.

    periods: N, the evaluation periods. needed: M, the breaching ones among them that make an alarm.
    missing: one of TREATMENTS.
    """

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: str = MISSING

    def breaches(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """state: None where the alarm keeps the one that it has.

    evaluated: places in the given data of those that decided, oldest first. filled: missing data that were filled in.
    """

    state: str | None
    evaluated: tuple[int, ...]
    filled: int


def judge(criteria: Criteria, data: Sequence[float | None]) -> Judgement:
    """The state that some data ask for.

    data: a value or None for each period of the evaluation range (N + EXTRA_PERIODS), oldest first.
    """
    there = [(place, value) for place, value in enumerate(data) if value is not None]
    if len(there) >= criteria.periods:
        there = there[-criteria.periods :]
    evaluated = tuple(place for place, _ in there)
    filled = criteria.periods - len(there)
    breaching = sum(criteria.breaches(value) for _, value in there)
    return Judgement(
        state=_state(criteria, len(data), evaluated, breaching, filled), evaluated=evaluated, filled=filled
    )


def _state(criteria: Criteria, looked_at: int, there: Sequence[int], breaching: int, filled: int) -> str | None:
    if not there and criteria.missing in (MISSING, IGNORE):
        return INSUFFICIENT_DATA if criteria.missing == MISSING else None
    if criteria.missing == BREACHING:
        breaching += filled
    if breaching >= criteria.needed:
        return ALARM
    if filled and breaching == len(there) and criteria.missing in (MISSING, IGNORE):
        # All that is there breaches, and it is less than M: an alarm once the oldest is as old as M periods ("premature
        # alarm state"). The table's rows with an older datum that does not breach are OK.
        if criteria.missing == IGNORE:
            return None
        if looked_at - there[0] >= criteria.needed:
            return ALARM
    return OK
