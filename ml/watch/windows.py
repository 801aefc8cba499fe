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
    """The rows of one request: what the model was asked, and what it answered.

    id: of the request. count: its rows. columns: name to values, the prediction's columns among them.
    """

    id: str
    count: int
    columns: Mapping[str, list[Any]]


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
    """Some requests of a window. last: whether the window is complete with it."""

    window: Window
    requests: Sequence[Asked]
    last: bool


def rows_of(request: CapturedRequest, columns: Sequence[str] = ()) -> tuple[Asked, frozenset[str]]:
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
    return Asked(id=request.id, count=asked.count, columns=together), asked.masked


def _apart(answered: Rows, asked: Rows) -> dict[str, list[Any]]:
    """An answer's columns, under names that no input has."""
    return {f"{name} (answer)" if name in asked.columns else name: values for name, values in answered.columns.items()}


def in_order(requests: Iterable[CapturedRequest], after: tuple[datetime, str]) -> Iterator[CapturedRequest]:
    """Requests by time and event id, each once, those alone that are later than `after` by both."""
    waiting: list[tuple[datetime, str]] = []
    known: dict[tuple[datetime, str], CapturedRequest] = {}
    youngest = after[0]
    for request in requests:
        place = request.time, request.event_id
        if place <= after or place in known:
            continue
        heapq.heappush(waiting, place)
        known[place] = request
        youngest = max(youngest, request.time)
        while waiting[0][0] + OUT_OF_ORDER < youngest:
            yield known.pop(heapq.heappop(waiting))
    while waiting:
        yield known.pop(heapq.heappop(waiting))


def by_rows(requests: Iterable[CapturedRequest], size: int, columns: Sequence[str] = ()) -> Iterator[Piece]:
    """Windows of at least `size` rows, whole requests each; the last one only once it is full."""
    window: Window | None = None
    batch = _Batch()
    for request in requests:
        if window is None:
            window = Window(start=request.time, end=request.time)
        batch.add(_into(window, request, columns))
        window.end = max(window.end, request.time)
        full = window.rows >= size
        if full or batch.rows >= BATCH_ROWS:
            yield Piece(window=window, requests=batch.taken(), last=full)
        if full:
            window = None


def by_time(
    requests: Iterable[CapturedRequest], length: timedelta, until: datetime, columns: Sequence[str] = ()
) -> Iterator[Piece]:
    """Windows of a length of time, from the epoch on, that have ended by `until`; those without a request are none.

    A request that comes after its window was closed (see OUT_OF_ORDER) is in the next.
    """
    window: Window | None = None
    batch = _Batch()
    for request in requests:
        start = EPOCH + (request.time - EPOCH) // length * length
        if window is not None and start > window.start:
            yield Piece(window=window, requests=batch.taken(), last=True)
            window = None
        if window is None:
            if start + length > until:
                continue
            window = Window(start=start, end=start + length)
        batch.add(_into(window, request, columns))
        if batch.rows >= BATCH_ROWS:
            yield Piece(window=window, requests=batch.taken(), last=False)
    if window is not None:
        yield Piece(window=window, requests=batch.taken(), last=True)


class _Batch:
    """Requests that are handed on together. rows: how many they have."""

    def __init__(self) -> None:
        self.rows = 0
        self._requests: list[Asked] = []

    def add(self, asked: Asked | None) -> None:
        if asked is not None:
            self._requests.append(asked)
            self.rows += asked.count

    def taken(self) -> list[Asked]:
        """All of them; none is left."""
        taken, self._requests, self.rows = self._requests, [], 0
        return taken


def _into(window: Window, request: CapturedRequest, columns: Sequence[str]) -> Asked | None:
    window.requests += 1
    window.last = request.event_id
    try:
        asked, masked = rows_of(request, columns)
    except UnreadableBodyError:
        window.unreadable += 1
        return None
    window.masked |= masked
    window.rows += asked.count
    return asked
