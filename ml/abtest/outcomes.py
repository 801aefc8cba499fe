"""What an A/B test may compare, and how a captured request and its truth become one observation of it.

The observation is the request: that is what is assigned to a variant. Of one with several rows it is their mean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ml.captures import PREDICTION, CapturedRequest, Truth, UnreadableBodyError
from ml.errors import SpecError


class Source(StrEnum):
    """Where the observations of a metric come from."""

    TRUTH = "captures and truth"
    CAPTURE = "captures"
    CLOUDWATCH = "CloudWatch"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A metric that `ml experiment` knows. unit: what its values are printed with."""

    name: str
    source: Source
    higher_is_better: bool
    says: str
    unit: str = ""


OUTCOMES = {
    outcome.name: outcome
    for outcome in (
        Outcome(
            name="errors",
            source=Source.CLOUDWATCH,
            higher_is_better=False,
            says="share of requests that the variant answered with 4xx or 5xx",
        ),
        Outcome(
            name="latency",
            source=Source.CLOUDWATCH,
            higher_is_better=False,
            says="mean time in the container, in milliseconds",
            unit=" ms",
        ),
        Outcome(
            name="correct",
            source=Source.TRUTH,
            higher_is_better=True,
            says="share of predictions that became true; with --threshold, of those at or above it being 1",
        ),
        Outcome(
            name="absolute-error",
            source=Source.TRUTH,
            higher_is_better=False,
            says="mean distance between prediction and truth",
        ),
        Outcome(
            name="truth",
            source=Source.TRUTH,
            higher_is_better=True,
            says="mean of what became true, such as conversions or revenue",
        ),
        Outcome(
            name="prediction",
            source=Source.CAPTURE,
            higher_is_better=True,
            says="mean of the predictions themselves; with --threshold, the share at or above it",
        ),
    )
}
"""By name."""


class NoObservationError(Exception):
    """A request has no observation of a metric. reason: why, in words that are counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How an outcome is read from a request.

    threshold: from which a prediction counts as 1; None for predictions that are labels or numbers as they are.
    column: of the answer; None where it has one.
    """

    outcome: Outcome
    threshold: float | None = None
    column: str | None = None

    def observation(self, request: CapturedRequest, truth: Truth | None) -> tuple[float, int]:
        """The value of a request, and of how many rows it is the mean.

        Raises NoObservationError where there is none, SpecError where the predictions are not of this outcome's kind.
        """
        if self.outcome.name == "truth":
            predictions: Sequence[Any] = [None] * self._count(request)
        else:
            predictions = self._predictions(request)
        values: list[float] = []
        for row, prediction in enumerate(predictions, 1):
            actual = truth.take(request.id, row) if truth is not None else None
            if truth is not None and actual is None:
                continue
            values.append(self._value(prediction, actual))
        if not values:
            raise NoObservationError("no truth")
        return math.fsum(values) / len(values), len(values)

    def _count(self, request: CapturedRequest) -> int:
        """Rows of a request whose answer may not be captured."""
        try:
            body = request.output or request.input
            return body.rows().count if body is not None else 1
        except UnreadableBodyError:
            return 1

    def _predictions(self, request: CapturedRequest) -> list[Any]:
        if request.output is None:
            raise NoObservationError("answer not captured")
        try:
            columns = request.output.predictions().columns
        except UnreadableBodyError as error:
            raise NoObservationError("answer has no rows") from error
        name = self.column or (PREDICTION if PREDICTION in columns or len(columns) != 1 else next(iter(columns)))
        if name not in columns:
            has = ", ".join(columns) or "none"
            raise SpecError(f"The answers have no column {name!r}; say --column with one of theirs: {has}")
        return columns[name]

    def _value(self, prediction: Any, actual: float | str | None) -> float:
        if self.outcome.name == "truth":
            return self._number(actual, "truth")
        if self.outcome.name == "correct":
            return float(self._label(prediction) == (_as_text(actual)))
        value = self._number(prediction, "prediction")
        if self.outcome.name == "prediction":
            return value if self.threshold is None else float(value >= self.threshold)
        return abs(value - self._number(actual, "truth"))

    def _label(self, prediction: Any) -> str:
        if self.threshold is not None:
            return _as_text(float(self._number(prediction, "prediction") >= self.threshold))
        if isinstance(prediction, float) and not prediction.is_integer():
            raise SpecError(
                f"A prediction is {prediction:.4g}, which is no label: say --threshold, such as 0.5, or compare "
                "--metric absolute-error"
            )
        return _as_text(prediction)

    def _number(self, value: Any, what: str) -> float:
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        if value is None or isinstance(value, float):
            raise NoObservationError(f"{what} is missing")
        raise SpecError(f"The {what} {value!r} is no number, as --metric {self.outcome.name} needs it")


def _as_text(value: Any) -> str:
    """A label as texts are compared: 1, 1.0 and True are the same."""
    return f"{float(value):g}" if isinstance(value, bool | int | float) else str(value).strip()
