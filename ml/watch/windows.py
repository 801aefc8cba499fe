"""Captured requests as windows: so many rows, or so long a time; each request once, whole, in bounded memory."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ml.captures import CapturedRequest, Rows, UnreadableBodyError

BATCH_ROWS = 4096
"""Rows that are handed on together."""
OUT_OF_ORDER = timedelta(seconds=60)
"""How much older a request may be than one that is read before it: files come in the order of their writing, and each
instance of an endpoint writes its own (the platform's inference server each 30 s)."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One row: what the model was asked, and what it answered.

    id: of the request; row: its place in it, from 1. values: column to value, the prediction's columns among them.
    """

    id: str
    row: int
    values: Mapping[str, Any]


@dataclass(kw_only=True)
class Window:
    """Rows between two times. last: event id of the last request. rows: how many. unreadable: requests whose bodies
    have no rows. masked: their personal columns."""

    start: datetime
    end: datetime
    last: str = ""
    rows: int = 0
    requests: int = 0
    unreadable: int = 0
    masked: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some rows of a window. last: whether the window is complete with it."""

    window: Window
    rows: Sequence[Asked]
    last: bool


def rows_of(request: CapturedRequest, columns: Sequence[str] = ()) -> tuple[list[Asked], frozenset[str]]:
    """The rows of a request with their answers, and the names of its personal columns.

    Raises UnreadableBodyError where request or answer have no rows, or not equally many.
    """
    asked = request.input.rows(columns) if request.input else None
    answered = request.output.predictions() if request.output else None
    if asked is None or answered is None:
        raise UnreadableBodyError("the request or its answer is not captured")
    if asked.count != answered.count:
        raise UnreadableBodyError(f"{asked.count} rows have {answered.count} answers")
    together: dict[str, list[Any]] = {**asked.columns, **_apart(answered, asked)}
    names = list(together)
    values = zip(*together.values(), strict=True)
    rows = [
        Asked(id=request.id, row=place, values=dict(zip(names, row, strict=True)))
        for place, row in enumerate(values, 1)
    ]
    return rows, asked.masked


def _apart(answered: Rows, asked: Rows) -> dict[str, list[Any]]:
    """An answer's columns, under names that no input has."""
    return {f"{name} (answer)" if name in asked.columns else name: values for name, values in answered.columns.items()}


def in_order(requests: Iterable[CapturedRequest], after: tuple[datetime, str]) -> Iterator[CapturedRequest]:
    """Requests by time and event id, those alone that are later than `after` by both."""
    waiting: list[tuple[datetime, str, CapturedRequest]] = []
    youngest = after[0]
    for request in requests:
        if (request.time, request.event_id) <= after:
            continue
        heapq.heappush(waiting, (request.time, request.event_id, request))
        youngest = max(youngest, request.time)
        while waiting and waiting[0][0] + OUT_OF_ORDER < youngest:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def by_rows(requests: Iterable[CapturedRequest], size: int, columns: Sequence[str] = ()) -> Iterator[Piece]:
    """Windows of at least `size` rows, whole requests each; the last one only once it is full."""
    window: Window | None = None
    batch: list[Asked] = []
    for request in requests:
        if window is None:
            window = Window(start=request.time, end=request.time)
        batch += _into(window, request, columns)
        window.end = max(window.end, request.time)
        full = window.rows >= size
        if full or len(batch) >= BATCH_ROWS:
            yield Piece(window=window, rows=batch, last=full)
            batch = []
        if full:
            window = None


def by_time(
    requests: Iterable[CapturedRequest], length: timedelta, until: datetime, columns: Sequence[str] = ()
) -> Iterator[Piece]:
    """Windows of a length of time, from the epoch on, that have ended by `until`; those without a request are none.

    A request that comes after its window was closed (see OUT_OF_ORDER) is in the next.
    """
    window: Window | None = None
    batch: list[Asked] = []
    for request in requests:
        start = EPOCH + (request.time - EPOCH) // length * length
        if window is not None and start > window.start:
            yield Piece(window=window, rows=batch, last=True)
            window, batch = None, []
        if window is None:
            if start + length > until:
                continue
            window = Window(start=start, end=start + length)
        batch += _into(window, request, columns)
        if len(batch) >= BATCH_ROWS:
            yield Piece(window=window, rows=batch, last=False)
            batch = []
    if window is not None:
        yield Piece(window=window, rows=batch, last=True)


def _into(window: Window, request: CapturedRequest, columns: Sequence[str]) -> list[Asked]:
    window.requests += 1
    window.last = request.event_id
    try:
        rows, masked = rows_of(request, columns)
    except UnreadableBodyError:
        window.unreadable += 1
        return []
    window.masked |= masked
    window.rows += len(rows)
    return rows
