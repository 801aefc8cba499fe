"""Streams of rows, checked a window at a time: as many rows, or as many seconds, as a window holds."""

# Pandas comes without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import csv
import io
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pandas as pd

from ml.data.check import check
from ml.data.expectations import Expectations
from ml.data.findings import CheckResult, Finding
from ml.data.tables import rows_as_table

MOST_ROWS = 100_000
"""Most rows of a window that is a length of time, so that memory holds it."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Lines of a stream. first: number of its first row, counted from 1. closed: when it was complete."""

    number: int
    first: int
    lines: tuple[bytes, ...]
    header: bytes | None
    closed: datetime


def windows(source: BinaryIO, *, rows: int | None = None, seconds: float | None = None) -> Iterator[Window]:
    """The windows of a stream of JSON lines, or of CSV that begins with its header.

    rows: how many a window has. seconds: how long it is open from its first row on; it closes then even when nothing
    more comes. What is left at the end of the stream is a window too.
    """
    arrived = _arriving(source)
    header: bytes | None = None
    first_line = True
    number, first = 1, 1
    lines: list[bytes] = []
    deadline = 0.0
    most = rows or MOST_ROWS

    def close() -> Window:
        nonlocal number, first, lines
        window = Window(number=number, first=first, lines=tuple(lines), header=header, closed=datetime.now(UTC))
        number, first, lines = number + 1, first + len(lines), []
        return window

    while True:
        try:
            wait = max(0.0, deadline - time.monotonic()) if seconds is not None and lines else None
            line = arrived.get(timeout=wait)
        except queue.Empty:
            yield close()
            continue
        if line is None:
            break
        if not line.strip():
            continue
        if first_line:
            first_line = False
            if not line.lstrip().startswith(b"{"):
                header = line
                continue
        if not lines and seconds is not None:
            deadline = time.monotonic() + seconds
        lines.append(line)
        if len(lines) >= most or (seconds is not None and time.monotonic() >= deadline):
            yield close()
    if lines:
        yield close()


def check_window(expectations: Expectations, window: Window, dataset: str) -> CheckResult:
    """Check one window. Rows that cannot be read are a finding; the others are checked all the same."""
    frame, unreadable = _table(expectations, window, dataset)
    count = len(window.lines)
    readable = Finding(
        dataset=dataset,
        check="readable",
        column=None,
        passed=not unreadable,
        expected="rows that can be read",
        observed=f"{unreadable:,} of {count:,} lines cannot be read" if unreadable else "all as expected",
        count=unreadable,
        share=unreadable / count,
    )
    if not len(frame):
        return CheckResult(findings=(readable,), datasets=())
    result = check(expectations, {dataset: frame}, now=window.closed, window=True)
    return CheckResult(findings=(readable, *result.findings), datasets=result.datasets)


def _table(expectations: Expectations, window: Window, dataset: str) -> tuple[pd.DataFrame, int]:
    columns = expectations.columns_of(dataset)
    if window.header is None:
        rows: list[dict[str, Any]] = []
        for line in window.lines:
            try:
                row: Any = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
        return rows_as_table(rows, columns=columns), len(window.lines) - len(rows)
    names = next(csv.reader([_text(window.header)]))
    lines = [line for line in map(_text, window.lines) if len(next(csv.reader([line]))) == len(names)]
    texts = {name: str for name, column in columns.items() if column.type == "text"}
    frame = pd.read_csv(io.StringIO("\n".join([_text(window.header), *lines])), dtype=texts)
    return frame, len(window.lines) - len(lines)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")


def _arriving(source: BinaryIO) -> "queue.Queue[bytes | None]":
    """The lines as they come, and None at the end: a window of time closes while a read still waits."""
    lines: queue.Queue[bytes | None] = queue.Queue(maxsize=2 * MOST_ROWS)

    def read() -> None:
        try:
            for line in iter(source.readline, b""):
                lines.put(line)
        finally:
            lines.put(None)

    threading.Thread(target=read, name="stream", daemon=True).start()
    return lines
