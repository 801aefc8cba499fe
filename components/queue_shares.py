"""What of the pools is whose: the arithmetic behind the quotas of the queues, on plain numbers.

A team's quota is the most that it may use. What of it is guaranteed follows from how much there is: where all quotas
together ask for more than the pools hold, each is cut by the same factor, and the rest of a quota is borrowed from what
others leave idle.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

FLAVORS_IN_A_GROUP = 64
"""Most flavors of one resource that Kueue takes (`maxItems` of `spec.resourceGroups[].flavors` in ClusterQueue's
schema): https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/#resource-groups"""


@dataclass(frozen=True, kw_only=True)
class InstanceClass:
    """Pools that count as one kind of machine.

    resource: what its pods ask for, such as `nvidia.com/gpu`.
    capacity: the most of it that these pools ever hold.
    pools: their names.
    """

    name: str
    resource: str
    capacity: int
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TeamShare:
    """What the settings say of one team.

    cpus, memory_gib: the most that its pods ask for at a time, all of it guaranteed.
    quota: resource to the most that its pods ask for at a time.
    guaranteed: class to what is the team's own; a team that names one class gets no part of any other.
    borrow: the most of one class beyond its own; None is whatever its quota leaves.
    lend: the most of one class that others may use while it is idle; None is all.
    """

    team: str
    cpus: int
    memory_gib: int
    quota: Mapping[str, int]
    guaranteed: Mapping[str, int] = field(default_factory=dict[str, int])
    borrow: int | None = None
    lend: int | None = None


@dataclass(frozen=True)
class ClassQuota:
    """A team's quota in one class, as Kueue counts: its own, the most beyond it, the most that others use of it."""

    nominal: int
    borrowing: int
    lending: int | None = None


def classes_of(pools: Iterable[tuple[str, str, str, int]]) -> tuple[InstanceClass, ...]:
    """The classes of pools, given as name, class, resource and limit, in the order in which they first appear."""
    found: dict[str, InstanceClass] = {}
    for pool, name, resource, limit in pools:
        known = found.get(name)
        found[name] = InstanceClass(
            name=name,
            resource=resource,
            capacity=limit + (known.capacity if known else 0),
            pools=(*(known.pools if known else ()), pool),
        )
    return tuple(found.values())


def problems(classes: Sequence[InstanceClass], shares: Sequence[TeamShare]) -> Iterator[tuple[str, str, object, str]]:
    """What cannot be: the team (empty where it is about pools), the key of its setting, its value, what is wrong."""
    for resource in dict.fromkeys(one.resource for one in classes):
        names = [one.name for one in classes if one.resource == resource]
        if len(names) > FLAVORS_IN_A_GROUP:
            yield (
                "",
                "",
                len(names),
                f"the pools with {resource} are of {len(names)} instance classes (families that pools put together), "
                f"and {len(names)} > {FLAVORS_IN_A_GROUP}, the most that Kueue takes: give pools the same families",
            )
    known = {one.name: one for one in classes}
    for share in shares:
        for name in share.guaranteed:
            if name not in known:
                there = ", ".join(known) or "none, as no pool has an accelerator"
                yield share.team, "queue.guaranteed", name, f"allowed are the instance classes of the pools: {there}"
        for resource in dict.fromkeys(one.resource for one in classes):
            own = [n for name, n in share.guaranteed.items() if name in known and known[name].resource == resource]
            allowed = share.quota.get(resource, 0)
            if sum(own) > allowed:
                sums = " + ".join(str(number) for number in own)
                yield (
                    share.team,
                    "queue.guaranteed",
                    dict(share.guaranteed),
                    f"{sums} = {sum(own)} of {resource}, and the team's quota is {allowed}"
                    if len(own) > 1
                    else f"{sums} of {resource}, and the team's quota is {allowed}",
                )
    for one in classes:
        promised = [(share.team, share.guaranteed[one.name]) for share in shares if share.guaranteed.get(one.name)]
        total = sum(number for _, number in promised)
        if total > one.capacity:
            sums = " + ".join(f"{number} ({team})" for team, number in promised)
            yield (
                promised[-1][0],
                f"queue.guaranteed.{one.name}",
                promised[-1][1],
                f"{sums} = {total} > {one.capacity}, which is all that the pools {', '.join(one.pools)} ever hold",
            )


def class_quotas(classes: Sequence[InstanceClass], shares: Sequence[TeamShare]) -> dict[str, dict[str, ClassQuota]]:
    """Team to class to quota; a class that a team can neither own nor borrow is left out.

    Raises ValueError where `problems` finds one.
    """
    wrong = [f"{team} {key}: {message}".strip() for team, key, _, message in problems(classes, shares)]
    if wrong:
        raise ValueError("; ".join(wrong))
    quotas: dict[str, dict[str, ClassQuota]] = {share.team: {} for share in shares}
    for resource in dict.fromkeys(one.resource for one in classes):
        group = [one for one in classes if one.resource == resource]
        names = {one.name for one in group}
        explicit = {share.team for share in shares if names & share.guaranteed.keys()}
        left = {one.name: one.capacity - sum(share.guaranteed.get(one.name, 0) for share in shares) for one in group}
        asked = sum(share.quota.get(resource, 0) for share in shares if share.team not in explicit)
        whole = max(asked, sum(left.values()), 1)
        for share in shares:
            quota = share.quota.get(resource, 0)
            for one in group:
                own = share.guaranteed.get(one.name, 0)
                if share.team not in explicit:
                    own = left[one.name] * quota // whole
                beyond = max(min(quota, one.capacity) - own, 0)
                beyond = beyond if share.borrow is None else min(beyond, share.borrow)
                if own or beyond:
                    lending = None if share.lend is None else min(share.lend, own)
                    quotas[share.team][one.name] = ClassQuota(own, beyond, lending)
    return quotas


def unassigned(classes: Sequence[InstanceClass], quotas: Mapping[str, Mapping[str, ClassQuota]]) -> dict[str, int]:
    """Class to what of it is nobody's own, and so there to be borrowed."""
    own: dict[str, int] = {}
    for of_team in quotas.values():
        for name, quota in of_team.items():
            own[name] = own.get(name, 0) + quota.nominal
    return {one.name: one.capacity - own.get(one.name, 0) for one in classes}
