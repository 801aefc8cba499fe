"""The order in which an environment comes from the versions that it runs to those that its settings want.

EKS's order, one minor version at a time: control plane, add-ons, nodes
(https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html,
https://docs.aws.amazon.com/eks/latest/best-practices/cluster-upgrades.html). The program keeps it within one `up`:
add-ons depend on the cluster, node groups on both.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from components.cluster_version import between, minor, refusal
from operations.upgrade.found import Cluster, Provider

NODES_STAY = "node groups do not go back: give the pool another name, so that it is made anew"
"""https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateNodegroupVersion.html"""
BY_ITSELF = "AWS upgrades it by itself then (upgradePolicy STANDARD)"
"""https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html"""
SOON = timedelta(days=90)
"""Before the end of a version's support there should be time for a minor version in each environment."""


@dataclass(frozen=True)
class Step:
    """One thing that comes from one version to another. done: it has it. how: what makes it so."""

    what: str
    now: str
    wanted: str
    how: str = ""

    @property
    def done(self) -> bool:
        """Whether nothing is to be done."""
        return self.now == self.wanted


@dataclass(frozen=True)
class Remark:
    """Something to know about the way, or, as a refusal, what does not go. mend: what to do; empty for nothing."""

    what: str
    text: str
    mend: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps in their order, what stands in the way, and what else to know."""

    steps: Sequence[Step]
    refusals: Sequence[Remark]
    notes: Sequence[Remark]

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return {
            "steps": [{**asdict(step), "done": step.done} for step in self.steps],
            "refusals": [asdict(each) for each in self.refusals],
            "notes": [asdict(each) for each in self.notes],
        }


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What this checkout and the settings want.

    environment: its name. engine: this checkout's. version: of the cluster; None where somebody else looks after it.
    addons: add-on to the version that settings keep it at. auto_hours: age at which Auto Mode's nodes are replaced.
    """

    environment: str
    engine: str
    version: str | None
    addons: Mapping[str, str] = field(default_factory=dict[str, str])
    auto_hours: int | None = None

    @property
    def up(self) -> str:
        """The command that changes it."""
        return f"groundwork stack up {self.environment}"


def plan(
    wanted: Wanted, engine: str | None, providers: Sequence[Provider], cluster: Cluster | None, today: date
) -> Plan:
    """Steps, refusals and notes.

    engine: the version that wrote the state; None for a state that no `up` has written. providers: of the state.
    cluster: the running one, None where there is none. today: in UTC.
    """
    steps: list[Step] = []
    refusals: list[Remark] = []
    notes: list[Remark] = []
    alone = f"{wanted.up}, with no other change"
    if engine is not None:
        steps.append(Step("engine", engine, wanted.engine, alone))
        refusals += older_than_the_state("engine", engine, wanted.engine)
    for provider in providers:
        what = f"provider {provider.name}"
        steps.append(Step(what, provider.recorded, provider.here, alone))
        refusals += older_than_the_state(what, provider.recorded, provider.here)
        notes += new_major(what, provider.recorded, provider.here)
    tools = [step for step in steps if not step.done]
    if cluster is not None and wanted.version is not None:
        steps += cluster_steps(wanted, wanted.version, cluster)
        refusals += cluster_refusals(wanted.version, wanted.addons, cluster)
        notes += cluster_notes(cluster, today, wanted.auto_hours)
        if tools and cluster.version != wanted.version and not refusals:
            text = f"{' and '.join(step.what for step in tools)} and the cluster's version change together"
            mend = f'set cluster.version to "{cluster.version}" for an `up` of its own, then "{wanted.version}"'
            notes.append(Remark("order", text, mend))
    return Plan(steps, refusals, notes)


def older_than_the_state(what: str, recorded: str, here: str) -> Iterator[Remark]:
    """A refusal where this checkout has an older one than the state was written with."""
    if _numbers(here) < _numbers(recorded):
        text = (
            f"the state was written by {recorded}, and this checkout has {here}: it may not read what a newer one wrote"
        )
        yield Remark(what, text, f"take a checkout that pins {recorded} or newer")


def new_major(what: str, recorded: str, here: str) -> Iterator[Remark]:
    """A note where a major version is passed."""
    before, after = _numbers(recorded)[0], _numbers(here)[0]
    if after > before:
        text = f"{recorded} to {here} is a new major version: properties may be gone, and defaults others"
        yield Remark(what, text, "read its migration guide, and the whole preview, before `up`")


def cluster_steps(wanted: Wanted, version: str, cluster: Cluster) -> Iterator[Step]:
    """Control plane, add-ons and nodes, for each minor version on the way."""
    way = between(cluster.version, version) or [cluster.version]
    before = cluster.version
    for each in way:
        how = f'cluster.version: "{each}", then {wanted.up}'
        yield Step("control plane", before, each, how)
        for addon, now in sorted(cluster.addons.items()):
            yield from _addon_step(wanted, cluster, addon, now, each)
        for group, nodes in sorted(cluster.node_groups.items()):
            yield Step(f"nodes of {group}", nodes if each == way[0] else before, each, "the same `up`")
        before = each


def _addon_step(wanted: Wanted, cluster: Cluster, addon: str, now: str, version: str) -> Iterator[Step]:
    kept = wanted.addons.get(addon)
    if version != cluster.next_version:
        yield Step(f"add-on {addon}", "", f"EKS's own for {version}", "cluster.addonVersions, in that `up`")
    elif kept is not None:
        yield Step(f"add-on {addon}", now, kept, "the same `up`")
    else:
        offer = cluster.offers.get(addon)
        better = offer.default if offer and offer.default and version != cluster.version else now
        yield Step(f"add-on {addon}", now, better, f'cluster.addonVersions: {{{addon}: "{better}"}}, in the same `up`')


def cluster_refusals(version: str, kept: Mapping[str, str], cluster: Cluster) -> Iterator[Remark]:
    """What EKS would refuse, or what would not work after it. kept: versions that settings keep add-ons at."""
    if refused := refusal(cluster.version, version):
        yield Remark("control plane", refused, "change cluster.version")
    for unknown in (each for each, there in cluster.offered.items() if not there):
        yield Remark("control plane", f"EKS has no Kubernetes {unknown} in this region", "change cluster.version")
    moves = cluster.next_version != cluster.version
    for group, nodes in sorted(cluster.node_groups.items()):
        what = f"nodes of {group}"
        if minor(nodes) > minor(cluster.version):
            yield Remark(what, f"they run {nodes}, newer than the control plane's {cluster.version}", NODES_STAY)
        elif moves and nodes != cluster.version:
            # https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateClusterVersion.html
            text = f"they run {nodes}, and EKS updates a control plane only once all node groups run its own version"
            yield Remark(what, text, f'set cluster.version to "{cluster.version}" and run `up` first')
    for addon, now in sorted(cluster.addons.items()):
        offer = cluster.offers.get(addon)
        chosen = kept.get(addon, now)
        if offer is None or not offer.compatible or chosen in offer.compatible:
            continue
        if chosen == now and not moves:
            continue  # it runs already
        best = offer.default or offer.compatible[0]
        text = f"{chosen} does not go with Kubernetes {cluster.next_version}"
        yield Remark(f"add-on {addon}", text, f'cluster.addonVersions: {{{addon}: "{best}"}}')
    for insight in cluster.insights:
        if insight.status == "ERROR":
            yield Remark("control plane", f"EKS's insight {insight.name!r}: {insight.reason}", "mend what it names")


def cluster_notes(cluster: Cluster, today: date, auto_hours: int | None = None) -> Iterator[Remark]:
    """What else to know about the cluster. auto_hours: age at which Auto Mode's nodes are replaced."""
    if cluster.support and cluster.support != "STANDARD_SUPPORT":
        text = f"Kubernetes {cluster.version} has no standard support any more ({cluster.support})"
        yield Remark("control plane", text, f"upgrade it: {BY_ITSELF}")
    elif cluster.support_ends is not None and cluster.support_ends - today <= SOON:
        text = f"the standard support of Kubernetes {cluster.version} ends on {cluster.support_ends}"
        yield Remark("control plane", text, f"upgrade it before: {BY_ITSELF}")
    if cluster.next_version != cluster.version and auto_hours is not None:
        text = f"they follow by themselves as they expire, within {auto_hours} hours, and heed disruption budgets"
        yield Remark("nodes of Auto Mode", text)
    for insight in cluster.insights:
        if insight.status != "ERROR":
            yield Remark("control plane", f"EKS's insight {insight.name!r}: {insight.reason}")
    for unseen in cluster.unseen:
        yield Remark("control plane", f"not looked at: {unseen}")


def _numbers(version: str) -> tuple[int, ...]:
    """3.259.0 as numbers; what follows them, as in 3.259.0-alpha or 3.259.0+dirty, is left out."""
    numbers = re.match(r"[\d.]*\d", version)
    return tuple(int(part) for part in numbers[0].split(".")) if numbers else (0,)
