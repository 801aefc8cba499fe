"""The answers of a window, kept until their truth is there: a compressed table of id, row, answer and segment."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from ml.drift.segments import Segments
from ml.watch.answer import answer_column
from ml.watch.quality import Answer
from ml.watch.windows import Asked

FOLDER = "answers"


class Answers:
    """Collects a window's answers in a temporary file, not in memory. segments: those that rows are told apart by."""

    def __init__(self, segments: Segments | None = None) -> None:
        self._segments = segments
        self._file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._text = io.TextIOWrapper(gzip.GzipFile(fileobj=self._file, mode="wb", mtime=0), newline="")
        self._rows = csv.writer(self._text)

    def add(self, requests: Sequence[Asked]) -> None:
        """Some more requests."""
        for one in requests:
            column = answer_column(one.columns)
            if column is not None:
                answers = one.columns[column]
                segments = self._segments_of(one)
                for row, (answer, segment) in enumerate(zip(answers, segments, strict=True), 1):
                    self._rows.writerow([one.id, row, json.dumps(answer), segment])

    def _segments_of(self, one: Asked) -> list[str]:
        names = [""] * one.count
        if self._segments is not None and self._segments.by in one.columns:
            for label, rows in self._segments.parts(one.columns[self._segments.by]).items():
                for row in rows:
                    names[row] = label
        return names

    def close(self) -> Any:
        """The file, at its beginning."""
        self._text.close()
        self._file.seek(0)
        return self._file


def read(body: Any) -> Iterator[Answer]:
    """The answers in such a file. body: has `read`."""
    with gzip.GzipFile(fileobj=body, mode="rb") as packed:
        for request, row, answer, *segment in csv.reader(io.TextIOWrapper(packed, encoding="utf-8", newline="")):
            # An earlier release kept no segments.
            yield Answer(id=request, row=int(row), answer=json.loads(answer), segment=segment[0] if segment else "")
