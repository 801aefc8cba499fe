"""What a table is like, in the few numbers that a report shows of each column."""

# Pandas comes without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import math
from typing import Any

import pandas as pd

from ml.data.expectations import Expectations
from ml.data.findings import DataSetSummary
from ml.data.tables import texts, typed_table

BARS = 12
MOST_VALUES = 12
FEWEST = 5


def summary(expectations: Expectations, name: str, frame: pd.DataFrame) -> DataSetSummary:
    """The numbers of a data set. Of a personal column there is only how many values are missing."""
    declared = {name: column for name, column in expectations.columns_of(name).items() if name in frame}
    table = typed_table(frame, declared)
    columns: dict[str, dict[str, Any]] = {}
    for column, expected in declared.items():
        described: dict[str, Any] = {"type": expected.type, "missing": int(frame[column].isna().sum())}
        if expected.personal:
            described["personal"] = True
        else:
            series = table.frame[table.typed[column]].dropna()
            described.update(_numbers(series) if expected.type in ("integer", "number") else {})
            described.update(_times(series) if expected.type == "time" else {})
            if expected.type in ("text", "boolean"):
                # A text that is there a few times may be a personal one in the wrong column.
                described.update(_values(series, FEWEST if expectations.personal else 1))
        columns[column] = described
    return DataSetSummary(name=name, rows=len(frame), columns=columns)


def _numbers(series: pd.Series) -> dict[str, Any]:
    series = series[series.map(math.isfinite)] if len(series) else series
    if not len(series):
        return {}
    low, high = float(series.min()), float(series.max())
    return {
        "min": low,
        "mean": float(series.mean()),
        "median": float(series.median()),
        "max": high,
        "distinct": int(series.nunique()),
        "histogram": _histogram(series, low, high),
    }


def _histogram(series: pd.Series, low: float, high: float) -> list[int]:
    if low == high:
        return [len(series)]
    width = (high - low) / BARS
    places = ((series - low) / width).clip(upper=BARS - 1).astype(int)
    counts = places.value_counts()
    return [int(counts.get(number, 0)) for number in range(BARS)]


def _times(series: pd.Series) -> dict[str, Any]:
    if not len(series):
        return {}
    low, high = float(series.min()), float(series.max())
    return {"first": low, "last": high, "histogram": _histogram(series, low, high)}


def _values(series: pd.Series, fewest: int) -> dict[str, Any]:
    counts = texts(series).value_counts()
    if not len(counts):
        return {}
    if len(counts) > len(series) / 2:  # names of single things, which are no distribution
        return {"distinct": len(counts)}
    most = {str(value)[:60]: int(count) for value, count in counts.head(MOST_VALUES).items() if count >= fewest}
    return {"distinct": len(counts), "most": most}
