"""What became true of predictions, read from CSV or JSON lines, and joined with captured requests by their ids.

Each row has `id` (the inference id, or the event id of a request that had none) and `value`; `row`, from 1, where a
request had several. JSON lines may also be ground truth records of SageMaker Model Monitor
(https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html). Of two rows about the same
prediction the later one holds. They are kept in a temporary file, not in memory.
"""

import csv
import io
import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.errors import NotFoundError, SpecError

_ENDINGS = (".csv", ".json", ".jsonl")


class TruthRow(NamedTuple):
    """What became true of one row of a request. value: a number, where it is one, or a text."""

    id: str
    row: int
    value: float | str


class Truth:
    """Truth by request and row. Use it in a `with`: it has a temporary file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ml-truth-")
        self._base = sqlite3.connect(Path(self._folder.name) / "truth.sqlite", isolation_level=None)
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN"):
            self._base.execute(statement)
        self._base.execute(
            "CREATE TABLE truth (id TEXT, row INTEGER, value, taken INTEGER DEFAULT 0, PRIMARY KEY (id, row)) "
            "WITHOUT ROWID"
        )

    def __enter__(self) -> "Truth":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        self._folder.cleanup()

    def __len__(self) -> int:
        """How many rows have a truth."""
        return int(self._base.execute("SELECT count(*) FROM truth").fetchone()[0])

    def add(self, rows: Iterable[TruthRow]) -> None:
        """Add rows; a row that is there gets the new value."""
        self._base.executemany("INSERT OR REPLACE INTO truth (id, row, value) VALUES (?, ?, ?)", rows)

    def take(self, request_id: str, row: int = 1) -> float | str | None:
        """The truth of a row, the first time that it is asked for; None where there is none, or not any more.

        So a request that a client sent twice with one inference id counts once.
        """
        found = self._base.execute(
            "UPDATE truth SET taken = 1 WHERE id = ? AND row = ? AND taken = 0 RETURNING value", (request_id, row)
        ).fetchone()
        return None if found is None else found[0]

    def get(self, request_id: str, row: int = 1) -> float | str | None:
        """The truth of a row, however often it is asked for; None where there is none."""
        found = self._base.execute("SELECT value FROM truth WHERE id = ? AND row = ?", (request_id, row)).fetchone()
        return None if found is None else found[0]

    @property
    def untaken(self) -> int:
        """Rows whose truth nobody took: of requests that were not captured, or at another time."""
        return int(self._base.execute("SELECT count(*) FROM truth WHERE taken = 0").fetchone()[0])


def read_truth(s3: Any, place: str) -> Truth:
    """The truth in a file or folder: a local path, `s3://bucket/key`, or a prefix with a slash at its end.

    Raises NotFoundError where nothing is there, SpecError naming file and line for what is no truth.
    """
    truth = Truth()
    try:
        some = False
        for name, lines in _files(s3, place):
            some = True
            truth.add(_rows(name, lines))
        if not some:
            raise NotFoundError(f"{place}: no file of truth is there ({', '.join(_ENDINGS)}).")
    except BaseException:
        truth.__exit__(None, None, None)
        raise
    return truth


def _files(s3: Any, place: str) -> Iterator[tuple[str, Iterator[str]]]:
    if place.startswith("s3://"):
        bucket, _, key = place.removeprefix("s3://").partition("/")
        for name in _keys(s3, bucket, key) if key.endswith("/") or not key else [key]:
            try:
                body: Any = s3.get_object(Bucket=bucket, Key=name)["Body"]
            except ClientError as error:
                if error_details(error).code in {"NoSuchKey", "NoSuchBucket", "404"}:
                    raise NotFoundError(f"s3://{bucket}/{name}: no such object; a prefix ends with a slash") from error
                raise
            yield f"s3://{bucket}/{name}", io.TextIOWrapper(body, encoding="utf-8-sig", newline="")
        return
    path = Path(place)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []:
        if file.is_file() and (file == path or file.suffix in _ENDINGS):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                yield str(file), lines


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (entry["Key"] for entry in page.get("Contents", []) if entry["Key"].endswith(_ENDINGS))


def _rows(name: str, lines: Iterator[str]) -> Iterator[TruthRow]:
    try:
        yield from (_csv(name, lines) if name.endswith(".csv") else _json(name, lines))
    except UnicodeDecodeError as error:
        raise SpecError(f"{name}: is not UTF-8: {error}") from error


def _csv(name: str, lines: Iterator[str]) -> Iterator[TruthRow]:
    reader = csv.DictReader(lines)
    missing = {"id", "value"} - set(reader.fieldnames or ())
    if missing:
        raise SpecError(f"{name}: has no column {', '.join(sorted(missing))}; truth has id, value and may have row")
    for record in reader:
        yield _row(name, reader.line_num, record["id"], record.get("row") or 1, record["value"])


def _json(name: str, lines: Iterator[str]) -> Iterator[TruthRow]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
            if "groundTruthData" in record:
                request_id = record["eventMetadata"]["eventId"]
                # Several values of one request: one a row, in their order.
                for row, value in enumerate(str(record["groundTruthData"]["data"]).splitlines(), 1):
                    yield _row(name, number, request_id, row, value)
            else:
                yield _row(name, number, record["id"], record.get("row", 1), record["value"])
        except (ValueError, KeyError, TypeError) as error:
            raise SpecError(
                f"{name}, line {number}: is no truth ({error}); it has id, value and may have row"
            ) from error


def _row(name: str, number: int, request_id: Any, row: Any, value: Any) -> TruthRow:
    try:
        place = int(row)
    except (TypeError, ValueError):
        raise SpecError(f"{name}, line {number}: row is {row!r}; it is a whole number, from 1") from None
    if value is None or not str(request_id or "").strip():
        raise SpecError(f"{name}, line {number}: lacks {'a value' if value is None else 'an id'}")
    return TruthRow(str(request_id), place, _number(value))


def _number(value: Any) -> float | str:
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(cast(str, value))
    except (TypeError, ValueError):
        text = str(value).strip()
        return {"true": 1.0, "false": 0.0}.get(text.lower(), text)
