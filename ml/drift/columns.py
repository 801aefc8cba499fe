"""One column of a profile: what is known of its values, whatever their number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ml.drift.errors import DriftError
from ml.drift.frequencies import Frequencies
from ml.drift.quantiles import Floats, Quantiles

Kind = Literal["number", "category", "boolean", "time"]
KINDS: tuple[Kind, ...] = ("number", "category", "boolean", "time")
"""number: doubles. category: text. boolean: the categories `true` and `false`. time: seconds since 1970 in UTC."""


@dataclass(kw_only=True)
class Moments:
    """Number, mean and sum of squared deviations, added up by Chan, Golub and LeVeque's formula (1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    @property
    def deviation(self) -> float:
        """Standard deviation of the values themselves (divided by n)."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0

    def add(self, values: Floats) -> None:
        """Add finite values."""
        if len(values):
            mean = float(values.mean())
            centred = values - mean
            # No dot product: on a busy machine BLAS's threads cost more than they bring.
            squares = float(np.square(centred, out=centred).sum())
            low, high = float(values.min()), float(values.max())
            self.merge(Moments(count=len(values), mean=mean, squares=squares, low=low, high=high))

    def merge(self, other: "Moments") -> None:
        """Add what another has seen."""
        if not other.count:
            return
        total = self.count + other.count
        apart = other.mean - self.mean
        self.squares += other.squares + apart * apart * (self.count / total) * other.count
        self.mean += apart * (other.count / total)
        self.count = total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


class NumberColumn:
    """A column of numbers or times.

    rows: all of them. missing: those without a finite number: nothing at all, NaN, an infinity, or what is no number.
    unreadable: those of them that hold something else than a number.
    """

    def __init__(self, kind: Kind, exact: int) -> None:
        self.kind: Kind = kind
        self.rows = self.missing = self.unreadable = 0
        self.moments = Moments()
        self.values = Quantiles(exact)

    def add(self, values: Floats, unreadable: int = 0) -> None:
        """Add one batch; what is not finite is missing."""
        self.rows += len(values)
        self.unreadable += unreadable
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
            self.missing += len(finite) - len(values)
        self.moments.add(values)
        self.values.add(values)

    def add_missing(self, rows: int) -> None:
        """Add rows without a value."""
        self.rows += rows
        self.missing += rows

    def merge(self, other: "NumberColumn") -> None:
        """Add what another has seen."""
        self.rows += other.rows
        self.missing += other.missing
        self.unreadable += other.unreadable
        self.moments.merge(other.moments)
        self.values.merge(other.values)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        moments = self.moments
        low, high = (moments.low, moments.high) if moments.count else (None, None)
        return {
            "kind": self.kind,
            "rows": self.rows,
            "missing": self.missing,
            "unreadable": self.unreadable,
            "moments": {"mean": moments.mean, "squares": moments.squares, "low": low, "high": high},
            "values": self.values.to_json(),
        }


class CategoryColumn:
    """A column of categories. rows: all of them. missing: those without a value."""

    def __init__(self, kind: Kind, categories: int) -> None:
        self.kind: Kind = kind
        self.rows = self.missing = 0
        self.frequencies = Frequencies(categories)

    def add(self, rows: Mapping[str, int], missing: int) -> None:
        """Add one batch: its rows by category, and those without one."""
        self.rows += missing + sum(rows.values())
        self.missing += missing
        self.frequencies.add(rows)

    def add_missing(self, rows: int) -> None:
        """Add rows without a value."""
        self.rows += rows
        self.missing += rows

    def merge(self, other: "CategoryColumn") -> None:
        """Add what another has seen."""
        self.rows += other.rows
        self.missing += other.missing
        self.frequencies.merge(other.frequencies)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        known = self.frequencies.to_json()
        return {"kind": self.kind, "rows": self.rows, "missing": self.missing, "frequencies": known}


Column = NumberColumn | CategoryColumn


def new_column(kind: Kind, *, exact: int, categories: int) -> Column:
    """An empty column of a kind."""
    return NumberColumn(kind, exact) if kind in ("number", "time") else CategoryColumn(kind, categories)


def column_from_json(document: Mapping[str, Any]) -> Column:
    """What a column's `to_json` wrote."""
    kind: Kind = document["kind"]
    if kind not in KINDS:
        raise DriftError(f"A column of kind {kind!r} is not known; the kinds are {', '.join(KINDS)}.")
    if kind in ("number", "time"):
        column = NumberColumn(kind, 0)
        column.values = Quantiles.from_json(document["values"])
        column.unreadable = document["unreadable"]
        moments = document["moments"]
        column.moments = Moments(
            count=column.values.count,
            mean=moments["mean"],
            squares=moments["squares"],
            low=math.inf if moments["low"] is None else moments["low"],
            high=-math.inf if moments["high"] is None else moments["high"],
        )
    else:
        column = CategoryColumn(kind, 0)
        column.frequencies = Frequencies.from_json(document["frequencies"])
    column.rows, column.missing = document["rows"], document["missing"]
    return column


def label_of(by: str, value: str) -> str:
    """What a segment is called."""
    return f"{by}={value}"


def column_in(name: str, label: str) -> str:
    """What a column is called in a segment; in all rows, which have no label, as it is."""
    return f"{name} ({label})" if label else name
