"""Nodes that come when a pod asks for them and go when it is done, in EKS Auto Mode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components.gpu_sharing import GpuSharing
from components.image_warmup import ImageWarmup, ImageWarmupArgs
from components.instance_class import CLASS_LABEL, instance_class
from components.instance_facts import RESOURCES, Accelerator, accelerators_of, instances_of
from components.node_pool_limits import sizes_within

Capacity = Literal["spot", "on-demand", "reserved", "capacity-block"]
POOL_LABEL = "groundwork/pool"
"""Label of every node of a pool, with the pool's name."""
LONGEST_NODE_HOURS = 21 * 24
"""Auto Mode ends a node after 21 days: https://docs.aws.amazon.com/eks/latest/userguide/automode.html"""
GRACE_HOURS = 24
"""What the pods of an ending node get to finish: Auto Mode's own default
(https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html, Termination Grace Period)."""
DEFAULT_NODE_HOURS = 336
"""Auto Mode's own default (that page, Disruption)."""


@dataclass(frozen=True, kw_only=True)
class Taint:
    """Keeps pods away that do not tolerate it."""

    key: str
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    @property
    def document(self) -> dict[str, str]:
        """As Kubernetes writes it."""
        return {"key": self.key, "value": self.value, "effect": self.effect}


@dataclass(frozen=True, kw_only=True)
class AutoNodePoolArgs:
    """What a pool needs.

    name: the NodePool's name in the cluster.
    families: EC2 instance families that its nodes may have, such as `g6`; all with the same kind of accelerator.
    capacity: how nodes are bought; reserved and capacity-block need reservation_ids.
    limit: the most GPUs, Neuron devices or vCPUs that the pool ever holds; no less than one of its nodes has.
    per_node: numbers of them that a node may have; None takes all that the families offer within the limit.
    zones: availability zones of its nodes; none leaves all of the cluster's.
    idle_seconds: time after which an empty node goes. Reserved nodes stay.
    max_node_hours: age at which a node is replaced; together with the grace of its pods no more than Auto Mode's own.
    taints, labels: besides those that every pool has.
    disk_gib: a node's ephemeral storage; None leaves Auto Mode's own size.
    reservation_ids: EC2 capacity reservations or capacity blocks (`cr-…`).
    warm_images: container images that are pulled onto a node as it comes.
    node_role_name, subnet_ids, security_group_id: what a NodeClass of its own names; used only where the settings
        above need one.
    """

    name: str
    families: Sequence[str]
    capacity: Sequence[Capacity]
    limit: int
    per_node: Sequence[int] | None = None
    zones: Sequence[str] = ()
    idle_seconds: int = 300
    max_node_hours: int = DEFAULT_NODE_HOURS
    taints: Sequence[Taint] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    disk_gib: int | None = None
    reservation_ids: Sequence[str] = ()
    warm_images: Sequence[str] = ()
    node_role_name: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    provider: k8s.Provider

    @property
    def accelerator(self) -> Accelerator:
        """What its machines have, by its families."""
        return accelerators_of(self.families)[0]

    @property
    def needs_node_class(self) -> bool:
        """Whether Auto Mode's default NodeClass does not do."""
        return bool(self.reservation_ids) or self.disk_gib is not None


class AutoNodePool(pulumi.ComponentResource):
    """A Karpenter NodePool with a hard limit; one with accelerators takes only pods that tolerate its taint.

    A pool of no pods has no nodes: Karpenter makes the first one when a pod waits for it. Raises ValueError where the
    limit is below the smallest node.
    """

    name: str
    resource: str
    """What the limit counts: `nvidia.com/gpu`, `aws.amazon.com/neuron` or `cpu`."""
    limit: int

    def __init__(self, name: str, args: AutoNodePoolArgs, opts: pulumi.ResourceOptions | None = None):
        before = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="groundwork:compute:GpuNodePool")])
        super().__init__("groundwork:compute:AutoNodePool", name, None, pulumi.ResourceOptions.merge(before, opts))
        self.name, self.limit = args.name, args.limit
        self.resource = RESOURCES[args.accelerator]
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
        pool = k8s.apiextensions.CustomResource(
            f"{name}-pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args.name),
            spec=node_pool_spec(args, node_class_name),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=depends_on),
        )
        if args.warm_images:
            ImageWarmup(
                f"{name}-warmup",
                ImageWarmupArgs(pool=args.name, images=args.warm_images, provider=args.provider),
                pulumi.ResourceOptions(parent=self, depends_on=[pool]),
            )
        self.register_outputs({"name": self.name, "resource": self.resource, "limit": self.limit})


def pool_labels(
    name: str, families: Sequence[str], more: Mapping[str, str], sharing: GpuSharing | None = None
) -> dict[str, str]:
    """Labels of every node of a pool: its name, its instance class, and the settings' own."""
    return {**more, POOL_LABEL: name, CLASS_LABEL: instance_class(families, sharing)}


def accelerator_taints(accelerator: Accelerator) -> list[Taint]:
    """Keeps pods off that do not ask for the accelerator; by convention the resource's name is the key."""
    if accelerator == "none":
        return []
    return [Taint(key=RESOURCES[accelerator], value="true", effect="NoSchedule")]


def node_pool_spec(args: AutoNodePoolArgs, node_class_name: str) -> dict[str, Any]:
    """The NodePool's spec.

    Sources: https://karpenter.sh/docs/concepts/nodepools/,
    https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html (labels, nodeClassRef).
    """
    template: dict[str, Any] = {
        "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": node_class_name},
        "requirements": [
            {"key": key, "operator": "In", "values": values} for key, values in _requirements(args).items()
        ],
        "expireAfter": f"{args.max_node_hours}h",
        "terminationGracePeriod": f"{GRACE_HOURS}h",
    }
    taints = [taint.document for taint in (*accelerator_taints(args.accelerator), *args.taints)]
    if taints:
        template["taints"] = taints
    return {
        "template": {
            "metadata": {"labels": pool_labels(args.name, args.families, args.labels)},
            "spec": template,
        },
        # A flat map: the nested form of AWS's own Spot example is refused by the CRD.
        "limits": {RESOURCES[args.accelerator]: str(args.limit)},
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": "Never" if args.reservation_ids else f"{args.idle_seconds}s",
        },
    }


def _requirements(args: AutoNodePoolArgs) -> dict[str, list[str]]:
    fitting = sizes_within(args.families, args.limit, args.per_node)
    machines = [each for each in instances_of(args.families) if each.size in fitting]
    # A capacity block is, to Karpenter, one more reservation (https://docs.aws.amazon.com/eks/latest/userguide/auto-odcr.html).
    types = {"capacity-block": "reserved"}
    requirements = {
        "karpenter.sh/capacity-type": list(dict.fromkeys(types.get(each, each) for each in args.capacity)),
        "eks.amazonaws.com/instance-family": list(args.families),
        "kubernetes.io/arch": sorted({each.arch for each in machines}),
    }
    # Without it Karpenter may answer twelve one-GPU pods with one machine that the limit then forbids.
    match args.accelerator:
        case "nvidia":
            requirements["eks.amazonaws.com/instance-gpu-count"] = [str(size) for size in fitting]
        case "neuron":
            # Auto Mode documents no label for the number of Neuron devices, so the machines are named.
            requirements["node.kubernetes.io/instance-type"] = [each.name for each in machines]
        case "none":
            requirements["eks.amazonaws.com/instance-cpu"] = [str(size) for size in fitting]
    if args.zones:
        requirements["topology.kubernetes.io/zone"] = list(args.zones)
    return requirements


def node_class_spec(args: AutoNodePoolArgs) -> dict[str, Any]:
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
