"""Expectations as the text of `expectations.yaml`, for people to review."""

from typing import Any, cast

import yaml

from ml.data.expectations import Expectations
from ml.durations import written

HEADER = """\
# What is expected of the data. Inferred from a reference: review it, then it is enforced before a job trains.
# A share is a number from 0 to 1. `personal: true`: its values appear in no report, log, result or capture.
# Fields: docs/data.md"""
LINE = 110


def expectations_text(expectations: Expectations) -> str:
    """The file's text; what has its default is left out."""
    document: dict[str, Any] = expectations.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    document = {"version": expectations.version, **document}
    if expectations.freshness:
        document["freshness"]["at_most"] = written(expectations.freshness.at_most)
    lines = [HEADER]
    for name, value in _plain(document).items():
        if name == "columns":
            lines += ["columns:", *(line for column, fields in value.items() for line in _field(column, fields, 1))]
        else:
            lines += _field(name, value, 0)
    return "\n".join(lines) + "\n"


def _field(name: str, value: Any, depth: int) -> list[str]:
    """One line where it fits, else one a part."""
    indent = "  " * depth
    flow = yaml.safe_dump({name: value}, sort_keys=False, default_flow_style=True, width=10_000, allow_unicode=True)
    line = f"{indent}{flow.strip()[1:-1]}"
    if len(line) <= LINE or not isinstance(value, dict):
        return [line]
    key = line.split(": ", 1)[0]
    parts = cast("dict[str, Any]", value)
    return [f"{key}:", *(line for part, inner in parts.items() for line in _field(part, inner, depth + 1))]


def _plain(value: Any) -> Any:
    """Whole numbers without a point."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
