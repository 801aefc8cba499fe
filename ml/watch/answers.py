"""The answers of a window, kept until their truth is there: a compressed table of id, row and answer."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from ml.watch.answer import answer_column
from ml.watch.quality import Answer
from ml.watch.windows import Asked

FOLDER = "answers"


class Answers:
    """Collects a window's answers in a temporary file, not in memory."""

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._text = io.TextIOWrapper(gzip.GzipFile(fileobj=self._file, mode="wb", mtime=0), newline="")
        self._rows = csv.writer(self._text)

    def add(self, requests: Sequence[Asked]) -> None:
        """Some more requests."""
        for one in requests:
            column = answer_column(one.columns)
            if column is not None:
                answers = enumerate(one.columns[column], 1)
                self._rows.writerows([one.id, row, json.dumps(answer)] for row, answer in answers)

    def close(self) -> Any:
        """The file, at its beginning."""
        self._text.close()
        self._file.seek(0)
        return self._file


def read(body: Any) -> Iterator[Answer]:
    """The answers in such a file. body: has `read`."""
    with gzip.GzipFile(fileobj=body, mode="rb") as packed:
        for request, row, answer in csv.reader(io.TextIOWrapper(packed, encoding="utf-8", newline="")):
            yield Answer(id=request, row=int(row), answer=json.loads(answer))
