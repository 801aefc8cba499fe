"""What the settings ask of EC2's quotas, in vCPUs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from components.instance_facts import Instance, instances, instances_of
from infra.sections.node_pools import NodePoolSettings
from infra.settings import Settings
from operations.doctor.vcpu_quotas import VcpuQuota, vcpu_quota

COUNTED = ("on-demand", "spot")
"""Ways of buying that are counted here. Reservations and capacity blocks were granted when they were made."""
BUILT_IN = "EKS's own nodes"
BUILT_IN_FAMILIES = ("c", "m", "r")
"""EKS Auto Mode's built-in pool for everything: on-demand machines of the C, M and R families, amd64
(https://docs.aws.amazon.com/eks/latest/userguide/set-builtin-node-pools.html)."""


@dataclass
class Need:
    """What is asked of one quota.

    pools: who asks. one: vCPUs of the smallest machine that any of them starts. all: vCPUs of all pools at their
    limits, on the machines with the fewest vCPUs a device. at_once: vCPUs of machines that `up` itself waits for.
    """

    quota: VcpuQuota
    pools: list[str] = field(default_factory=list[str])
    one: int = 0
    all: int = 0
    at_once: int = 0

    def add(self, pool: str, *, one: int, full: int, at_once: int = 0) -> None:
        """One more pool."""
        self.pools.append(pool)
        self.one = min(self.one or one, one)
        self.all += full
        self.at_once += at_once


def needs(settings: Settings) -> tuple[list[Need], list[str]]:
    """What the pools ask of each quota; and, in words, the pools whose quota AWS's page does not name."""
    found: dict[str, Need] = {}
    unknown: list[str] = []
    smallest = min(each.vcpus for each in instances() if each.family[:1] in BUILT_IN_FAMILIES and each.arch == "amd64")
    standard = vcpu_quota("m5", spot=False)
    assert standard is not None
    if settings.cluster.existing is None:  # else its nodes are there
        found[standard.code] = Need(standard)
        found[standard.code].add(BUILT_IN, one=smallest, full=smallest, at_once=smallest)
    for pool in settings.node_pools:
        for way in pool.capacity:
            if way not in COUNTED:
                continue
            for quota, machines in _by_quota(pool, way == "spot"):
                if quota is None:
                    families = ", ".join(sorted({each.family for each in machines}))
                    unknown.append(f"{pool.name} ({families} on {way})")
                    continue
                need = found.setdefault(quota.code, Need(quota))
                need.add(
                    pool.name,
                    one=min(each.vcpus for each in machines),
                    full=min(pool.limit // each.size * each.vcpus for each in _largest_fill(machines, pool.limit)),
                    at_once=pool.min_nodes * machines[0].vcpus if pool.machine else 0,
                )
    return list(found.values()), unknown


def _by_quota(pool: NodePoolSettings, spot: bool) -> Iterator[tuple[VcpuQuota | None, list[Instance]]]:
    """The machines that the pool may start, apart by the quota that they count against."""
    apart: dict[str, tuple[VcpuQuota | None, list[Instance]]] = {}
    for machine in [pool.machine] if pool.machine else instances_of(pool.machine_families):
        if machine.size > pool.limit or (pool.per_node and machine.size not in pool.per_node):
            continue
        quota = vcpu_quota(machine.family, spot=spot)
        apart.setdefault(quota.code if quota else "", (quota, []))[1].append(machine)
    yield from apart.values()


def _largest_fill(machines: Sequence[Instance], limit: int) -> list[Instance]:
    """The machines that fill the limit as far as any does: two of eight devices fill 20 less far than five of four."""
    most = max(limit // each.size * each.size for each in machines)
    return [each for each in machines if limit // each.size * each.size == most]
