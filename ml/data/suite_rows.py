"""The checks of a table's rows: what is there twice, what is in another data set too, how old the newest is.

Needs pandas and Great Expectations; runs in the job that checks the data too.
"""

# Pandas and Great Expectations come without types that pyright can use.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false

from datetime import datetime
from typing import Any

import pandas as pd

from ml.data.checks import Check, percent
from ml.data.expectations import Column, Expectations
from ml.data.tables import TypedTable, texts
from ml.durations import written


def row_checks(
    expectations: Expectations,
    columns: dict[str, Column],
    table: TypedTable,
    beside: dict[str, pd.Series],
    now: datetime,
    earlier: pd.DataFrame | None,
) -> list[Check]:
    """The checks of the rows. columns: those that the table has. beside: takes what is put beside the table."""
    import great_expectations.expectations as gx

    checks: list[Check] = []
    names = list(columns)
    for group in expectations.unique:
        if all(name in columns for name in group):
            expectation: Any = (
                gx.ExpectColumnValuesToBeUnique(column=group[0])
                if len(group) == 1
                else gx.ExpectCompoundColumnsToBeUnique(column_list=list(group))
            )
            checks.append(
                Check(
                    kind="unique",
                    column=None,
                    expected=f"no two rows share {', '.join(group)}",
                    expectation=expectation,
                )
            )
    if expectations.duplicates is not None and len(names) > 1:
        share = expectations.duplicates
        checks.append(
            Check(
                kind="duplicates",
                column=None,
                expected=f"at most {percent(share)} of the rows are there more than once"
                if share
                else "no row is there more than once",
                expectation=gx.ExpectCompoundColumnsToBeUnique(column_list=names, mostly=1 - share),
            )
        )
    if expectations.leakage and earlier is not None:
        first, second = expectations.leakage.between
        key = [name for name in expectations.leakage.key or names if name in columns and name in earlier]
        beside["§ leaks"] = _is_in(table.frame[key], earlier[key])
        by = f" (by {', '.join(expectations.leakage.key)})" if expectations.leakage.key else ""
        checks.append(
            Check(
                kind="leakage",
                column=None,
                expected=f"at most {percent(expectations.leakage.at_most)} of the rows of {second} are in {first}{by}"
                if expectations.leakage.at_most
                else f"no row of {second} is in {first}{by}",
                expectation=gx.ExpectColumnValuesToBeInSet(
                    column="§ leaks", value_set=[False], mostly=1 - expectations.leakage.at_most
                ),
            )
        )
    if (fresh := expectations.freshness) and fresh.column in columns:
        checks.append(
            Check(
                kind="freshness",
                column=fresh.column,
                expected=f"newest not older than {written(fresh.at_most)} on {now:%Y-%m-%d %H:%M} UTC",
                expectation=gx.ExpectColumnMaxToBeBetween(
                    column=table.typed[fresh.column], min_value=now.timestamp() - fresh.at_most
                ),
            )
        )
    return checks


def _is_in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Which rows are among the others. What is 1 in one file may be 1.0 in another."""
    return _row_digests(rows).isin(set(_row_digests(others)))


def _row_digests(rows: pd.DataFrame) -> pd.Series:
    # Numbers as doubles, all else as text; missing is equal to missing, and to nothing else.
    alike = {
        name: rows[name].astype(float) if _is_number(rows[name]) else texts(rows[name]).fillna("\0") for name in rows
    }
    return pd.util.hash_pandas_object(pd.DataFrame(alike, index=rows.index), index=False)


def _is_number(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
