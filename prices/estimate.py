"""What a list of resources costs a month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from prices.catalogue import Catalogue, Price, UnknownPriceError
from prices.meters import METERS, Charge, usage_charges, why_free
from prices.node_groups import Resource, with_machines
from prices.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one item of one resource costs a month. A line of the environment as a whole has no resource and no type."""

    resource: str
    type: str
    price: Price
    quantity: Decimal
    note: str = ""

    @property
    def usd(self) -> Decimal:
        """Dollars a month."""
        return self.price.usd * self.quantity


@dataclass(frozen=True)
class Unpriced:
    """What an estimate knows no price for, and why: it costs something, and nobody knows what."""

    resource: str
    type: str
    reason: str


@dataclass(frozen=True)
class Estimate:
    """The lines, what is missing in them, and what costs nothing by being there.

    free: type to why, for every type among the resources that has no line of its own.
    """

    lines: tuple[Line, ...]
    unknown: tuple[Unpriced, ...]
    free: Mapping[str, str]

    @property
    def usd(self) -> Decimal:
        """Dollars a month of all lines. What is `unknown` comes on top."""
        return sum((line.usd for line in self.lines), Decimal(0))


def estimate(resources: Iterable[Resource], usage: Usage, region: str, catalogue: Catalogue | None = None) -> Estimate:
    """What these resources cost a month when they are used so much."""
    prices = catalogue or Catalogue.load()
    lines: list[Line] = []
    unknown: list[Unpriced] = []
    free: dict[str, str] = {}
    for resource in with_machines(resources):
        meter = METERS.get(resource.type)
        if meter is not None:
            for charge in meter(resource.inputs, usage):
                _price(prices, region, resource.name, resource.type, charge, lines, unknown)
        elif reason := why_free(resource.type):
            free[resource.type] = reason
        else:
            reason = "nobody has entered what this type is charged for (prices/meters.py)"
            unknown.append(Unpriced(resource.name, resource.type, reason))
    for charge in usage_charges(usage):
        _price(prices, region, "", "usage", charge, lines, unknown)
    return Estimate(tuple(lines), tuple(unknown), dict(sorted(free.items())))


def _price(
    prices: Catalogue,
    region: str,
    resource: str,
    type_: str,
    charge: Charge,
    lines: list[Line],
    unknown: list[Unpriced],
) -> None:
    try:
        price = prices.price(region, charge.item)
    except UnknownPriceError as error:
        unknown.append(Unpriced(resource, type_, str(error)))
        return
    quantity = Decimal(str(charge.quantity))
    lines.append(
        Line(resource=resource, type=type_ if resource else "", price=price, quantity=quantity, note=charge.note)
    )
