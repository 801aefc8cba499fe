"""How good the answers of a window were, once their truth is there, beside how good they are on the reference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ml.captures import Truth
from ml.drift.quality import ClassQuality, Estimate, ScoreQuality, ValueQuality
from ml.drift.segmented import LEAST_ROWS
from ml.drift.tables import category, is_missing
from ml.errors import SpecError
from ml.spec.watch import Quality

LARGER_IS_BETTER = {"accuracy": True, "roc_auc": True, "mae": False, "rmse": False}
THRESHOLD = 0.5
"""Chance above which an answer stands for the positive class."""
BATCH_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model answered to one row of a request, from 1. segment: the row's; "" where there are none."""

    id: str
    row: int
    answer: Any
    segment: str = ""


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


@dataclass(frozen=True, kw_only=True)
class Usual:
    """The metric on the reference. segments: the same of each segment that has enough rows."""

    value: float
    segments: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def tests(self) -> int:
        """How many answers are given about a window: the rate of false alarms is theirs together."""
        return 1 + len(self.segments)


class Measures:
    """The metric of all rows, and of those of each segment."""

    def __init__(self, quality: Quality) -> None:
        self._quality = quality
        self._whole = Measure(quality)
        self._segments: dict[str, Measure] = {}

    def add(self, truth: Sequence[Any], answers: Sequence[Any], segments: Mapping[str, Sequence[int]]) -> None:
        """Rows as a Measure takes them. segments: which of them are in which."""
        self._whole.add(truth, answers)
        for name, rows in segments.items():
            measure = self._segments.setdefault(name, Measure(self._quality))
            measure.add([truth[row] for row in rows], [answers[row] for row in rows])

    def estimates(self, error_rate: float) -> tuple[Estimate, dict[str, Estimate]]:
        """Of all rows, and of each segment with LEAST_ROWS, each at this rate."""
        found = {name: measure.estimate(error_rate) for name, measure in self._segments.items()}
        return self._whole.estimate(error_rate), {name: one for name, one in found.items() if one.rows >= LEAST_ROWS}

    def usual(self, error_rate: float) -> Usual:
        """What these rows of a reference are to later ones."""
        whole, segments = self.estimates(error_rate)
        known = {name: one.value for name, one in segments.items() if not math.isnan(one.value)}
        return Usual(value=whole.value, segments=known)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How good a window's answers were. answers: how many there are, with and without their truth."""

    whole: Estimate
    segments: Mapping[str, Estimate]
    answers: int


def measured(quality: Quality, truth: Truth, answers: Iterable[Answer], error_rate: float) -> Measured:
    """The metric of the answers whose truth is there. error_rate: of each estimate."""
    measures, count = Measures(quality), 0
    batch: list[tuple[Any, Answer]] = []
    for one in answers:
        count += 1
        true = truth.get(one.id, one.row)
        if true is not None:
            batch.append((true, one))
        if len(batch) >= BATCH_ROWS:
            _add(measures, batch)
            batch = []
    if batch:
        _add(measures, batch)
    whole, segments = measures.estimates(error_rate)
    return Measured(whole=whole, segments=segments, answers=count)


def _add(measures: Measures, batch: Sequence[tuple[Any, Answer]]) -> None:
    segments: dict[str, list[int]] = {}
    for row, (_, one) in enumerate(batch):
        if one.segment:
            segments.setdefault(one.segment, []).append(row)
    measures.add([true for true, _ in batch], [one.answer for _, one in batch], segments)


def judged(quality: Quality, usual: Usual, now: Measured, *, min_rows: int) -> dict[str, Any]:
    """What is kept about a window's quality. usual: the metric on the reference. Lost is also what a segment lost."""
    whole = _judged(quality, usual.value, now.whole, min_rows)
    segments = {
        name: _judged(quality, usual.segments[name], one, LEAST_ROWS)
        for name, one in sorted(now.segments.items())
        if name in usual.segments
    }
    lost = whole["lost"] or any(one["lost"] for one in segments.values())
    return {"metric": quality.metric, **whole, "lost": lost, "answers": now.answers, "segments": segments}


def _judged(quality: Quality, usual: float, now: Estimate, min_rows: int) -> dict[str, Any]:
    worst_likely = now.high if LARGER_IS_BETTER[quality.metric] else now.low
    loss = (usual - worst_likely) if LARGER_IS_BETTER[quality.metric] else (worst_likely - usual)
    enough = now.rows >= min_rows and not math.isnan(loss)
    return {
        "reference": usual,
        **{name: None if math.isnan(value) else value for name, value in asdict(now).items()},
        "judged": enough,
        "lost": enough and loss > quality.max_loss,
    }


def told(document: Mapping[str, Any]) -> str:
    """One line about a window's quality, with the segments that lost."""
    share = f"{document['rows']:,} of {document['answers']:,} answers with their truth"
    lost = [f"{name} lost: {_shown(one)}" for name, one in document.get("segments", {}).items() if one["lost"]]
    if not document["judged"]:
        return "; ".join([f"{document['metric']} not judged yet: {share}", *lost])
    word = "lost" if document["lost"] else "held"
    return "; ".join([f"{document['metric']} {word}: {_shown(document)}, {share}", *lost])


def _shown(document: Mapping[str, Any]) -> str:
    interval = f"{document['value']:.4g} ({document['low']:.4g} to {document['high']:.4g})"
    return f"{interval} beside {document['reference']:.4g} on the reference"
