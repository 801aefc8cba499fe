"""How much each column moves a model's answers, on a sample of a window's rows: by ablation.

A column's value is replaced by that of a row of the reference, and the change of the answer is the column's attribution
to that row (Breiman 2001 permutes within the rows; here what comes in is the reference's, so that a window in which a
column hardly varies is told by the answers that this makes). The model itself is asked, in this process and not at the
endpoint: that costs nothing there, and is captured by nobody as a request.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ml.captures import PREDICTION, Body, UnreadableBodyError
from ml.drift import Profile, SegmentedProfile
from ml.drift.attributions import Attributions
from ml.drift.segmented import LEAST_ROWS
from ml.drift.tables import is_missing
from ml.errors import NotFoundError
from ml.serving.encode import encode
from ml.serving.errors import RequestError
from ml.serving.media import JSON
from ml.serving.schema import Column
from ml.serving.table import Table
from ml.watch.answer import answer_column
from ml.watch.model import LoadedModel, UnattributedError, load
from ml.watch.sample import Row, Sample, of_frame

BACKGROUND = 256
"""Rows of the reference that values are drawn from."""
BATCH_ROWS = 4096
"""Rows that the model is asked about at once."""
SAME = 0.95
"""Share of the sampled rows that the model must answer as the endpoint did: else another version served."""
CLOSE = 1e-4
"""By how much an answer may differ, relative to its size: libraries of another machine add up in another order."""


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What the attributions of all windows are made with. model: place of its archive. digest: SHA-256 of that, in hex.
    background: rows of the reference."""

    model: str
    digest: str
    background: Sequence[Row]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"model": self.model, "digest": self.digest, "background": list(self.background)}


class Attributing:
    """Asks one model. background: rows of the reference. rows: how many of a window. Raises UnattributedError where
    the model cannot be asked about such rows."""

    def __init__(self, loaded: LoadedModel, background: Sequence[Row], rows: int) -> None:
        self.basis = basis = Basis(model=loaded.place, digest=loaded.digest, background=background)
        self.rows = rows
        self._loaded = loaded
        model = loaded.model
        if model.schema is None:
            raise UnattributedError(
                f"The model {basis.model} has no signature with named columns of plain values: save it with "
                "signature=infer_signature(…)."
            )
        if personal := sorted(model.masker.personal.intersection(model.schema.names)):
            raise UnattributedError(
                f"The model asks for personal columns ({', '.join(personal)}), whose values no capture has: it cannot "
                "be asked again about captured rows. Leave out deploy.watch.attributions."
            )
        known = set(basis.background[0]) if basis.background else set[str]()
        if missing := [column.name for column in model.schema.columns if column.required and column.name not in known]:
            raise UnattributedError(f"The reference lacks columns of the model {basis.model}: {', '.join(missing)}.")
        self._columns = tuple(column for column in model.schema.columns if column.name in known)
        self._background = self._typed(basis.background, "the reference")

    def sample(self, seed: int) -> Sample:
        """Where a window's rows are collected. seed: of this window alone."""
        return Sample(self.rows, [seed])

    def of(self, sample: Sample, profile: Profile, *, answered: bool = False) -> dict[str, Attributions]:
        """Each column's attributions in all rows of a sample, under "", and in each segment that has LEAST_ROWS of it.

        profile: of the sample's window. answered: whether the rows have the endpoint's answers, so that it is seen
        whether this model gave them. The model is asked about each row once, and once for each column. Raises
        UnattributedError where it cannot be asked, and where it is not the one that served.
        """
        rows = sample.rows
        if len(rows) < LEAST_ROWS:
            raise UnattributedError(f"{len(rows)} rows with an answer are fewer than {LEAST_ROWS}.")
        table = self._typed(rows, "the window")
        answers = self._answers(table)
        if answered:
            self._see_that_it_served(rows, answers)
        draws = sample.draws(len(self._background))
        replaced = (
            [*row[:place], self._background[draw][place], *row[place + 1 :]]
            for place in range(len(self._columns))
            for row, draw in zip(table, draws, strict=True)
        )
        changed = chain.from_iterable(self._answers(batch) for batch in _batches(replaced))
        changes = {column.name: [_apart(answer, next(changed)) for answer in answers] for column in self._columns}
        found = {"": list(range(len(rows))), **_segments(rows, profile)}
        attributions = {label: Attributions() for label in found}
        for label, places in found.items():
            attributions[label].add({name: [sizes[place] for place in places] for name, sizes in changes.items()})
        return attributions

    def _typed(self, rows: Sequence[Row], whose: str) -> list[list[Any]]:
        """The rows' values as the model's types, column by column of the model."""
        if rows and (
            missing := [column.name for column in self._columns if not any(column.name in row for row in rows)]
        ):
            raise UnattributedError(f"The rows of {whose} lack {', '.join(missing)}, which the model asks for.")
        try:
            return [
                [_value(row.get(column.name), column, number) for column in self._columns]
                for number, row in enumerate(rows, 1)
            ]
        except RequestError as error:
            raise UnattributedError(f"The model cannot be asked about the rows of {whose}: {error.message}") from error

    def _answers(self, rows: list[list[Any]]) -> list[Any]:
        """The answers as captures have them: of a classifier with chances that of the last class."""
        try:
            predictions = self._loaded.model.answer_table(Table(self._columns, rows)).predictions
            body = Body(content_type=JSON, encoding="JSON", data=encode(predictions, JSON).decode())
            answers = body.predictions()
        except RequestError as error:
            raise UnattributedError(f"The model refuses rows: {error.message}") from error
        except UnreadableBodyError as error:
            raise UnattributedError(f"The model's answers are no rows: {error}") from error
        except Exception as error:  # a model can raise anything
            raise UnattributedError(f"The model fails: {type(error).__name__}: {error}") from error
        name = answer_column(answers.columns)
        if name is None:
            found = ", ".join(answers.columns) or "nothing"
            raise UnattributedError(f"The model answers with columns of its own ({found}), of which none is watched.")
        if answers.count != len(rows):
            raise UnattributedError(f"The model gives {answers.count} answers to {len(rows)} rows.")
        return answers.columns[name]

    def _see_that_it_served(self, rows: Sequence[Row], answers: Sequence[Any]) -> None:
        same = sum(_same(row.get(PREDICTION), answer) for row, answer in zip(rows, answers, strict=True))
        if same < SAME * len(rows):
            raise UnattributedError(
                f"The model of the reference answers {same} of {len(rows)} rows as the endpoint did: another version "
                "served. `ml watch start` takes what serves now."
            )


def background_of(frames: Iterable[Any], columns: Iterable[str]) -> list[Row]:
    """Rows that stand for a table. frames: pandas data frames. columns: those that the model may ask for."""
    sample = Sample(BACKGROUND, [0])
    wanted = [*columns]
    for frame in frames:
        known = frame[[name for name in wanted if name in frame.columns]]
        sample.add(len(known), of_frame(known))
    return [{name: _plain(value) for name, value in row.items()} for row in sample.rows]


def again(s3: Any, basis: Basis, rows: int) -> Attributing:
    """What asks the model of a reference once more. Raises UnattributedError, also where it is another model now."""
    try:
        loaded = load(s3, basis.model)
    except NotFoundError as error:
        raise UnattributedError(str(error)) from error
    if loaded.digest != basis.digest:
        raise UnattributedError(f"{basis.model} is another model than that of the reference: `ml watch start` again.")
    return Attributing(loaded, basis.background, rows)


def _batches(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


def _segments(rows: Sequence[Row], profile: Profile) -> dict[str, list[int]]:
    """Places of the rows of each segment that has enough of them."""
    if not isinstance(profile, SegmentedProfile):
        return {}
    segments = profile.segments
    parts = segments.parts([row.get(segments.by) for row in rows])
    return {label: sorted(places.tolist()) for label, places in sorted(parts.items()) if len(places) >= LEAST_ROWS}


def _plain(value: Any) -> Any:
    """A value of a data frame as JSON has it: without infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_missing(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _value(value: Any, column: Column, number: int) -> Any:
    """Columns of captured CSV have texts where the model has times."""
    plain = _plain(value)
    if isinstance(plain, str) and column.type != "string":
        return column.from_text(plain, number)
    return column.from_json(plain, number)


def _apart(before: Any, now: Any) -> float:
    """By how much two answers differ: amounts by their difference, classes by 1. One that is missing differs by 0."""
    if is_missing(before) or is_missing(now):
        return 0.0
    if isinstance(before, float) or isinstance(now, float):
        apart = abs(float(before) - float(now))
        return apart if math.isfinite(apart) else 0.0
    return float(before != now)


def _same(captured: Any, answer: Any) -> bool:
    if is_missing(captured) or is_missing(answer):
        return is_missing(captured) and is_missing(answer)
    if isinstance(captured, int | float) and isinstance(answer, int | float):
        return math.isclose(captured, answer, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE)
    return captured == answer


def basis_from(document: Mapping[str, Any] | None) -> Basis | None:
    """What `Basis.document` made."""
    return None if document is None else Basis(**document)
