"""A month's bill: the estimate by resource, and nodes with GPUs or Neuron devices apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from operations.review.accelerators import Ceiling, ceiling, has_accelerator
from prices import Catalogue, Estimate, Line, Resource, Usage, estimate

MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What an environment costs a month.

    told: every line, what has no price, and what costs nothing. usage: what was counted with. most: pools with
    accelerators at their limits all month, which come on top of the rest.
    """

    region: str
    usage: Usage
    told: Estimate
    most: Ceiling

    @property
    def accelerators(self) -> Decimal:
        """Dollars of the lines that are machines with GPUs or Neuron devices, running all month: the idle floor."""
        return sum((line.usd for line in self.told.lines if has_accelerator(line.price.item)), Decimal(0))

    @property
    def platform(self) -> Decimal:
        """Dollars of all other lines."""
        return self.told.usd - self.accelerators

    @property
    def unpriced(self) -> tuple[str, ...]:
        """What has no price, each once, with the resources it is about."""
        names: dict[str, list[str]] = {}
        for each in self.told.unknown:
            names.setdefault(f"{each.type}: {each.reason}", []).append(each.resource)
        told = [f"{reason.removesuffix('.')}{_named(names[reason])}" for reason in names]
        return tuple(sorted({*told, *self.most.unknown}))

    def by_resource(self) -> list[tuple[str, list[Line]]]:
        """Each resource with its lines, the dearest first; what the use costs comes under an empty name, last."""
        lines: dict[str, list[Line]] = {}
        for line in self.told.lines:
            lines.setdefault(line.resource, []).append(line)
        return sorted(lines.items(), key=lambda pair: (not pair[0], -sum(line.usd for line in pair[1]), pair[0]))


def _named(resources: Sequence[str]) -> str:
    """The resources behind a reason, as many as one reads."""
    names = sorted({name for name in resources if name})
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f" ({', '.join(names[:MOST_NAMES])}{more})" if names else ""


def bill_of(resources: Sequence[Resource], usage: Usage, region: str, catalogue: Catalogue | None = None) -> Bill:
    """The bill of these resources with this use."""
    prices = catalogue or Catalogue.load()
    return Bill(
        region=region,
        usage=usage,
        told=estimate(resources, usage, region, prices),
        most=ceiling(resources, region, prices),
    )
