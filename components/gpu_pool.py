"""GPU nodes that come when a pod asks for them and go when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.instance_facts import gpu_counts, instances_of

Capacity = Literal["spot", "on-demand", "reserved"]
GPU_RESOURCE = "nvidia.com/gpu"


@dataclass(frozen=True, kw_only=True)
class GpuNodePoolArgs:
    """What a pool needs.

    name: the NodePool's name in the cluster.
    families: EC2 instance families that its nodes may have, such as `g6`.
    capacity: how nodes are bought, any of spot, on-demand and reserved.
    max_gpus: the most GPUs that the pool ever holds; no less than one of its nodes has.
    gpus_per_node: numbers of GPUs that a node may have; None takes all that the families offer within max_gpus.
    idle_seconds: time after which an empty node goes. Reserved nodes stay.
    reservation_ids: EC2 capacity reservations (`cr-…`), needed for reserved capacity.
    disk_gib: a node's ephemeral storage; None leaves Auto Mode's own size.
    node_role_name, subnet_ids, security_group_id: what a NodeClass of its own names; used only where the settings
        above need one.
    """

    name: str
    families: Sequence[str]
    capacity: Sequence[Capacity]
    max_gpus: int
    gpus_per_node: Sequence[int] | None = None
    idle_seconds: int = 300
    reservation_ids: Sequence[str] = ()
    disk_gib: int | None = None
    node_role_name: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    provider: k8s.Provider

    @property
    def needs_node_class(self) -> bool:
        """Whether Auto Mode's default NodeClass does not do."""
        return bool(self.reservation_ids) or self.disk_gib is not None


class GpuNodePool(pulumi.ComponentResource):
    """A Karpenter NodePool for GPUs with a hard limit, tainted so that only pods that ask for GPUs land on it.

    A pool of no pods has no nodes: Karpenter makes the first one when a pod waits for it. Raises ValueError where the
    limit is below the smallest node.
    """

    name: str
    max_gpus: int

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:GpuNodePool", name, None, opts)
        self.name, self.max_gpus = args.name, args.max_gpus
        in_cluster = pulumi.ResourceOptions(parent=self, provider=args.provider)
        node_class_name = "default"
        depends_on: list[pulumi.Resource] = []
        if args.needs_node_class:
            node_class_name = args.name
            depends_on.append(
                k8s.apiextensions.CustomResource(
                    f"{name}-class",
                    api_version="eks.amazonaws.com/v1",
                    kind="NodeClass",
                    metadata=k8s.meta.v1.ObjectMetaArgs(name=args.name),
                    spec=node_class_spec(args),
                    opts=in_cluster,
                )
            )
        k8s.apiextensions.CustomResource(
            f"{name}-pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args.name),
            spec=node_pool_spec(args, node_class_name),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=depends_on),
        )
        self.register_outputs({"name": self.name, "maxGpus": self.max_gpus})


def counts_within(families: Sequence[str], max_gpus: int, wanted: Sequence[int] | None = None) -> tuple[int, ...]:
    """GPUs that one node of the pool may have without being above the pool's limit by itself.

    Raises ValueError, with the arithmetic, where no node fits: such a pool would never start one.
    """
    offered = tuple(count for count in gpu_counts(tuple(families)) if wanted is None or count in wanted)
    if not offered:
        raise ValueError(
            f"no instance type of {', '.join(families)} has {_either(wanted or ())} GPUs; "
            f"they have {_either(gpu_counts(tuple(families)))}"
        )
    fitting = tuple(count for count in offered if count <= max_gpus)
    if not fitting:
        smallest = next(node for node in instances_of(tuple(families)) if node.gpus == offered[0])
        raise ValueError(
            f"the smallest node of {', '.join(families)} that the pool allows is {smallest.name} with {smallest.gpus} "
            f"× {smallest.gpu}, and {smallest.gpus} > {max_gpus}: the pool could never start a node"
        )
    return fitting


def node_pool_spec(args: GpuNodePoolArgs, node_class_name: str) -> dict[str, Any]:
    """The NodePool's spec.

    Sources: https://karpenter.sh/docs/concepts/nodepools/,
    https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html (labels, nodeClassRef).
    """
    counts = counts_within(args.families, args.max_gpus, args.gpus_per_node)
    architectures = sorted({node.arch for node in instances_of(tuple(args.families)) if node.gpus in counts})
    requirements = {
        "karpenter.sh/capacity-type": list(args.capacity),
        "eks.amazonaws.com/instance-family": list(args.families),
        # Without it Karpenter may answer twelve one-GPU pods with one machine that the limit then forbids.
        "eks.amazonaws.com/instance-gpu-count": [str(count) for count in counts],
        "kubernetes.io/arch": architectures,
    }
    return {
        "template": {
            "metadata": {"labels": {"groundwork/pool": args.name}},
            "spec": {
                "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": node_class_name},
                "taints": [{"key": GPU_RESOURCE, "value": "true", "effect": "NoSchedule"}],
                "requirements": [
                    {"key": key, "operator": "In", "values": values} for key, values in requirements.items()
                ],
            },
        },
        # A flat map: the nested form of AWS's own Spot example is refused by the CRD.
        "limits": {GPU_RESOURCE: str(args.max_gpus)},
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": "Never" if "reserved" in args.capacity else f"{args.idle_seconds}s",
        },
    }


def node_class_spec(args: GpuNodePoolArgs) -> dict[str, Any]:
    """The NodeClass's spec.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html and
    https://docs.aws.amazon.com/eks/latest/userguide/auto-odcr.html
    """
    spec: dict[str, Any] = {
        "role": args.node_role_name,
        "subnetSelectorTerms": [{"id": subnet} for subnet in args.subnet_ids],
        "securityGroupSelectorTerms": [{"id": args.security_group_id}],
    }
    if args.reservation_ids:
        spec["capacityReservationSelectorTerms"] = [{"id": reservation} for reservation in args.reservation_ids]
    if args.disk_gib is not None:
        spec["ephemeralStorage"] = {"size": f"{args.disk_gib}Gi"}
    return spec


def _either(counts: Sequence[int]) -> str:
    return " or ".join(str(count) for count in counts)
