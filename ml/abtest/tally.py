"""Observations of one metric added up, until it is known whether they are zeros and ones, or numbers."""

from ml.abtest.binary import Shares, share_difference
from ml.abtest.decision import Finding, Metric
from ml.abtest.interval import Interval
from ml.abtest.numeric import Moments, mean_difference


class Tally:
    """What was seen of both variants, and the finding so far.

    ratio: main's intended observations for each of the challenger's. most: observations after which no more are taken.
    """

    def __init__(self, metric: Metric, *, ratio: float, most: int) -> None:
        self._metric = metric
        self._most = most
        self._shares = Shares(ratio)
        self._moments = {False: Moments(), True: Moments()}
        self._binary = True

    @property
    def full(self) -> bool:
        """Whether it has the most observations."""
        return sum(one.count for one in self._moments.values()) >= self._most

    def add(self, *, challenger: bool, value: float, rows: int = 1) -> None:
        """One more observation. rows: of how many it is the mean."""
        self._moments[challenger] = self._moments[challenger].with_one(value)
        # The mean of several rows is a number, also where it happens to be 0 or 1.
        self._binary = self._binary and rows == 1 and value in (0.0, 1.0)
        if self._binary:
            self._shares.add(challenger=challenger, success=value == 1.0)

    @property
    def finding(self) -> Finding:
        """What is known: exact for zeros and ones, asymptotic for numbers."""
        main, challenger = self._moments[False], self._moments[True]
        return Finding(
            metric=self._metric,
            main=main.value,
            challenger=challenger.value,
            main_count=main.count,
            challenger_count=challenger.count,
            interval=self._interval(),
            exact=self._binary,
        )

    def _interval(self) -> Interval:
        if self._binary:
            return share_difference(self._shares, self._metric.alpha)
        # A fifth of the most: narrow where tests are mostly decided.
        at = max(1, self._most // 5)
        return mean_difference(self._moments[False], self._moments[True], self._metric.alpha, narrowest_at=at)
