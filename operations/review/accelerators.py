"""What nodes with GPUs or Neuron devices cost a month: those that always run, and every pool at its limit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from components.instance_facts import RESOURCES, Instance, instance, instances_of
from prices import Catalogue, Resource
from prices.catalogue import AUTO_MODE_FEE, HOURS_A_MONTH, UnknownPriceError
from prices.meters import UNKNOWN_MACHINE
from prices.node_groups import NODE_GROUP, with_machines

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
FAMILY, TYPE, GPU_COUNT = (
    "eks.amazonaws.com/instance-family",
    "node.kubernetes.io/instance-type",
    "eks.amazonaws.com/instance-gpu-count",
)
"""Labels that a NodePool chooses its machines by (https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html)."""
MOST_DEVICES = 100_000


@dataclass(frozen=True)
class Ceiling:
    """The most that pools can cost a month. unknown: pools and machines that have no price."""

    usd: Decimal
    unknown: tuple[str, ...]


def has_accelerator(item: str) -> bool:
    """Whether an item of the price list, such as `ec2:g5.xlarge`, is a machine with GPUs or Neuron devices."""
    machine = instance(item.rsplit(":", 1)[-1])
    return machine is not None and machine.accelerator != "none"


def ceiling(resources: Iterable[Resource], region: str, catalogue: Catalogue | None = None) -> Ceiling:
    """Every pool with accelerators at its limit all month, on demand, on the dearest machines that it may start."""
    prices = catalogue or Catalogue.load()
    total, unknown = Decimal(0), list[str]()
    for resource in with_machines(resources):
        if resource.type == NODE_POOL:
            total += _pool(resource, region, prices, unknown)
        elif resource.type == NODE_GROUP:
            total += _group(resource, region, prices, unknown)
    return Ceiling(total, tuple(unknown))


def _pool(resource: Resource, region: str, prices: Catalogue, unknown: list[str]) -> Decimal:
    spec = _block(resource.inputs, "spec")
    limits = _block(spec, "limits")
    requirements = _requirements(spec)
    machines = [
        each
        for each in _machines(requirements)
        if each.accelerator != "none"
        and (GPU_COUNT not in requirements or str(each.devices) in requirements[GPU_COUNT])
    ]
    if not machines:
        return Decimal(0)
    limit = str(limits.get(RESOURCES[machines[0].accelerator]) or "")
    if not limit.isdecimal() or int(limit) > MOST_DEVICES:
        unknown.append(f"{resource.name}: no limit of {RESOURCES[machines[0].accelerator]}, so no ceiling")
        return Decimal(0)
    hourly: dict[int, Decimal] = {}
    missing: list[str] = []
    for machine in machines:
        try:
            price = sum(
                (prices.price(region, f"{kind}{machine.name}").usd for kind in ("ec2:", AUTO_MODE_FEE)), Decimal(0)
            )
        except UnknownPriceError:
            missing.append(machine.name)
            continue
        hourly[machine.devices] = max(price, hourly.get(machine.devices, Decimal(0)))
    if missing:
        unknown.append(f"{resource.name}: {', '.join(sorted(missing))} in {region}")
    return dearest_fill(hourly, int(limit)) * HOURS_A_MONTH


def dearest_fill(hourly: Mapping[int, Decimal], limit: int) -> Decimal:
    """The most that machines within a limit cost an hour. hourly: devices of a machine → its price."""
    best = [Decimal(0)] * (limit + 1)
    for filled in range(1, limit + 1):
        best[filled] = max(
            (best[filled - size] + price for size, price in hourly.items() if 0 < size <= filled), default=Decimal(0)
        )
    return max(best)


def _group(resource: Resource, region: str, prices: Catalogue, unknown: list[str]) -> Decimal:
    types = [str(each) for each in cast(Sequence[Any], resource.inputs.get("instanceTypes") or ())]
    machine = instance(types[0]) if types else None
    most = str(_block(resource.inputs, "scalingConfig").get("maxSize") or 0).removesuffix(".0")
    if machine is None:
        unknown.append(f"{resource.name}: {types[0] if types else UNKNOWN_MACHINE}, so no ceiling")
        return Decimal(0)
    if machine.accelerator == "none" or not most.isdecimal():
        return Decimal(0)
    try:
        return prices.price(region, f"ec2:{machine.name}").usd * HOURS_A_MONTH * int(most)
    except UnknownPriceError:
        unknown.append(f"{resource.name}: {machine.name} in {region}")
        return Decimal(0)


def _machines(requirements: Mapping[str, frozenset[str]]) -> Iterable[Instance]:
    if TYPE in requirements:
        return [each for name in sorted(requirements[TYPE]) if (each := instance(name)) is not None]
    return instances_of(sorted(requirements.get(FAMILY, ())))


def _requirements(spec: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    rows = cast(list[Mapping[str, Any]], _block(_block(spec, "template"), "spec").get("requirements") or [])
    return {
        str(row.get("key")): frozenset(str(value) for value in row.get("values") or ())
        for row in rows
        if row.get("operator") == "In"
    }


def _block(inputs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = inputs.get(name)
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}
