"""An estimate as a Markdown table, one row an item."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from prices.estimate import Estimate, Line

CENT = Decimal("0.01")


def markdown(estimate: Estimate) -> str:
    """The table, dearest first, with the sum below; what has no price is named under it."""
    rows = sorted(_by_item(estimate), key=lambda row: (-row[3], row[0]))
    lines = [
        "| what | how many | price | dollars a month |",
        "|---|---:|---:|---:|",
        *(f"| {item} | {quantity} | {price} | {_money(usd)} |" for item, quantity, price, usd in rows),
        f"| **together** | | | **{_money(estimate.usd)}** |",
    ]
    if estimate.unknown:
        names = ", ".join(sorted({f"{each.type} ({each.reason})" for each in estimate.unknown}))
        lines += ["", f"Without a price, and so not in the sum: {names}."]
    return "\n".join(lines)


def _by_item(estimate: Estimate) -> Iterator[tuple[str, str, str, Decimal]]:
    items: dict[str, list[Line]] = {}
    for line in estimate.lines:
        items.setdefault(line.price.item, []).append(line)
    for item, lines in items.items():
        price = lines[0].price
        quantity = sum((line.quantity for line in lines), Decimal(0))
        noted = next((line.note for line in lines if line.note), "")
        label = f"`{item}`" + (f" ({noted})" if noted else "")
        yield label, f"{_number(quantity)} {price.unit}", _number(price.usd), price.usd * quantity


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _money(value: Decimal) -> str:
    return str(value.quantize(CENT, ROUND_HALF_UP))
