"""Files as one table, and its columns as the types that are expected of them.

CSV and TSV (also gzipped), Parquet and JSON lines. Needs pandas; runs in the job that checks the data too.
"""

# Pandas comes without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import csv
import gzip
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml.data.expectations import Column, Expectations

ISO_TIME = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
READ = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".jsonl")
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


class TableError(Exception):
    """The files are no table; the text names the file and quotes nothing of what is in it."""


class TypedTable(NamedTuple):
    """A table for checks.

    frame: columns as they were read, and beside them those that had to be turned into their type.
    typed: name of a declared column to the name of the column that has it typed: numbers as numbers, a time as seconds
    since 1970, a truth value as true or false; what could not be turned is missing there.
    """

    frame: pd.DataFrame
    typed: dict[str, str]


def read_table(paths: Sequence[Path], expectations: Expectations | None = None, dataset: str = "") -> pd.DataFrame:
    """All rows of some files, as they were written.

    Raises TableError where a file has no form that is read here, is broken, or has other columns than the first.
    """
    pattern = None
    if expectations and dataset in expectations.datasets:
        pattern = expectations.datasets[dataset].files
    chosen = [path for path in paths if pattern is None or fnmatch(path.name, pattern)]
    if not chosen:
        raise TableError(f"There is no file{f' {pattern}' if pattern else ''} to read.")
    frames: list[pd.DataFrame] = []
    for path in chosen:
        frame = _read(path, expectations, dataset)
        if frames and set(frame.columns) != set(frames[0].columns):
            raise TableError(f"{path.name} has other columns than {chosen[0].name}.")
        frames.append(frame)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _read(path: Path, expectations: Expectations | None, dataset: str) -> pd.DataFrame:
    name = path.name.lower()
    columns = expectations.columns_of(dataset) if expectations else {}
    try:
        if name.endswith(".parquet"):
            return pd.read_parquet(path)
        if name.endswith(".jsonl"):
            return rows_as_table([], path.read_bytes(), columns)
        if name.endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz")):
            separator = "\t" if ".tsv" in name else ","
            options: dict[str, Any] = {}
            if expectations and not expectations.header:
                options = {"header": None, "names": list(columns)}
            _check_widths(path, separator, len(columns) if options else None)
            return pd.read_csv(
                path,
                sep=separator,
                index_col=False,
                # Digits that are text, such as a postal code, stay as they were written.
                dtype={column: str for column, expected in columns.items() if expected.type == "text"},
                low_memory=False,
                **options,
            )
    except UnicodeDecodeError:
        raise TableError(f"{path.name} is not UTF-8 text.") from None
    except pd.errors.ParserError as error:
        raise TableError(f"{path.name} is broken: {str(error).splitlines()[0]}") from None
    except csv.Error as error:
        raise TableError(f"{path.name} is broken: {error}.") from None
    except pd.errors.EmptyDataError:
        raise TableError(f"{path.name} is empty.") from None
    except (ValueError, OSError) as error:
        # Its text may quote a value.
        raise TableError(f"{path.name} cannot be read ({type(error).__name__}).") from None
    raise TableError(f"{path.name}: only {', '.join(READ)} are read here.")


def _check_widths(path: Path, separator: str, width: int | None) -> None:
    """Every row has as many values as the header, or `width` without one: what is short or long shifts values into
    other columns, personal ones into any. Raises TableError."""
    with ExitStack() as opened:
        if path.suffix == ".gz":
            file: Any = opened.enter_context(gzip.open(path, "rt", encoding="utf-8", newline=""))
        else:
            file = opened.enter_context(path.open(encoding="utf-8", newline=""))
        for number, row in enumerate(csv.reader(file, delimiter=separator)):
            if width is None:
                width = len(row)
            elif row and len(row) != width:
                raise TableError(f"{path.name} is broken: row {number} has {len(row)} values, not {width}.")


def rows_as_table(rows: Iterable[dict[str, Any]], lines: bytes = b"", columns: dict[str, Column] | None = None) -> Any:
    """Rows, or JSON lines, as a table. Raises TableError for a line that is no JSON object."""
    import json

    found = list(rows)
    for number, line in enumerate(lines.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise TableError(f"Line {number} is not JSON.") from None
        if not isinstance(row, dict):
            raise TableError(f"Line {number} is not a JSON object.")
        found.append(row)
    # Built as objects, then given the type that all values have: a column of 1, 2 and null is no text.
    frame = pd.DataFrame(found, dtype=object).infer_objects()
    for name, expected in (columns or {}).items():
        if expected.type in ("integer", "number") and name in frame and frame[name].isna().any():
            plain = frame[name].dropna()
            if plain.map(lambda value: isinstance(value, int | float) and not isinstance(value, bool)).all():
                frame[name] = frame[name].astype(float)
    return frame


def typed_table(frame: pd.DataFrame, columns: dict[str, Column]) -> TypedTable:
    """The table with each declared column as its type."""
    added: dict[str, pd.Series] = {}
    typed: dict[str, str] = {}
    for name, expected in columns.items():
        if name not in frame:
            continue
        written = frame[name]
        series = _as_type(written, expected.type)
        if series is written:
            typed[name] = name
        else:
            typed[name] = f"{name} § typed"
            added[typed[name]] = series
    return TypedTable(pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1) if added else frame, typed)


def _as_type(series: pd.Series, kind: str) -> pd.Series:
    if kind in ("integer", "number"):
        if pd.api.types.is_bool_dtype(series):
            return series.astype(float)
        if pd.api.types.is_numeric_dtype(series) and series.dtype in (int, float):
            return series
        return pd.to_numeric(series, errors="coerce").astype(float)
    if kind == "time":
        if pd.api.types.is_datetime64_any_dtype(series):
            times = pd.to_datetime(series, utc=True)
        else:
            text = series.where(series.isna(), series.astype(str))
            times = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
        return (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    if kind == "boolean":
        if pd.api.types.is_bool_dtype(series):
            return series
        return series.map(lambda value: None if pd.isna(value) else _TRUTH.get(str(value).lower()))
    if len(series) and not series.map(lambda value: isinstance(value, str) or _missing(value)).all():
        return series.map(lambda value: None if _missing(value) else str(value))
    return series


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def texts(series: pd.Series) -> pd.Series:
    """Each value as `as_text` has it, None where it is missing. Each different value is looked at once."""
    codes, different = pd.factorize(series)
    words = np.array([*map(as_text, different), None], dtype=object)
    return pd.Series(words[codes], index=series.index, dtype=object)


def as_text(value: Any) -> str:
    """A value as `shares` names it: 3 and not 3.0, true and not True."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return str(bool(value)).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
