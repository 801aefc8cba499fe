"""What an environment costs a month before and after a change, by the platform's own price list."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from operations.costing.bill import Bill, bill_of
from operations.engine_steps import name_of
from operations.review.model import Cost, CostLine, CostSide, cents
from operations.review.stream import Step
from policies.values import UNKNOWN_TEXTS
from prices import IDLE, Catalogue, Resource, Usage

GOING = frozenset({"delete", "forget"})


def recorded(state: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """What a stack's state holds."""
    return [_resource(each["type"], str(each["urn"]), each.get("inputs")) for each in state if each.get("custom")]


def planned(steps: Iterable[Step]) -> list[Resource]:
    """What a complete preview would leave there."""
    return [
        _resource(step.type, step.urn, step.state.get("inputs"))
        for step in steps
        if step.custom and step.operation not in GOING
    ]


def cost_of(
    state: Sequence[Mapping[str, Any]],
    steps: Iterable[Step],
    region: str,
    catalogue: Catalogue | None = None,
    usage: Usage = IDLE,
) -> Cost:
    """The cost of a month with so much use. state: the stack's resources now. steps: of a complete preview.

    Raises ValueError for an input that no price can be computed from.
    """
    prices = catalogue or Catalogue.load()
    now, then = recorded(state), planned(steps)
    bills = [bill_of(resources, usage, region, prices) for resources in (now, then)]
    before, after = map(_side, bills)
    before_items, after_items = map(_items, bills)
    zero = Decimal(0)
    lines = [
        CostLine(
            item=item,
            before=cents(before_items.get(item, zero)) if now else zero,
            after=cents(after_items.get(item, zero)),
        )
        for item in sorted({*before_items, *after_items})
    ]
    changed = [line for line in lines if line.after != line.before]
    return Cost(
        before=before if now else None,
        after=after,
        difference=after.idle - (before.idle if now else zero),
        lines=tuple(sorted(changed, key=lambda line: (-abs(line.after - line.before), line.item))),
        unknown=_unknown(bills[1]),
        region=region,
    )


def _side(bill: Bill) -> CostSide:
    return CostSide(
        platform=cents(bill.platform),
        accelerators_idle=cents(bill.accelerators),
        accelerators_limit=cents(bill.most.usd),
    )


def _items(bill: Bill) -> dict[str, Decimal]:
    items: dict[str, Decimal] = {}
    for line in bill.told.lines:
        items[line.price.item] = items.get(line.price.item, Decimal(0)) + line.usd
    return items


def _unknown(bill: Bill) -> tuple[str, ...]:
    """What has no price, by its kind: resources go by names that the report tells elsewhere."""
    # A node group that has a price at its smallest size is told once, without it too.
    return tuple(sorted({*(f"{each.type}: {each.reason}" for each in bill.told.unknown), *bill.most.unknown}))


def _resource(type_: str, urn: str, inputs: Any) -> Resource:
    return Resource(type_, name_of(urn), _known(inputs or {}))


def _known(value: Any) -> Any:
    """The inputs without what only the update tells: an unknown member of a list still counts as one."""
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        return {
            name: _known(each)
            for name, each in entries.items()
            if not (isinstance(each, str) and each in UNKNOWN_TEXTS)
        }
    return [_known(each) for each in cast(list[Any], value)] if isinstance(value, list) else value
