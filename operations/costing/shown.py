"""A bill for people, as Markdown tables, and for programs."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from infra.sections.costs import CostSettings
from operations.costing.bill import Bill
from operations.drift_report import plain
from prices import Line, Usage
from prices.table import by_item, money, number

BY_USE = "by use"
"""Stands in the place of a resource in the lines of the environment as a whole."""


def as_text(name: str, bill: Bill, *, items: bool = False) -> str:
    """The bill with its arithmetic. items: a row an item of the price list instead of one a resource."""
    lines = [f"{name}, {bill.region}: {money(bill.told.usd)} dollars a month. Counted with {_used(bill.usage)}.", ""]
    lines += by_item(bill.told) if items else _by_resource(bill)
    lines += ["", _accelerators(bill)]
    if bill.unpriced:
        lines += ["", "Without a price, and so not in the sum:", *(f"- {each}" for each in bill.unpriced)]
    if bill.told.free:
        lines += ["", f"{len(bill.told.free)} types cost nothing by being there; -o json says why."]
    return "\n".join(plain(line) for line in lines)


def as_document(name: str, bill: Bill) -> dict[str, Any]:
    """The bill for a program: dollars a month as strings, exact; what is unpriced comes on top."""
    return {
        "environment": name,
        "region": bill.region,
        "usdAMonth": str(bill.told.usd),
        "platformUsdAMonth": str(bill.platform),
        "accelerators": {
            "idleUsdAMonth": str(bill.accelerators),
            "limitUsdAMonth": str(bill.most.usd),
            "unpriced": list(bill.most.unknown),
        },
        "usage": {key: _plain(getattr(bill.usage, field)) for key, field in CostSettings.spelling().items()},
        "lines": [
            {
                "resource": line.resource,
                "type": line.type,
                "price": line.price.item,
                "usdPerUnit": str(line.price.usd),
                "unit": line.price.unit,
                "quantity": str(line.quantity),
                "usdAMonth": str(line.usd),
                "note": line.note,
                "source": line.price.source,
                "date": line.price.date,
            }
            for line in bill.told.lines
        ],
        "unpriced": [
            {"resource": each.resource, "type": each.type, "reason": each.reason} for each in bill.told.unknown
        ],
        "free": [{"type": type_, "reason": reason} for type_, reason in bill.told.free.items()],
    }


def _by_resource(bill: Bill) -> Iterator[str]:
    yield "| resource | what | how many | price | dollars a month |"
    yield "|---|---|---:|---:|---:|"
    for resource, lines in bill.by_resource():
        for line in sorted(lines, key=lambda one: (-one.usd, one.price.item)):
            cells = [_cell(resource) or BY_USE, _what(line), _many(line), number(line.price.usd), money(line.usd)]
            yield f"| {' | '.join(cells)} |"
    yield f"| **together** | | | | **{money(bill.told.usd)}** |"


def _what(line: Line) -> str:
    return f"`{line.price.item}`" + (f" ({line.note})" if line.note else "")


def _many(line: Line) -> str:
    return f"{number(line.quantity)} {line.price.unit}"


def _accelerators(bill: Bill) -> str:
    floor, limit = money(bill.accelerators), f"{Decimal(money(bill.most.usd)):,}"
    return (
        f"Nodes with GPUs or Neuron devices: {floor} a month always run, and are in the sum; {limit} with every pool "
        "at its limit all month, on demand, on the dearest machines that it may start."
    )


def _used(usage: Usage) -> str:
    """What was counted with, by the names of the settings; what is 0 is left out, and what matters to nothing."""
    idle = {"node_disk_gib"} if not usage.nodes else set[str]()
    idle |= {"scrape_seconds"} if not usage.metric_series else set[str]()
    said: list[str] = []
    for key, name in CostSettings.spelling().items():
        value = _plain(getattr(usage, name))
        if isinstance(value, dict):
            value = ", ".join(f"{type_}: {count}" for type_, count in cast(dict[str, int], value).items())
            value = f"{{{value}}}" if value else ""
        if value and name not in idle:
            said.append(f"{key} {value}")
    return ", ".join(said) or "no use at all"


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value


def _cell(text: str) -> str:
    """A name in a cell: whoever wrote the file has chosen it."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
