"""How good the answers of a window were, once their truth is there, beside how good they are on the reference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ml.captures import Truth
from ml.drift.quality import ClassQuality, Estimate, ScoreQuality, ValueQuality
from ml.drift.tables import category, is_missing
from ml.errors import SpecError
from ml.spec.watch import Quality

LARGER_IS_BETTER = {"accuracy": True, "roc_auc": True, "mae": False, "rmse": False}
THRESHOLD = 0.5
"""Chance above which an answer stands for the positive class."""
BATCH_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model answered to one row of a request, from 1."""

    id: str
    row: int
    answer: Any


class Measure:
    """Adds rows up to one metric, in memory that does not grow with them."""

    def __init__(self, quality: Quality) -> None:
        self._quality = quality
        positive = quality.positive
        self._sum: ClassQuality | ScoreQuality | ValueQuality
        if quality.metric == "accuracy":
            self._sum = ClassQuality()
        elif quality.metric == "roc_auc":
            self._sum = ScoreQuality(positive)
        else:
            self._sum = ValueQuality()

    def add(self, truth: Sequence[Any], answers: Sequence[Any]) -> None:
        """Rows: what they turned out to be, and what was answered. Raises SpecError for what has no metric."""
        quality = self._quality
        try:
            if isinstance(self._sum, ClassQuality) and quality.positive is not None:
                positive = category(quality.positive)
                self._sum.add(
                    [None if is_missing(one) else category(one) == positive for one in truth],
                    [None if is_missing(one) else float(one) > THRESHOLD for one in answers],
                )
            else:
                self._sum.add(truth, answers)
        except (TypeError, ValueError) as error:
            raise SpecError(f"deploy.watch.quality: there is no {quality.metric} of these answers: {error}") from error

    def estimate(self, error_rate: float) -> Estimate:
        """The metric with an interval that it is below, or above, of by chance in `error_rate` of the windows each."""
        return self._sum.metrics(1 - 2 * error_rate)[self._quality.metric]


def measured(quality: Quality, truth: Truth, answers: Iterable[Answer], error_rate: float) -> tuple[Estimate, int]:
    """The metric of the answers whose truth is there, and how many answers there are."""
    measure, count = Measure(quality), 0
    batch: list[tuple[Any, Any]] = []
    for one in answers:
        count += 1
        true = truth.get(one.id, one.row)
        if true is not None:
            batch.append((true, one.answer))
        if len(batch) >= BATCH_ROWS:
            measure.add(*zip(*batch, strict=True))
            batch = []
    if batch:
        measure.add(*zip(*batch, strict=True))
    return measure.estimate(error_rate), count


def judged(quality: Quality, usual: float, now: Estimate, rows: int, *, min_rows: int) -> dict[str, Any]:
    """What is kept about a window's quality. usual: the metric on the reference. rows: answers of the window."""
    worst_likely = now.high if LARGER_IS_BETTER[quality.metric] else now.low
    loss = (usual - worst_likely) if LARGER_IS_BETTER[quality.metric] else (worst_likely - usual)
    enough = now.rows >= min_rows and not math.isnan(loss)
    return {
        "metric": quality.metric,
        "reference": usual,
        **{name: None if math.isnan(value) else value for name, value in asdict(now).items()},
        "answers": rows,
        "judged": enough,
        "lost": enough and loss > quality.max_loss,
    }


def told(document: Mapping[str, Any]) -> str:
    """One line about a window's quality."""
    share = f"{document['rows']:,} of {document['answers']:,} answers with their truth"
    if not document["judged"]:
        return f"{document['metric']} not judged yet: {share}"
    interval = f"{document['value']:.4g} ({document['low']:.4g} to {document['high']:.4g})"
    word = "lost" if document["lost"] else "held"
    return f"{document['metric']} {word}: {interval} beside {document['reference']:.4g} on the reference, {share}"
