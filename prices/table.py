"""An estimate as a Markdown table, one row an item."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from prices.estimate import Estimate, Line

CENT = Decimal("0.01")


def markdown(estimate: Estimate) -> str:
    """The table, dearest first, with the sum below; what has no price is named under it."""
    lines = list(by_item(estimate))
    if estimate.unknown:
        names = ", ".join(sorted({f"{each.type} ({each.reason})" for each in estimate.unknown}))
        lines += ["", f"Without a price, and so not in the sum: {names}."]
    return "\n".join(lines)


def by_item(estimate: Estimate) -> Iterator[str]:
    """The table's lines: each item of the price list once, the dearest first, and the sum."""
    rows = sorted(_items(estimate), key=lambda row: (-row[3], row[0]))
    yield "| what | how many | price | dollars a month |"
    yield "|---|---:|---:|---:|"
    yield from (f"| {item} | {quantity} | {price} | {money(usd)} |" for item, quantity, price, usd in rows)
    yield f"| **together** | | | **{money(estimate.usd)}** |"


def _items(estimate: Estimate) -> Iterator[tuple[str, str, str, Decimal]]:
    items: dict[str, list[Line]] = {}
    for line in estimate.lines:
        items.setdefault(line.price.item, []).append(line)
    for item, lines in items.items():
        price = lines[0].price
        quantity = sum((line.quantity for line in lines), Decimal(0))
        noted = next((line.note for line in lines if line.note), "")
        label = f"`{item}`" + (f" ({noted})" if noted else "")
        yield label, f"{number(quantity)} {price.unit}", number(price.usd), price.usd * quantity


def number(value: Decimal) -> str:
    """A number without zeros that say nothing, and without an exponent."""
    return f"{value.normalize():f}"


def money(value: Decimal) -> str:
    """Dollars with cents."""
    return str(value.quantize(CENT, ROUND_HALF_UP))
