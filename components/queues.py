"""Queues: teams wait for the pools in line, each with a share of its own, and use what others leave idle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.instance_class import CLASS_LABEL
from components.kubernetes_object import KubernetesObject
from components.queue_shares import ClassQuota, InstanceClass, TeamShare, class_quotas, unassigned

API_VERSION = "kueue.x-k8s.io/v1beta2"
COHORT = "platform"
"""Kueue's group of queues that borrow from each other: all teams'."""
LOCAL_QUEUE = "default"
"""Name of a team's queue in its namespace. Kueue sends a job there that names none
(https://kueue.sigs.k8s.io/docs/tasks/manage/enforce_job_management/setup_default_local_queue/)."""
GENERAL_FLAVOR = "general"
"""Machines of no particular class, where CPUs and memory are counted."""
POOL_TAINT = "groundwork/pool"
"""Taint of pools that are chosen by name. A job that a queue sends to a class may run on each of its pools."""
Reclaim = Literal["any", "lower-priority", "never"]
Preempt = Literal["lower-priority", "never"]
Order = Literal["best-effort", "strict"]
_POLICIES = {"any": "Any", "lower-priority": "LowerPriority", "never": "Never"}
_ORDERS = {"best-effort": "BestEffortFIFO", "strict": "StrictFIFO"}


@dataclass(frozen=True, kw_only=True)
class Priority:
    """A priority that a job may have; those with a higher value go first."""

    name: str
    value: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class QueuesArgs:
    """What the queues need.

    ready: what must be there before a queue is, and after it is gone: the controller.
    classes: what there is to share.
    shares: what each team gets of it.
    namespaces: team to the namespace that its queue is in.
    reclaim: whose jobs end when a team takes back what it lent: any, those of lower priority, or none.
    preempt: whether a job ends others of lower priority in its own team's queue.
    order: `strict` lets nothing overtake the first job of a queue that does not fit yet.
    """

    provider: k8s.Provider
    ready: Sequence[pulumi.Resource]
    classes: Sequence[InstanceClass]
    shares: Sequence[TeamShare]
    namespaces: Mapping[str, pulumi.Resource]
    priorities: Sequence[Priority] = ()
    reclaim: Reclaim = "any"
    preempt: Preempt = "lower-priority"
    order: Order = "best-effort"


class Queues(pulumi.ComponentResource):
    """A flavor an instance class, a queue a team, and the cohort in which they borrow from each other.

    Raises ValueError where the shares are more than there is, or the classes more than Kueue takes.
    """

    names: dict[str, str]
    """Team to the name of its queue, in its namespace."""

    def __init__(self, name: str, args: QueuesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:Queues", name, None, opts)
        self._name, self._args = name, args
        self._after_controller = self._after(args.ready)
        quotas = class_quotas(args.classes, args.shares)
        for priority in args.priorities:
            self._priority(priority)
        specs = {GENERAL_FLAVOR: dict[str, Any](), **{one.name: flavor_spec(one) for one in args.classes}}
        flavors = [self._object("flavor", word, "ResourceFlavor", spec) for word, spec in specs.items()]
        spec = cohort_spec(args.classes, unassigned(args.classes, quotas))
        # Queues come after the cohort and it after the flavors: an edge from each queue to each flavor would be many.
        cohort = self._object("cohort", COHORT, "Cohort", spec, after=flavors)
        self.names = {share.team: self._queue(share, quotas[share.team], cohort) for share in args.shares}
        self.register_outputs({"names": self.names})

    def _after(self, needs: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=list(needs))

    def _object(
        self, word: str, name: str, kind: str, spec: Mapping[str, Any], *, after: Sequence[pulumi.Resource] = ()
    ) -> pulumi.Resource:
        return k8s.apiextensions.CustomResource(
            f"{self._name}-{word}-{name}",
            api_version=API_VERSION,
            kind=kind,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name),
            spec=spec,
            opts=self._after(after) if after else self._after_controller,
        )

    def _priority(self, priority: Priority) -> None:
        KubernetesObject(
            f"{self._name}-priority-{priority.name}",
            api_version=API_VERSION,
            kind="WorkloadPriorityClass",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=priority.name),
            fields={"value": priority.value, "description": priority.description},
            opts=self._after_controller,
        )

    def _queue(self, share: TeamShare, quotas: Mapping[str, ClassQuota], cohort: pulumi.Resource) -> str:
        args, team = self._args, share.team
        spec = queue_spec(args, share, quotas)
        queue = self._object("team", team, "ClusterQueue", spec, after=[cohort])
        k8s.apiextensions.CustomResource(
            f"{self._name}-entry-{team}",
            api_version=API_VERSION,
            kind="LocalQueue",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=LOCAL_QUEUE, namespace=team),
            spec={"clusterQueue": team},
            opts=self._after([queue, args.namespaces[team]]),
        )
        return LOCAL_QUEUE


def flavor_spec(one: InstanceClass) -> dict[str, Any]:
    """The ResourceFlavor of a class: where its jobs' pods are sent, and what they tolerate there.

    Source: https://kueue.sigs.k8s.io/docs/concepts/resource_flavor/
    """
    return {
        "nodeLabels": {CLASS_LABEL: one.name},
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in (one.resource, POOL_TAINT)
        ],
    }


def cohort_spec(classes: Sequence[InstanceClass], rest: Mapping[str, int]) -> dict[str, Any]:
    """The Cohort: what is no team's own is the cohort's, for any team to borrow.

    Source: https://kueue.sigs.k8s.io/docs/concepts/cohort/
    """
    groups = [
        {
            "coveredResources": [resource],
            "flavors": [
                {"name": one.name, "resources": [{"name": resource, "nominalQuota": str(rest[one.name])}]}
                for one in classes
                if one.resource == resource and rest[one.name]
            ],
        }
        for resource in dict.fromkeys(one.resource for one in classes if rest[one.name])
    ]
    # An empty list and not nothing: the API server refuses a spec that an update has emptied.
    return {"resourceGroups": groups}


def queue_spec(args: QueuesArgs, share: TeamShare, quotas: Mapping[str, ClassQuota]) -> dict[str, Any]:
    """A team's ClusterQueue.

    Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
    """
    counted = [("cpu", str(share.cpus)), ("memory", f"{share.memory_gib}Gi")]
    groups: list[dict[str, Any]] = [
        {
            "coveredResources": [name for name, _ in counted],
            "flavors": [
                {
                    "name": GENERAL_FLAVOR,
                    # No pool bounds them, so there is nothing to share: the quota is all.
                    "resources": [
                        {"name": name, "nominalQuota": quota, "borrowingLimit": "0"} for name, quota in counted
                    ],
                }
            ],
        }
    ]
    for resource in dict.fromkeys(one.resource for one in args.classes if one.name in quotas):
        flavors = [
            {"name": one.name, "resources": [_resource(resource, quotas[one.name])]}
            for one in args.classes
            if one.resource == resource and one.name in quotas
        ]
        groups.append({"coveredResources": [resource], "flavors": flavors})
    return {
        "cohortName": COHORT,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": share.team}},
        "queueingStrategy": _ORDERS[args.order],
        "preemption": {
            "reclaimWithinCohort": _POLICIES[args.reclaim],
            "withinClusterQueue": _POLICIES[args.preempt],
        },
        "resourceGroups": groups,
    }


def _resource(name: str, quota: ClassQuota) -> dict[str, str]:
    resource = {"name": name, "nominalQuota": str(quota.nominal), "borrowingLimit": str(quota.borrowing)}
    return resource if quota.lending is None else {**resource, "lendingLimit": str(quota.lending)}
