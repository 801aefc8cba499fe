"""Checking tables against expectations with Great Expectations."""

# Pandas and Great Expectations come without types that pyright can use.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import logging
import math
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pandas as pd

from ml.data.checks import Check, percent
from ml.data.expectations import Expectations
from ml.data.findings import MASK, CheckResult, Finding
from ml.data.statistics import summary
from ml.data.suite import Planned, plan
from ml.data.tables import as_text

_OF_THE_TABLE = ("rows", "columns")
_EXAMPLES = 5
_UNEXPECTED = {
    "missing": "missing",
    "type": "of another type",
    "range": "outside",
    "outliers": "outliers",
    "values": "other values",
    "pattern": "do not match",
    "unique": "not unique",
    "duplicates": "there more than once",
    "leakage": "in both",
}


def check(
    expectations: Expectations,
    tables: Mapping[str, pd.DataFrame],
    *,
    now: datetime | None = None,
    window: bool = False,
) -> CheckResult:
    """Check data sets, by name.

    now: what freshness is measured from, the present without it. window: each table is a part of a stream.
    """
    moment = now or datetime.now(UTC)
    findings: list[Finding] = []
    for name, frame in tables.items():
        earlier = None
        if expectations.leakage and name == expectations.leakage.between[1]:
            earlier = tables.get(expectations.leakage.between[0])
        planned = plan(expectations, name, frame, now=moment, earlier=earlier, window=window)
        findings += run(planned, name, expectations)
    return CheckResult(
        findings=tuple(findings),
        datasets=tuple(summary(expectations, name, frame) for name, frame in tables.items()),
    )


def run(planned: Planned, dataset: str, expectations: Expectations) -> list[Finding]:
    """What Great Expectations says about the checks of one data set."""
    personal = set(expectations.personal)
    found = {
        number: Finding(
            dataset=dataset,
            check=check.kind,
            column=check.column,
            passed=True,
            expected=check.expected,
            observed=check.instead,
        )
        for number, check in enumerate(planned.checks)
        if check.expectation is None
    }
    for frame, of_the_table in ((planned.as_read, True), (planned.frame, False)):
        chosen = {
            number: check
            for number, check in enumerate(planned.checks)
            if number not in found and (check.kind in _OF_THE_TABLE) == of_the_table
        }
        for number, result in _validate(frame, chosen, whole=of_the_table).items():
            check = chosen[number]
            is_time = check.column is not None and expectations.columns[check.column].type == "time"
            found[number] = _finding(dataset, check, result, personal, len(planned.as_read), is_time=is_time)
    return [found[number] for number in sorted(found)]


def _validate(frame: pd.DataFrame, checks: dict[int, Check], *, whole: bool) -> dict[int, Any]:
    """Great Expectations' result for each check.

    It copies the whole table for nearly each of them: so it gets the columns that a check is about, and no more.
    whole: the checks are about the table as it is.
    """
    if whole:
        return _results(frame, checks)
    groups: dict[tuple[str, ...], dict[int, Check]] = {}
    for number, check in checks.items():
        expectation = check.expectation
        about = getattr(expectation, "column_list", None) or [expectation.column]
        groups.setdefault(tuple(about), {})[number] = check
    found: dict[int, Any] = {}
    for columns, group in groups.items():
        found |= _results(frame[list(columns)], group)
    return found


def _results(frame: pd.DataFrame, checks: dict[int, Check]) -> dict[int, Any]:
    if not checks:
        return {}
    definition = _whole_table()
    from great_expectations import ExpectationSuite

    batch = definition.get_batch({"dataframe": frame})
    suite = ExpectationSuite(name="expectations")
    for number, check in checks.items():
        expectation = check.expectation
        expectation.meta = {"check": number}
        suite.add_expectation(expectation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome: Any = batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": 20})
    return {result.expectation_config.meta["check"]: result for result in outcome.results}


@cache
def _whole_table() -> Any:
    """Great Expectations' name for a table in memory, all of it."""
    # It reports its use to its makers unless it is told not to, and draws a progress bar for each table.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context: Any = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("whole")


def _finding(dataset: str, check: Check, result: Any, personal: set[str], rows: int, *, is_time: bool) -> Finding:
    details: dict[str, Any] = dict(result.result or {})
    common = {"dataset": dataset, "check": check.kind, "column": check.column, "expected": check.expected}
    if not details:
        return Finding(**common, passed=False, observed=f"could not be checked{_raised(result, check, personal)}")
    hidden = check.column in personal
    count, share = details.get("unexpected_count"), None
    if count is not None:
        share = count / rows if rows else 0.0
    return Finding(
        **common,
        passed=bool(result.success),
        observed=_observed(check, details, rows, hidden=hidden),
        count=count,
        share=share,
        # Whole rows hold personal columns too; which ones they are is in the data.
        examples=()
        if hidden or check.column is None or check.kind == "missing"
        else _examples(details, is_time=is_time, quoting=not personal),
    )


def _raised(result: Any, check: Check, personal: set[str]) -> str:
    """What Great Expectations ran into: its text may quote a value, so it is left out where a column is personal."""
    info: dict[str, Any] = dict(result.exception_info or {})
    entries = [info] if "exception_message" in info else [entry for entry in info.values() if isinstance(entry, dict)]
    if not entries or personal or check.column is None:
        return ""
    return f": {str(entries[0].get('exception_message', '')).strip()[:200]}"


def _observed(check: Check, details: dict[str, Any], rows: int, *, hidden: bool) -> str:
    if check.kind == "columns":
        mismatched = (details.get("details") or {}).get("mismatched") or {}
        parts = [f"{name} {', '.join(map(str, columns))}" for name, columns in _column_words(mismatched) if columns]
        return "; ".join(parts) or "as expected"
    if check.kind == "rows":
        return f"{rows:,}"
    if check.kind == "drift":
        value = details.get("observed_value")
        return "divergence without bound" if value is None else f"divergence {value:.4g}"
    if check.kind == "freshness":
        value = details.get("observed_value")
        if hidden:
            return MASK
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "no time at all"
        return f"newest {datetime.fromtimestamp(float(value), UTC):%Y-%m-%d %H:%M} UTC"
    count = details.get("unexpected_count")
    if count is None:
        return str(details.get("observed_value", "as expected")) if not hidden else MASK
    if not count:
        return "none" if check.kind in ("missing", "duplicates", "leakage") else "all as expected"
    return f"{count:,} of {rows:,} ({percent(count / rows)}) {_UNEXPECTED.get(check.kind, 'not as expected')}"


def _column_words(mismatched: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    return [("lacks", mismatched.get("missing") or []), ("has also", mismatched.get("unexpected") or [])]


def _examples(details: dict[str, Any], *, is_time: bool, quoting: bool) -> tuple[str, ...]:
    """quoting: whether texts are shown. Of a table with personal columns a text in the wrong place may be theirs."""
    shown: list[str] = []
    for value in details.get("partial_unexpected_list") or []:
        if isinstance(value, float):
            text = f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M}" if is_time else f"{value:.6g}"
        else:
            hidden = isinstance(value, dict | list) or (isinstance(value, str) and not quoting)
            text = "" if hidden else as_text(value)
        text = text if len(text) <= 40 else f"{text[:39]}…"
        if text and text not in shown:
            shown.append(text)
    return tuple(shown[:_EXAMPLES])
