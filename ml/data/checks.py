"""One thing that is checked, and the words for it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that is checked.

    kind: rows, columns, type, missing, range, outliers, values, pattern, drift, unique, duplicates, leakage, freshness.
    column: None for a check of the whole table. expected: what has to hold, in words. expectation: what Great
    Expectations checks; None for what these data cannot tell, and `instead` says why.
    """

    kind: str
    column: str | None
    expected: str
    expectation: Any
    instead: str = ""


def percent(share: float) -> str:
    """A share as people read it: 0.1%, 12%, never 0% for what is not none."""
    return f"{100 * share:.3g}%"


def between(low: str | None, high: str | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def outside(low: float | None, high: float | None) -> str:
    parts = [f"below {low:g}"] if low is not None else []
    return " or ".join([*parts, *([f"above {high:g}"] if high is not None else [])])
