"""A difference between two variants, with the interval that holds at any time."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A difference, challenger less main.

    estimate: the difference that was observed. low, high: with probability of at least 1 - alpha, all intervals of one
    test, whenever looked at, hold the difference; minus and plus infinity where nothing can be said yet.
    """

    estimate: float
    low: float
    high: float

    def within(self, margin: float) -> bool:
        """Whether no difference is larger than the margin, either way."""
        return -margin <= self.low and self.high <= margin
