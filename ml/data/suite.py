"""Expectations as a suite of Great Expectations: one of its expectations for each thing that is checked.

What Great Expectations cannot see in one table (rows that are in another data set, bands of a number) is put beside the
table as a column first. Needs pandas and Great Expectations; runs in the job that checks the data too.
"""

# Pandas and Great Expectations come without types that pyright can use.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ml.data.checks import Check, between, outside, percent
from ml.data.expectations import Column, Expectations, instant
from ml.data.suite_rows import row_checks
from ml.data.tables import ISO_TIME, TypedTable, as_text, texts, typed_table

UNSEEN_SHARE = 0.01
"""Share that the reference is taken to have of all values that it did not have: a divergence from nothing is infinite
(Great Expectations' tail_weight_holdout)."""
_TYPES = {
    "integer": ("an integer", r"[+-]?\d+(\.0+)?", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]),
    "number": ("a number", r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", None),
    "boolean": ("true or false", r"[Tt]rue|TRUE|[Ff]alse|FALSE|[01](\.0)?", ["bool"]),
    "time": ("an ISO 8601 time", ISO_TIME, None),
    "text": ("text", None, None),
}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The checks of one data set and the table that they are about.

    as_read: the table alone, for the checks of the whole of it. frame: with what was put beside it, for all others.
    """

    as_read: pd.DataFrame
    frame: pd.DataFrame
    checks: list[Check]


def plan(
    expectations: Expectations,
    dataset: str,
    frame: pd.DataFrame,
    *,
    now: datetime,
    earlier: pd.DataFrame | None = None,
    window: bool = False,
) -> Planned:
    """The checks of a data set.

    now: what freshness is measured from. earlier: the first data set of `leakage`, where this is its second.
    window: the table is a part of a stream, so that how many rows there are says nothing.
    """
    columns = expectations.columns_of(dataset)
    there = {name: column for name, column in columns.items() if name in frame}
    table = typed_table(frame, there)
    beside: dict[str, pd.Series] = {}
    checks = _table_checks(expectations, dataset, frame, columns, window=window)
    for name, column in there.items():
        checks += _column_checks(name, column, frame[name], table, beside)
    checks += row_checks(expectations, there, table, beside, now, earlier)
    whole = pd.concat([table.frame, pd.DataFrame(beside, index=frame.index)], axis=1) if beside else table.frame
    return Planned(as_read=frame, frame=whole, checks=checks)


def _gx() -> Any:
    import great_expectations.expectations as expectations

    return expectations


def _table_checks(
    expectations: Expectations, dataset: str, frame: pd.DataFrame, columns: dict[str, Column], *, window: bool
) -> list[Check]:
    gx, rows = _gx(), expectations.rows_of(dataset)
    checks: list[Check] = []
    if not window:
        most = f" and at most {rows.at_most:,}" if rows.at_most is not None else ""
        checks.append(
            Check(
                kind="rows",
                column=None,
                expected=f"at least {rows.at_least:,}{most}",
                expectation=gx.ExpectTableRowCountToBeBetween(min_value=rows.at_least, max_value=rows.at_most),
            )
        )
    needed = [name for name, column in columns.items() if not column.optional or name in frame]
    exact = expectations.other_columns == "refuse"
    checks.append(
        Check(
            kind="columns",
            column=None,
            expected=f"the {len(needed)} columns of the file" + (" and no other" if exact else ""),
            expectation=gx.ExpectTableColumnsToMatchSet(column_set=needed, exact_match=exact),
        )
    )
    return checks


def _column_checks(
    name: str, column: Column, series: pd.Series, table: TypedTable, beside: dict[str, pd.Series]
) -> list[Check]:
    gx, typed = _gx(), table.typed[name]
    checks: list[Check] = []

    def add(kind: str, expected: str, expectation: Any, instead: str = "") -> None:
        checks.append(Check(kind=kind, column=name, expected=expected, expectation=expectation, instead=instead))

    add(
        "missing",
        f"at most {percent(column.missing)}" if column.missing else "none",
        gx.ExpectColumnValuesToNotBeNull(column=name, mostly=1 - column.missing),
    )
    _add_type(add, name, column, series, beside)
    if column.range:
        low, high = (instant(bound) for bound in column.range)
        add(
            "range",
            between(*(None if bound is None else as_text(bound) for bound in column.range)),
            gx.ExpectColumnValuesToBeBetween(column=typed, min_value=low, max_value=high),
        )
    if outliers := column.outliers:
        words = outside(outliers.below, outliers.above)
        add(
            "outliers",
            f"at most {percent(outliers.at_most)} {words}",
            gx.ExpectColumnValuesToBeBetween(
                column=typed, min_value=outliers.below, max_value=outliers.above, mostly=1 - outliers.at_most
            ),
        )
    if column.values:
        shown = ", ".join(as_text(value) for value in column.values[:8])
        more = f", … ({len(column.values)} values)" if len(column.values) > 8 else ""
        words = f"one of {len(column.values)} values" if column.personal else f"one of {shown}{more}"
        add("values", words, gx.ExpectColumnValuesToBeInSet(column=typed, value_set=list(column.values)))
    if column.pattern is not None:
        add(
            "pattern",
            f"matches {column.pattern}",
            gx.ExpectColumnValuesToMatchRegex(column=typed, regex=rf"\A(?:{column.pattern})\Z"),
        )
    if column.unique:
        add("unique", "no value twice", gx.ExpectColumnValuesToBeUnique(column=name))
    if column.drift is not None:
        _add_drift(add, name, column, table.frame[typed], beside)
    return checks


def _add_type(add: Any, name: str, column: Column, series: pd.Series, beside: dict[str, pd.Series]) -> None:
    gx = _gx()
    words, regex, dtypes = _TYPES[column.type]
    numbers = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if column.type == "number":
        dtypes = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64"]
    if dtypes and series.dtype.name in dtypes:
        add("type", words, gx.ExpectColumnValuesToBeInTypeList(column=name, type_list=dtypes))
    elif column.type == "time" and pd.api.types.is_datetime64_any_dtype(series):
        add("type", words, gx.ExpectColumnValuesToBeInTypeList(column=name, type_list=[series.dtype.name]))
    elif column.type == "text":
        # A file that does not say what is text (CSV) makes text of everything; one that does (Parquet, JSON) is asked.
        add("type", words, gx.ExpectColumnValuesToBeOfType(column=name, type_="str"))
    else:
        # What is written is looked at, value by value, so that the report says which ones are wrong.
        shown = f"{name} § written"
        beside[shown] = texts(series) if numbers else series.astype(object).where(series.isna(), series.astype(str))
        add("type", words, gx.ExpectColumnValuesToMatchRegex(column=shown, regex=rf"\A(?:{regex})\Z"))


def _add_drift(add: Any, name: str, column: Column, series: pd.Series, beside: dict[str, pd.Series]) -> None:
    if column.bands:
        edges = [-math.inf, *column.bands.edges, math.inf]
        labels = [str(number) for number in range(len(edges) - 1)]
        text = pd.cut(series, edges, labels=labels, right=False).astype(object)
        reference = dict(zip(labels, column.bands.shares, strict=True))
    else:
        text = texts(series)
        reference = dict(column.shares or {})
    words = f"divergence from the reference at most {column.drift:g}"
    # Few rows differ from the reference by chance: by (values - 1) / (2 rows) on average, the mean of the chi-squared
    # distribution that 2 rows × divergence has.
    values, rows = len(reference), int(text.notna().sum())
    if rows < (values - 1) / (column.drift or 1.0):
        add("drift", words, None, f"{rows} values are too few to tell")
        return
    beside[f"{name} § drift"] = text
    # A band that the reference never had is as unlikely as a value that it never had; rounded shares add up to one.
    shares = [max(share, UNSEEN_SHARE / 100) for share in reference.values()]
    add(
        "drift",
        words,
        _gx().ExpectColumnKLDivergenceToBeLessThan(
            column=f"{name} § drift",
            partition_object={
                "values": list(reference),
                "weights": [share / sum(shares) for share in shares],
            },
            threshold=column.drift,
            tail_weight_holdout=UNSEEN_SHARE,
            bucketize_data=False,
        ),
    )
