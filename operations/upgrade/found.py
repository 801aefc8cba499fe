"""What an environment runs now: versions as its state and EKS tell them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version as installed
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from components.cluster_version import between
from operations.calls import code_of
from operations.engine_steps import PROVIDERS

PACKAGES: Mapping[str, str] = {"aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes"}
"""Provider → the Python package that its version comes from."""
UPGRADE_READINESS = "UPGRADE_READINESS"
"""EKS's own checks of a cluster (https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html)."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Provider:
    """A provider of the engine. recorded: the version that wrote the state. here: this checkout's."""

    name: str
    recorded: str
    here: str


@dataclass(frozen=True)
class AddonOffer:
    """Versions of an add-on that go with a Kubernetes version, newest first, and EKS's own choice."""

    default: str | None
    compatible: tuple[str, ...]


@dataclass(frozen=True)
class Insight:
    """A finding of EKS about a cluster that is to be upgraded. status: ERROR or WARNING."""

    name: str
    status: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster.

    node_groups, addons: name to version. support: EKS's word for the version's support. support_ends: the last day of
    its standard support, None where EKS does not tell. next_version: the first one on the way to the wanted one, or the
    running one. offers: what EKS has of each add-on for that version. offered: whether EKS has each version on the way.
    insights: what stands in the way of the next version. unseen: what could not be asked, and why.
    """

    name: str
    version: str
    next_version: str
    node_groups: Mapping[str, str] = field(default_factory=dict[str, str])
    addons: Mapping[str, str] = field(default_factory=dict[str, str])
    support: str = ""
    support_ends: date | None = None
    offers: Mapping[str, AddonOffer] = field(default_factory=dict[str, AddonOffer])
    offered: Mapping[str, bool] = field(default_factory=dict[str, bool])
    insights: Sequence[Insight] = ()
    unseen: Sequence[str] = ()


def recorded_engine(state: Mapping[str, Any]) -> str | None:
    """The version of the engine that wrote a state last; None in a state that no `up` has written."""
    manifest: Mapping[str, Any] = state.get("manifest") or {}
    return str(manifest.get("version") or "").removeprefix("v") or None


def recorded_providers(state: Mapping[str, Any]) -> list[Provider]:
    """The providers that a state's resources were made by, beside this checkout's."""
    found: dict[str, str] = {}
    resources: Sequence[Mapping[str, Any]] = state.get("resources") or []
    for resource in resources:
        name = str(resource["type"]).removeprefix(PROVIDERS)
        inputs: Mapping[str, Any] = resource.get("inputs") or {}
        if name in PACKAGES and inputs.get("version"):
            found[name] = str(inputs["version"])
    return [Provider(name, version, installed(PACKAGES[name])) for name, version in sorted(found.items())]


def running_cluster(eks: Any, name: str, wanted: str) -> Cluster | None:
    """The cluster as EKS tells it, and what EKS says about the way to the wanted version; None where there is none.

    Raises ClientError where the cluster itself cannot be looked at; what else cannot be asked is in `unseen`.
    """
    try:
        running = str(eks.describe_cluster(name=name)["cluster"]["version"])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    way = between(running, wanted)
    target = way[0] if way else running
    asker = _Asker(eks, [])
    addons = asker.ask("ListAddons", lambda: _addons(eks, name), {})
    known = asker.ask("DescribeClusterVersions", lambda: _versions(eks, [running, *way]), None)
    now = (known or {}).get(running, {})
    ends = now.get("endOfStandardSupportDate")
    return Cluster(
        name=name,
        version=running,
        next_version=target,
        node_groups=asker.ask("ListNodegroups", lambda: _node_groups(eks, name), {}),
        addons=addons,
        support=str(now.get("versionStatus") or ""),
        support_ends=ends.date() if ends else None,
        offers={
            addon: offer
            for addon in addons
            if (offer := asker.ask("DescribeAddonVersions", lambda addon=addon: _offer(eks, addon, target), None))
        },
        offered={} if known is None else {version: version in known for version in way},
        insights=asker.ask("ListInsights", lambda: _insights(eks, name, target), ()) if way else (),
        unseen=tuple(asker.unseen),
    )


@dataclass(frozen=True)
class _Asker:
    """Asks what may be refused: a caller with few rights, or a server that does not know the operation."""

    eks: Any
    unseen: list[str]

    def ask(self, operation: str, question: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return question()
        except ClientError as error:
            told = f"{operation} answered {code_of(error)}"
            if told not in self.unseen:
                self.unseen.append(told)
            return otherwise


def _pages(eks: Any, operation: str, member: str, **arguments: Any) -> Iterator[Any]:
    for page in eks.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _node_groups(eks: Any, cluster: str) -> dict[str, str]:
    names = _pages(eks, "list_nodegroups", "nodegroups", clusterName=cluster)
    told = {name: eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"] for name in names}
    return {name: str(group["version"]) for name, group in told.items() if group.get("version")}


def _addons(eks: Any, cluster: str) -> dict[str, str]:
    names = _pages(eks, "list_addons", "addons", clusterName=cluster)
    return {
        name: str(eks.describe_addon(clusterName=cluster, addonName=name)["addon"]["addonVersion"]) for name in names
    }


def _versions(eks: Any, versions: Sequence[str]) -> dict[str, Any]:
    told = _pages(eks, "describe_cluster_versions", "clusterVersions", clusterVersions=list(versions), includeAll=True)
    return {str(each["clusterVersion"]): each for each in told}


def _offer(eks: Any, addon: str, version: str) -> AddonOffer:
    told = _pages(eks, "describe_addon_versions", "addons", addonName=addon, kubernetesVersion=version)
    versions = [each for found in told for each in found.get("addonVersions", [])]
    fitting = [
        (str(each["addonVersion"]), bool(one.get("defaultVersion")))
        for each in versions
        for one in each.get("compatibilities", [])
        if one.get("clusterVersion") == version
    ]
    default = next((name for name, is_default in fitting if is_default), None)
    return AddonOffer(default, tuple(dict.fromkeys(name for name, _ in fitting)))


def _insights(eks: Any, cluster: str, version: str) -> tuple[Insight, ...]:
    wanted = {"categories": [UPGRADE_READINESS], "kubernetesVersions": [version], "statuses": ["ERROR", "WARNING"]}
    found = _pages(eks, "list_insights", "insights", clusterName=cluster, filter=wanted)
    insights: list[Insight] = []
    for each in found:
        status: Mapping[str, Any] = each.get("insightStatus") or {}
        insights.append(Insight(str(each.get("name")), str(status.get("status")), str(status.get("reason") or "")))
    return tuple(insights)
