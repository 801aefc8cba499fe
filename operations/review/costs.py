"""What an environment costs a month before and after a change, by the platform's own price list."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from operations.engine_steps import name_of
from operations.review.accelerators import ceiling, has_accelerator
from operations.review.model import Cost, CostLine, CostSide, cents
from operations.review.stream import Step
from policies.values import UNKNOWN_TEXTS
from prices import IDLE, Catalogue, Resource, Usage, estimate

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
    before, before_items, _ = _side(now, region, prices, usage)
    after, after_items, unknown = _side(then, region, prices, usage)
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
        unknown=unknown,
        region=region,
    )


def _side(
    resources: Sequence[Resource], region: str, prices: Catalogue, usage: Usage
) -> tuple[CostSide, dict[str, Decimal], tuple[str, ...]]:
    told = estimate(resources, usage, region, prices)
    most = ceiling(resources, region, prices)
    items: dict[str, Decimal] = {}
    for line in told.lines:
        items[line.price.item] = items.get(line.price.item, Decimal(0)) + line.usd
    idle = sum((usd for item, usd in items.items() if has_accelerator(item)), Decimal(0))
    side = CostSide(platform=cents(told.usd - idle), accelerators_idle=cents(idle), accelerators_limit=cents(most.usd))
    # A node group that has a price at its smallest size is told once, without it too.
    unknown = {f"{each.type}: {each.reason}" for each in told.unknown} | set(most.unknown)
    return side, items, tuple(sorted(unknown))


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
