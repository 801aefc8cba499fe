"""How good a model is once the truth has arrived: metrics that grow by batches, each with a confidence interval.

All intervals take rows as independent draws. Bounded memory: sums and counts, and for the ROC's area two sketches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from ml.drift.columns import Moments
from ml.drift.errors import DriftError
from ml.drift.quantiles import Floats, Quantiles, Steps
from ml.drift.tables import category, is_missing, numbers


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric's value and its confidence interval. rows: those that it was computed from. NaN where there are none."""

    value: float
    low: float
    high: float
    rows: int


class ClassQuality:
    """Accuracy and F1 of predicted classes.

    positive: the class that F1 is about; without it there is no F1. skipped: rows without a truth or a prediction.
    """

    def __init__(self, positive: Any = None) -> None:
        self.positive = None if positive is None else category(positive)
        self.rows = self.right = self.hits = self.false_alarms = self.misses = self.skipped = 0

    def add(self, truth: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add rows. Classes are compared by name, so 1, 1.0 and "1" are one class."""
        _same_length(truth, predicted)
        for actual, given in zip(_listed(truth), _listed(predicted), strict=True):
            if is_missing(actual) or is_missing(given):
                self.skipped += 1
                continue
            was, said = category(actual), category(given)
            self.rows += 1
            self.right += was == said
            self.hits += was == said == self.positive
            self.false_alarms += said == self.positive != was
            self.misses += was == self.positive != said

    def merge(self, other: "ClassQuality") -> None:
        """Add what another has seen. Raises DriftError where it is about another class."""
        if self.positive != other.positive:
            raise DriftError(f"The quality of class {self.positive} and of class {other.positive} are two things.")
        for name in ("rows", "right", "hits", "false_alarms", "misses", "skipped"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def metrics(self, confidence: float = 0.95) -> dict[str, Estimate]:
        """accuracy, with Wilson's interval (1927); and f1 = 2J / (1 + J), which grows with the share J of hits among
        all rows that are of the class or are said to be, so that its interval is J's, transformed."""
        found = {"accuracy": _estimate(self.right, self.rows, confidence)}
        if self.positive is not None:
            share = _estimate(self.hits, self.hits + self.false_alarms + self.misses, confidence)
            value, low, high = (2 * x / (1 + x) for x in (share.value, share.low, share.high))
            found["f1"] = Estimate(value=value, low=low, high=high, rows=self.rows)
        return found


class ScoreQuality:
    """The area under the ROC curve of scores. skipped: rows without a truth or a score."""

    def __init__(self, positive: Any) -> None:
        self.positive = category(positive)
        self.positives, self.negatives = Quantiles(), Quantiles()
        self.skipped = 0

    def add(self, truth: Sequence[Any], scores: Any) -> None:
        """Add rows: what they are, and the scores of the positive class."""
        _same_length(truth, scores)
        given, _ = numbers(scores, "number")
        listed = _listed(truth)
        known = np.array([not is_missing(actual) for actual in listed], dtype=bool) & np.isfinite(given)
        hit = np.array([category(actual) == self.positive for actual in listed], dtype=bool)
        self.skipped += len(known) - int(known.sum())
        self.positives.add(given[known & hit])
        self.negatives.add(given[known & ~hit])

    def merge(self, other: "ScoreQuality") -> None:
        """Add what another has seen. Raises DriftError where it is about another class."""
        if self.positive != other.positive:
            raise DriftError(f"The quality of class {self.positive} and of class {other.positive} are two things.")
        self.positives.merge(other.positives)
        self.negatives.merge(other.negatives)
        self.skipped += other.skipped

    @property
    def bound(self) -> float:
        """By how much the area is wrong at most, because of sketches; 0 up to 131,072 distinct scores of each kind."""
        return self.positives.steps().bound + self.negatives.steps().bound

    def metrics(self, confidence: float = 0.95) -> dict[str, Estimate]:
        """roc_auc: the probability that a positive row has the larger score, ties counted half, with the interval of
        DeLong, DeLong and Clarke-Pearson (1988)."""
        above, below = self.positives.steps(), self.negatives.steps()
        rows = above.count + below.count
        if above.count < 2 or below.count < 2:
            value = _area(above, below)[0] if above.count and below.count else math.nan
            return {"roc_auc": Estimate(value=value, low=math.nan, high=math.nan, rows=rows)}
        value, first = _area(above, below)
        _, second = _area(below, above)
        return {"roc_auc": _around(value, math.sqrt(first + second), confidence, rows, least=0.0, most=1.0)}


class ValueQuality:
    """Errors of predicted numbers. skipped: rows without a truth or a prediction."""

    def __init__(self) -> None:
        self.errors, self.sizes, self.squares = Moments(), Moments(), Moments()
        self.skipped = 0
        self._centre: float | None = None
        self._powers = np.zeros(5)
        """Sums of (y - centre)^k of the truth y, k from 0 to 4."""
        self._weighted = np.zeros(3)
        """Sums of e²·(y - centre)^k of the errors e, k from 0 to 2."""

    def add(self, truth: Any, predicted: Any) -> None:
        """Add rows."""
        _same_length(truth, predicted)
        actual, given = numbers(truth, "number")[0], numbers(predicted, "number")[0]
        known = np.isfinite(actual) & np.isfinite(given)
        self.skipped += len(known) - int(known.sum())
        actual, error = actual[known], (given - actual)[known]
        if not len(actual):
            return
        squares = error * error
        self.errors.add(error)
        self.sizes.add(np.abs(error))
        self.squares.add(squares)
        if self._centre is None:
            self._centre = float(actual.mean())
        powers = np.vander(actual - self._centre, 5, increasing=True)
        self._powers += powers.sum(axis=0)
        self._weighted += squares @ powers[:, :3]

    def merge(self, other: "ValueQuality") -> None:
        """Add what another has seen."""
        self.skipped += other.skipped
        if other._centre is None:
            return
        self.errors.merge(other.errors)
        self.sizes.merge(other.sizes)
        self.squares.merge(other.squares)
        if self._centre is None:
            self._centre = other._centre
        apart = other._centre - self._centre
        self._powers += _shifted(other._powers, apart)
        self._weighted += _shifted(other._weighted, apart)

    def metrics(self, confidence: float = 0.95) -> dict[str, Estimate]:
        """mae, rmse, r2 and bias (the mean of prediction - truth), with the normal intervals of their means; that of
        rmse is the root of the mean square's, that of r2 the delta method's for 1 - mean(e²) / var(y)."""
        rows = self.errors.count
        if not rows:
            nothing = Estimate(value=math.nan, low=math.nan, high=math.nan, rows=0)
            return dict.fromkeys(("mae", "rmse", "r2", "bias"), nothing)
        square = _mean(self.squares, confidence, least=0.0)
        rmse = Estimate(
            value=math.sqrt(square.value), low=math.sqrt(square.low), high=math.sqrt(square.high), rows=rows
        )
        found = {"mae": _mean(self.sizes, confidence, least=0.0), "rmse": rmse, "bias": _mean(self.errors, confidence)}
        return found | {"r2": self._r2(confidence)}

    def _r2(self, confidence: float) -> Estimate:
        rows, error = self.errors.count, self.squares.mean
        powers = _shifted(self._powers, -self._powers[1] / rows) / rows
        weighted = _shifted(self._weighted, -self._powers[1] / rows) / rows
        variance = float(powers[2])
        if variance <= 0:
            return Estimate(value=math.nan, low=math.nan, high=math.nan, rows=rows)
        ratio = error / variance
        # The variance of (e² - ratio · (y - mean)²) / variance, the influence of one row.
        of_squares = self.squares.deviation**2
        of_truth = float(powers[4]) - variance**2
        together = float(weighted[2]) - error * variance
        spread = max(0.0, of_squares + ratio**2 * of_truth - 2 * ratio * together) / variance**2
        return _around(1 - ratio, math.sqrt(spread / rows), confidence, rows, most=1.0)


def _area(above: Steps, below: Steps) -> tuple[float, float]:
    """P(above > below), ties counted half, and the variance of its mean over the rows of `above`."""
    places = (below.under(above.values) + below.up_to(above.values)) / 2 / below.count
    weights = above.weights / above.count
    value = float(np.dot(weights, places))
    spread = float(np.dot(weights, (places - value) ** 2))
    return value, spread / max(above.count - 1, 1)


def _estimate(hits: int, rows: int, confidence: float) -> Estimate:
    """A share with Wilson's score interval."""
    if not rows:
        return Estimate(value=math.nan, low=math.nan, high=math.nan, rows=0)
    z, share = _quantile(confidence), hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return Estimate(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half), rows=rows)


def _mean(moments: Moments, confidence: float, least: float = -math.inf) -> Estimate:
    rows = moments.count
    deviation = math.sqrt(moments.squares / (rows - 1)) if rows > 1 else math.nan
    return _around(moments.mean, deviation / math.sqrt(rows), confidence, rows, least=least)


def _around(
    value: float, error: float, confidence: float, rows: int, least: float = -math.inf, most: float = math.inf
) -> Estimate:
    """The normal interval, cut where the metric ends."""
    half = _quantile(confidence) * error
    return Estimate(value=value, low=max(least, value - half), high=min(most, value + half), rows=rows)


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise DriftError(f"A confidence is between 0 and 1, and not {confidence:g}.")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _shifted(sums: Floats, by: float) -> Floats:
    """Sums of w·x^k for k = 0, 1, …, as sums of w·(x + by)^k."""
    return np.array(
        [math.fsum(math.comb(k, j) * float(sums[j]) * by ** (k - j) for j in range(k + 1)) for k in range(len(sums))]
    )


def _listed(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _same_length(truth: Any, predicted: Any) -> None:
    if len(truth) != len(predicted):
        raise DriftError(f"There are {len(truth):,} truths for {len(predicted):,} predictions.")
