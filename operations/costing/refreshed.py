"""What a comparison with AWS's price list came to, for people and for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.errors import shown
from operations.costing.refresh import Refresh, Told
from operations.drift_report import plain
from prices.table import number


def as_text(found: Refresh, written: Sequence[Path]) -> str:
    """Prices that differ as a table, what stays with its reason, and what has become of it."""
    same = len(found.told) - len(found.differing)
    lines = [
        f"{len(found.differing)} prices differ or are new, {same} are the same, {len(found.left)} stay as they are."
    ]
    if found.differing:
        lines += ["", "| region | item | was | is | unit |", "|---|---|---:|---:|---|", *map(_row, found.differing)]
    if found.left:
        lines += ["", "As they are:", *(f"- {each.item} in {each.region}: {each.reason}" for each in found.left)]
    lines += ["", _end(found, written)]
    return "\n".join(plain(line) for line in lines)


def as_document(found: Refresh, written: Sequence[Path]) -> dict[str, Any]:
    """The same for a program. was: null where the row is new."""
    return {
        "prices": [
            {
                "region": each.now.region,
                "item": each.now.item,
                "was": None if each.was is None else str(each.was),
                "is": str(each.now.usd),
                "unit": each.now.unit,
                "differs": each.differs,
                "date": each.now.date,
                "source": each.now.source,
            }
            for each in found.told
        ],
        "left": [{"region": each.region, "item": each.item, "reason": each.reason} for each in found.left],
        "written": [str(file) for file in written],
    }


def _row(told: Told) -> str:
    was = "new" if told.was is None else number(told.was)
    return f"| {told.now.region} | `{told.now.item}` | {was} | {number(told.now.usd)} | {told.now.unit} |"


def _end(found: Refresh, written: Sequence[Path]) -> str:
    if written:
        names = ", ".join(shown(file) for file in written)
        return f"Written: {names}. Where a price differs, the tables of docs/costs.md are to be written again."
    if found.told:
        return "Nothing is written: --write does, also where and when each price was read."
    return "Nothing is to be written."
