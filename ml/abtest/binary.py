"""The difference of two shares, such as of errors, conversions or correct answers: an exact confidence sequence.

Observations are compared in the order in which they come: one of the smaller variant with the mean of as many of the
larger as the split has for each. Such a difference D lies within -1 and 1, and its mean is the difference of the shares
whatever the shares are and however they drift together. For a difference d that is too low, a bet of the part c of all
capital on D at fair odds has

    K(d) = product over i of (1 - c) + c (1 + D_i) / (1 + d)

of its first capital left. If d is the true difference, K is a martingale that starts at 1, so by Ville's inequality it
ever reaches 2/alpha with probability at most alpha/2; so does the mean of K over bets of 1, 1/2, 1/4, … of the capital,
which needs no tuning. The interval's low end is the least d that is not ruled out so; its high end is found by betting
against D. It is exact for any number of observations. Waudby-Smith, Ramdas, "Estimating means of bounded random
variables by betting", Journal of the Royal Statistical Society B 86 (2024), https://arxiv.org/abs/2010.09686, theorem 1
and section "grid Kelly".
"""

import math
from collections import Counter, deque

from ml.abtest.interval import Interval

BETS = tuple(2.0**-power for power in range(12))
"""Parts of the capital: from all of it, for the largest differences, to what suits one of a thousandth."""
_STEPS = 50
"""Halvings of a search over differences from -1 to 1."""
MOST_A_BLOCK = 50
"""Observations of the larger variant beside one of the smaller: with a split beyond, some are left out."""


class Shares:
    """What was seen of both variants.

    ratio: main's intended observations for each of the challenger's; 1 for an equal split. It may not be chosen by what
    was seen.
    """

    def __init__(self, ratio: float = 1.0) -> None:
        blocks = (max(1, round(ratio)), 1) if ratio >= 1 else (1, max(1, round(1 / ratio)))
        self._sides = tuple(_Side(min(size, MOST_A_BLOCK)) for size in blocks)
        self._differences: Counter[int] = Counter()

    def add(self, *, challenger: bool, success: bool) -> None:
        """One more observation."""
        self._sides[challenger].add(success)
        main, other = self._sides
        while main.waiting and other.waiting:
            # Whole numbers of which a difference of 1 is as many as the two blocks multiplied.
            self._differences[other.waiting.popleft() * main.block - main.waiting.popleft() * other.block] += 1

    def count(self, *, challenger: bool) -> int:
        """Observations of one variant."""
        return self._sides[challenger].count

    def value(self, *, challenger: bool) -> float:
        """The share that was observed of one variant; NaN of none."""
        side = self._sides[challenger]
        return side.successes / side.count if side.count else math.nan

    @property
    def differences(self) -> list[tuple[float, int]]:
        """The differences that came, each with how often."""
        one = self._sides[0].block * self._sides[1].block
        return [(difference / one, count) for difference, count in sorted(self._differences.items())]


class _Side:
    def __init__(self, block: int) -> None:
        self.block = block
        self.count = self.successes = 0
        self.waiting: deque[int] = deque()
        self._of_block = 0

    def add(self, success: bool) -> None:
        self.count += 1
        self.successes += success
        self._of_block += success
        if self.count % self.block == 0:
            self.waiting.append(self._of_block)
            self._of_block = 0


def share_difference(shares: Shares, alpha: float) -> Interval:
    """Challenger's share less main's. Exact: it is right at any time with probability of at least 1 - alpha."""
    up = shares.differences
    down = [(-difference, count) for difference, count in up]
    return Interval(
        estimate=shares.value(challenger=True) - shares.value(challenger=False),
        low=_bound(up, alpha),
        high=-_bound(down, alpha),
    )


def log_capital(differences: list[tuple[float, int]], difference: float) -> float:
    """The logarithm of what is left of bets on a larger mean than `difference`: it falls as that grows.

    differences: each that came, and how often.
    """
    logs: list[float] = []
    for bet in BETS:
        total = -math.log(len(BETS))
        for value, count in differences:
            factor = (1 - bet) + bet * (1 + value) / (1 + difference)
            total = total + count * math.log(factor) if factor > 0 else -math.inf
        logs.append(total)
    most = max(logs)
    return most + math.log(math.fsum(math.exp(one - most) for one in logs)) if most > -math.inf else most


def _bound(differences: list[tuple[float, int]], alpha: float) -> float:
    """The least mean that is not ruled out."""
    enough = math.log(2 / alpha)
    low, high = -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if log_capital(differences, middle) >= enough else (low, middle)
    return low  # the outer side: no rounding narrows the interval
