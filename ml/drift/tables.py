"""Columns of what tables come as: pandas data frames, Arrow tables and batches, and mappings of names to values."""

# Pandas and Arrow come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np

from ml.drift.columns import Kind
from ml.drift.errors import DriftError
from ml.drift.frequencies import shortened
from ml.drift.quantiles import Floats


def columns_of(table: Any) -> Iterator[tuple[str, Any]]:
    """Names and values, in the table's order. Raises DriftError for what is no table."""
    if hasattr(table, "column_names") and hasattr(table, "column"):  # an Arrow table
        return ((name, table.column(place)) for place, name in enumerate(table.column_names))
    if hasattr(table, "schema") and hasattr(table, "column"):  # an Arrow record batch of an older release
        return ((name, table.column(place)) for place, name in enumerate(table.schema.names))
    if hasattr(table, "columns") and hasattr(table, "iloc"):
        return ((str(name), table.iloc[:, place]) for place, name in enumerate(table.columns))
    if isinstance(table, Mapping):
        return ((str(name), values) for name, values in table.items())
    raise DriftError(
        f"A table is a pandas data frame, an Arrow table or a mapping of names to values, not {type(table).__name__}."
    )


def kind_of(values: Any) -> Kind | None:
    """What a column holds, by its type; by its first 1,000 values where the type does not say. None: all missing."""
    if _is_arrow(values):
        return _arrow_kind(values)
    dtype = getattr(values, "dtype", None)
    code = getattr(dtype, "kind", "O")
    if _categories_of(values) is not None:
        return "category"
    if code in "Mb":
        return "time" if code == "M" else "boolean"
    if code in "iuf":
        return "number"
    if code in "US":
        return "category"
    seen = [value for value in _listed(values[:1000]) if not is_missing(value)]
    if not seen and len(values) > 1000:
        seen = [value for value in _listed(values) if not is_missing(value)]
    if not seen:
        return None
    if all(isinstance(value, bool | np.bool_) for value in seen):
        return "boolean"
    if all(isinstance(value, int | float | np.number) or _is_decimal(value) for value in seen):
        return "number"
    return "time" if all(isinstance(value, datetime | date | np.datetime64) for value in seen) else "category"


def numbers(values: Any, kind: Kind) -> tuple[Floats, int]:
    """Doubles, NaN where there is none, and how many of those NaN were something that is no number.

    Integers beyond 2^53 lose their last digits. Of kind time: seconds since 1970; what names no zone is UTC.
    """
    if _is_arrow(values):
        values = _from_arrow(values)
    dtype = getattr(values, "dtype", None)
    code = getattr(dtype, "kind", "O")
    if code == "M":
        return _seconds(values), 0
    if code in "iufb" and _categories_of(values) is None:
        if isinstance(dtype, np.dtype):
            return np.asarray(values).astype(np.float64), 0
        return values.to_numpy(dtype=np.float64, na_value=np.nan), 0
    listed = _listed(values)
    if kind == "number":
        try:  # None becomes NaN, a text that is no number raises
            return np.array(listed, dtype=np.float64), 0
        except (TypeError, ValueError, OverflowError):
            pass
    read = _time if kind == "time" else _number
    made = np.array([read(value) for value in listed], dtype=np.float64)
    unreadable = sum(1 for place in np.flatnonzero(np.isnan(made)) if not is_missing(listed[place]))
    return made, unreadable


def categories(values: Any) -> tuple[dict[str, int], int]:
    """Rows by category, and rows without a value."""
    counted: Counter[str] = Counter()
    missing = 0
    for value, rows in _counts(values):
        if is_missing(value):
            missing += rows
        else:
            counted[category(value)] += rows
    return dict(counted), missing


def taken(values: Any, rows: Any) -> Any:
    """The values of some rows, by their numbers."""
    if _is_arrow(values):
        return values.take(rows)
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]


def category(value: Any) -> str:
    """The name of a value as a category: what a file, a request and a data frame write differently has one name."""
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return shortened(value.decode(errors="replace") if isinstance(value, bytes) else str(value))


def is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: the last is neither equal nor unequal to itself."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _counts(values: Any) -> Iterator[tuple[Any, int]]:
    if _is_arrow(values):
        import pyarrow.compute as pc

        counted = pc.value_counts(values)
        return zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    known = _categories_of(values)
    if known is not None:
        codes = np.asarray(values.cat.codes if hasattr(values, "cat") else values.codes)
        rows = np.bincount(codes.astype(np.int64) + 1, minlength=len(known) + 1)
        return ((value, int(number)) for value, number in zip([None, *known], rows, strict=True) if number)
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        found, numbers_of_rows = np.unique(np.asarray(values), return_counts=True)
        return zip(found.tolist(), numbers_of_rows.tolist(), strict=True)
    try:
        if hasattr(values, "factorize"):
            codes, found = values.factorize()
            rows = np.bincount(codes + 1, minlength=len(found) + 1)
            return ((value, int(number)) for value, number in zip([None, *found], rows, strict=True) if number)
        return iter(Counter(_listed(values)).items())
    except TypeError:  # lists and other values that cannot be counted as they are
        return iter(Counter(value if is_missing(value) else str(value) for value in _listed(values)).items())


def _is_arrow(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "pyarrow"


def _arrow_kind(values: Any) -> Kind | None:
    import pyarrow.types as kinds

    of = values.type
    if kinds.is_null(of):
        return None
    if kinds.is_boolean(of):
        return "boolean"
    if kinds.is_integer(of) or kinds.is_floating(of) or kinds.is_decimal(of):
        return "number"
    return "time" if kinds.is_timestamp(of) or kinds.is_date(of) else "category"


def _from_arrow(values: Any) -> Any:
    import pyarrow as pa

    of = values.type
    if pa.types.is_timestamp(of) or pa.types.is_date(of):
        return values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    if pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_boolean(of):
        made = values.cast(pa.float64()) if not pa.types.is_boolean(of) else values.cast(pa.int8()).cast(pa.float64())
        return made.to_numpy(zero_copy_only=False)
    return values.to_pylist()


def _categories_of(values: Any) -> list[Any] | None:
    dtype = getattr(values, "dtype", None)
    known = getattr(dtype, "categories", None)
    return None if known is None else known.tolist()


def _listed(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _seconds(values: Any) -> Floats:
    if getattr(values.dtype, "tz", None) is not None:
        values = values.dt.tz_convert(None) if hasattr(values, "dt") else values.tz_convert(None)
    moments = np.asarray(values).astype("datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _time(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        if isinstance(value, np.datetime64):
            return float(_seconds(np.array([value]))[0])
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _is_decimal(value: Any) -> bool:
    return type(value).__name__ == "Decimal"
