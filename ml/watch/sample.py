"""Rows of a window or a table that stand for all of them: chosen by chance, and the same ones each time."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Row = Mapping[str, Any]


class Sample:
    """At most `size` rows, each as likely as any other to be among them, in memory for these alone.

    seed: the same rows in the same order, in batches however cut, make the same sample.
    """

    def __init__(self, size: int, seed: Sequence[int]) -> None:
        self.size = size
        self._seed = [*seed]
        self._keys = np.random.default_rng(self._seed)
        self._kept: list[tuple[float, int, Row]] = []
        """A heap with the row of the largest key first, by its negative; then the row's number, negative."""
        self._seen = 0

    def add(self, count: int, rows: Callable[[Sequence[int]], Sequence[Row]]) -> None:
        """Add a batch. count: its rows. rows: those at some places of it."""
        keys = self._keys.random(count)
        room = max(self.size - len(self._kept), 0)
        limit = -self._kept[0][0] if self._kept and not room else 1.0
        places = np.flatnonzero(keys < limit)
        # Of a batch that is larger than the sample no more than that are needed.
        places = np.sort(places[np.argsort(keys[places], kind="stable")[: self.size]])
        for place, row in zip(places.tolist(), rows(places.tolist()), strict=True):
            entry = (-float(keys[place]), -(self._seen + place), row)
            if len(self._kept) < self.size:
                heapq.heappush(self._kept, entry)
            else:
                heapq.heappushpop(self._kept, entry)
        self._seen += count

    @property
    def rows(self) -> list[Row]:
        """The rows, in the order in which they came."""
        return [row for _, _, row in sorted(self._kept, key=lambda entry: -entry[1])]

    def draws(self, below: int) -> list[int]:
        """For each row a number from 0 to below - 1."""
        return np.random.default_rng([*self._seed, 1]).integers(below, size=len(self._kept)).tolist()


def of_columns(columns: Mapping[str, Sequence[Any]]) -> Callable[[Sequence[int]], list[Row]]:
    """The rows at some places of a table that is lists."""
    return lambda places: [{name: values[place] for name, values in columns.items()} for place in places]


def of_frame(frame: Any) -> Callable[[Sequence[int]], list[Row]]:
    """The rows at some places of a pandas data frame, with Python's own values."""

    def rows(places: Sequence[int]) -> list[Row]:
        chosen = frame.iloc[[*places]]
        return of_columns({str(name): chosen[name].tolist() for name in chosen.columns})(range(len(places)))

    return rows
