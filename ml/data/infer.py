"""Expectations inferred from a reference data set: infer, review, enforce, as TensorFlow Data Validation has it
(https://www.tensorflow.org/tfx/data_validation/get_started).

What is inferred is a draft: it allows what the reference has and a little more, and a person decides what is right.
"""

# Pandas comes without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ml.data.expectations import Expectations
from ml.data.tables import ISO_TIME, as_text, texts, typed_table
from ml.durations import parsed

MOST_VALUES = 50
"""Texts with more different values than this are no categories."""
MOST_CODES = 12
"""The same of integers."""
DRIFT = 0.1
BANDS = 10
FAR_OUT = 3.0
"""Interquartile ranges beyond the quartiles from which on a value is far out (Tukey, Exploratory Data Analysis)."""
PERSONAL_NAME = re.compile(
    r"(^|_)(e?mail|(first|last|full|sur|user|maiden)_?name|name|phone|mobile|fax|ssn|passport|iban|address|street|"
    r"birth(day|date|_date)?|dob|ip|ip_address|social_security(_number)?|license_plate)(_|$)",
    re.IGNORECASE,
)
"""Names of columns that hold what identifies a person more often than not."""


def infer(
    tables: Mapping[str, pd.DataFrame],
    *,
    personal: Sequence[str] = (),
    not_personal: Sequence[str] = (),
    key: Sequence[str] = (),
    fresh: str | None = None,
) -> Expectations:
    """What to expect, from one or more data sets; the first is the reference of distributions.

    personal, not_personal: columns that are, or in spite of their names are not. key: columns that tell rows apart.
    fresh: COLUMN=AGE, such as day=30d. Raises ValueError for a column that is not there.
    """
    reference = next(iter(tables.values()))
    for name in [*personal, *not_personal, *key, *([fresh.partition("=")[0]] if fresh else [])]:
        if name not in reference:
            raise ValueError(f"there is no column {name!r}; there are {', '.join(map(str, reference.columns))}")
    hidden = {str(name) for name in reference if PERSONAL_NAME.search(str(name))} - set(not_personal) | set(personal)
    document: dict[str, Any] = {
        "version": 1,
        "columns": {
            str(name): _column(
                reference[name],
                [table[name] for table in tables.values() if name in table],
                personal=name in hidden,
                key=name in key,
            )
            for name in reference
        },
        "rows": {"at_least": max(1, len(min(tables.values(), key=len)) // 2)},
        "duplicates": _allowance(max(_duplicated(table) for table in tables.values())),
    }
    if key:
        if len(key) == 1:
            document["columns"][key[0]]["unique"] = True
        else:
            document["unique"] = [list(key)]
    names = list(tables)
    if len(names) > 1:
        document["leakage"] = {"between": names[:2], **({"key": list(key)} if key else {})}
    for name, table in tables.items():
        without = [str(column) for column in reference if column not in table]
        if without:
            document.setdefault("datasets", {})[name] = {"without": without}
    if fresh:
        column, _, age = fresh.partition("=")
        document["freshness"] = {"column": column, "at_most": parsed(age or "30d")}
    return Expectations.model_validate(document)


def _column(series: pd.Series, everywhere: list[pd.Series], *, personal: bool, key: bool) -> dict[str, Any]:
    kind = _type(series)
    most_missing = max(float(one.isna().mean()) if len(one) else 0.0 for one in everywhere)
    described: dict[str, Any] = {"type": kind}
    if personal:
        described["personal"] = True
    if most_missing:
        described["missing"] = _allowance(most_missing)
    if personal:
        # The file is in the repository: nothing of what such a column holds gets there.
        return described
    table = typed_table(series.to_frame(), {str(series.name): _expected(kind)})
    values = table.frame[table.typed[str(series.name)]].dropna()
    if key:
        return described
    if kind in ("integer", "number"):
        described.update(_number(values, kind))
    elif kind in ("text", "boolean"):
        described.update(_category(values, everywhere, kind))
    return described


def _expected(kind: str) -> Any:
    from ml.data.expectations import Column

    return Column.model_validate({"type": kind})


def _type(series: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(series):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(series):
        return "time"
    there = series.dropna()
    if pd.api.types.is_numeric_dtype(series):
        whole = len(there) and there.map(lambda value: float(value).is_integer()).all()
        return "integer" if whole else "number"
    text = there.astype(str)
    if len(text) and text.str.fullmatch(ISO_TIME).all():
        return "time"
    if len(text) and text.str.lower().isin(["true", "false"]).all():
        return "boolean"
    return "text"


def _number(values: pd.Series, kind: str) -> dict[str, Any]:
    values = values[values.map(math.isfinite)]
    if not len(values):
        return {}
    counts = values.value_counts()
    if kind == "integer" and len(counts) <= MOST_CODES and len(counts) < len(values) / 4:
        return _distribution(
            {as_text(float(value)): count for value, count in counts.items()}, [int(one) for one in counts.index]
        )
    low, high = float(values.min()), float(values.max())
    room = (high - low) / 2
    least, greatest = low - room, high + room
    if low >= 0:
        least = max(0.0, least)
    described: dict[str, Any] = {"range": [_rounded(least, math.floor), _rounded(greatest, math.ceil)]}
    quarter, three_quarters = float(values.quantile(0.25)), float(values.quantile(0.75))
    spread = three_quarters - quarter
    if spread > 0:
        below, above = quarter - FAR_OUT * spread, three_quarters + FAR_OUT * spread
        share = float(((values < below) | (values > above)).mean())
        # A bound beyond the range says nothing.
        outliers = {"below": _rounded(below, math.floor), "above": _rounded(above, math.ceil)}
        kept = {
            side: bound
            for (side, bound), limit in zip(outliers.items(), described["range"], strict=True)
            if (bound > limit if side == "below" else bound < limit)
        }
        if kept:
            described["outliers"] = {**kept, "at_most": max(0.01, _allowance(share))}
    edges = sorted({_rounded(float(values.quantile(part / BANDS)), round) for part in range(1, BANDS)})
    if len(edges) > 1:
        bands = pd.cut(values, [-math.inf, *edges, math.inf], right=False).value_counts(sort=False)
        described["bands"] = {"edges": edges, "shares": [round(count / len(values), 4) for count in bands]}
        described["drift"] = DRIFT
    return described


def _category(values: pd.Series, everywhere: list[pd.Series], kind: str) -> dict[str, Any]:
    counts = texts(values).value_counts()
    if kind == "boolean":
        return _distribution({str(value): int(count) for value, count in counts.items()}, None)
    if not len(counts) or len(counts) > MOST_VALUES or len(counts) > len(values) / 4:
        return {}
    seen = list(counts.index)
    for other in everywhere:
        seen += [value for value in texts(other.dropna()).unique() if value not in seen]
    return _distribution({str(value): int(count) for value, count in counts.items()}, sorted(seen))


def _distribution(counts: dict[str, int], values: list[Any] | None) -> dict[str, Any]:
    total = sum(counts.values())
    described: dict[str, Any] = {} if values is None else {"values": sorted(values)}
    if len(counts) > 1:
        described["shares"] = {value: round(count / total, 4) for value, count in counts.items()}
        described["drift"] = DRIFT
    return described


def _duplicated(table: pd.DataFrame) -> float:
    return float(table.duplicated(keep=False).mean()) if len(table) and len(table.columns) > 1 else 0.0


def _allowance(share: float) -> float:
    """Half again of what was seen, in hundredths, at least one; nothing where nothing was seen."""
    return min(1.0, math.ceil(share * 150) / 100) if share else 0.0


def _rounded(value: float, direction: Any) -> float:
    """Three digits, up or down."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{direction(value / unit) * unit:.6g}")
