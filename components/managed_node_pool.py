"""Nodes for what EKS Auto Mode does not do: MIG, time slices, EFA with a placement group. An EKS managed node group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.gpu_sharing import GpuSharing
from components.image_warmup import ImageWarmup, ImageWarmupArgs
from components.instance_facts import RESOURCES, Instance
from components.node_launch import EFA_HUGE_PAGES, NodeLaunch, NodeLaunchArgs
from components.node_pool import POOL_LABEL, Capacity, Taint, accelerator_taints, pool_labels
from components.node_pool_limits import nodes_within
from components.placement import Placement

EFA_RESOURCE = "vpc.amazonaws.com/efa"
EFA_LABEL = "groundwork/efa"
"""Label of the nodes that the EFA device plugin runs on."""
CAPACITY_TYPES: dict[Capacity, str] = {
    "spot": "SPOT",
    "on-demand": "ON_DEMAND",
    "reserved": "ON_DEMAND",
    "capacity-block": "CAPACITY_BLOCK",
}
"""A node group takes an on-demand reservation by its launch template, and is on-demand itself."""
EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
AUTOSCALER_TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
"""Tags by which an Auto Scaling group with no node tells the cluster-autoscaler what a node of it would be
(https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md)."""


@dataclass(frozen=True, kw_only=True)
class ManagedNodePoolArgs:
    """What a pool needs.

    name: of the node group.
    version: Kubernetes version of its nodes, which is the cluster's: EKS raises nodes of a group only when told to.
    machine: the one instance type of its nodes, so that the number of nodes follows from the limit.
    capacity: how nodes are bought.
    limit: the most GPUs or vCPUs that the pool ever holds; no less than one of its nodes has.
    min_nodes: nodes that stay when there is nothing to do.
    idle_seconds: time after which the cluster-autoscaler takes an empty node away.
    taints, labels: besides those that every pool has.
    disk_gib: the disk that images and pods are on.
    reservation_id: the capacity reservation or capacity block (`cr-…`) of reserved nodes.
    sharing: several pods a GPU.
    efa: Elastic Fabric Adapters, and nodes close to each other; the pool then lies in one zone.
    subnet_ids: of the zones that its nodes may lie in.
    node_role_arn: what the nodes may do at AWS.
    ready: what must be there before a node can join: add-ons for its network, and access.
    """

    placement: Placement
    name: str
    version: str
    machine: Instance
    capacity: Capacity
    limit: int
    min_nodes: int = 0
    idle_seconds: int = 300
    taints: Sequence[Taint] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    disk_gib: int | None = None
    reservation_id: str | None = None
    sharing: GpuSharing | None = None
    efa: bool = False
    warm_images: Sequence[str] = ()
    cluster_name: pulumi.Input[str]
    node_role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    ready: Sequence[pulumi.Resource] = ()
    provider: k8s.Provider


class ManagedNodePool(pulumi.ComponentResource):
    """An EKS managed node group of Bottlerocket nodes with a hard limit.

    Only pods that name the pool (node selector and toleration of `groundwork/pool`) land on it: its machines are too
    special for whoever just wants a GPU. Raises ValueError where the limit is below one node.
    """

    name: str
    resource: str
    """What the limit counts: `nvidia.com/gpu` or `cpu`."""
    limit: int

    def __init__(self, name: str, args: ManagedNodePoolArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ManagedNodePool", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        machine = args.machine
        self.name, self.limit, self.resource = args.name, args.limit, RESOURCES[machine.accelerator]
        launch = NodeLaunch(
            f"{name}-launch",
            NodeLaunchArgs(
                placement=args.placement,
                pool=args.name,
                machine=machine,
                disk_gib=args.disk_gib,
                capacity_block=args.capacity == "capacity-block",
                reservation_id=args.reservation_id,
                sharing=args.sharing,
                efa=args.efa,
                security_group_id=args.security_group_id,
            ),
            child,
        )
        group = aws.eks.NodeGroup(
            f"{name}-group",
            cluster_name=args.cluster_name,
            node_group_name=args.name,
            version=args.version,
            node_role_arn=args.node_role_arn,
            subnet_ids=list(args.subnet_ids),
            ami_type=image_type(machine),
            capacity_type=CAPACITY_TYPES[args.capacity],
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(id=launch.template_id, version=launch.template_version),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=args.min_nodes,
                max_size=nodes_within(machine, args.limit),
                desired_size=args.min_nodes,
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=node_labels(args),
            taints=[
                aws.eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=EFFECTS[taint.effect])
                for taint in node_taints(args)
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.ready),
                # The number of nodes is the cluster-autoscaler's business from here on.
                ignore_changes=["scalingConfig.desiredSize"],
                # Its name is taken until it is gone.
                delete_before_replace=True,
            ),
        )
        scaling_group = group.resources.apply(_scaling_group)
        for word, (key, value) in template_tags(args).items():
            aws.autoscaling.Tag(
                f"{name}-tag-{word}",
                autoscaling_group_name=scaling_group,
                tag=aws.autoscaling.TagTagArgs(key=key, value=value, propagate_at_launch=False),
                opts=child,
            )
        if args.warm_images:
            ImageWarmup(
                f"{name}-warmup",
                ImageWarmupArgs(pool=args.name, images=args.warm_images, provider=args.provider),
                pulumi.ResourceOptions(parent=self, depends_on=[group]),
            )
        self.register_outputs({"name": self.name, "resource": self.resource, "limit": self.limit})


def _scaling_group(resources: Sequence[Any]) -> str:
    """Name of the Auto Scaling group that EKS made for a node group."""
    return str(resources[0].autoscaling_groups[0].name)


def image_type(machine: Instance) -> str:
    """The machine image: Bottlerocket, as on Auto Mode's nodes; with NVIDIA's driver and device plugin where needed.

    Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html#AmazonEKS-Type-Nodegroup-amiType
    """
    arch = {"amd64": "x86_64", "arm64": "ARM_64"}[machine.arch]
    return f"BOTTLEROCKET_{arch}" + ("_NVIDIA" if machine.accelerator == "nvidia" else "")


def node_labels(args: ManagedNodePoolArgs) -> dict[str, str]:
    """Labels of the pool's nodes."""
    labels = pool_labels(args.name, [args.machine.family], args.labels, args.sharing)
    return {**labels, EFA_LABEL: "true"} if args.efa else labels


def node_taints(args: ManagedNodePoolArgs) -> list[Taint]:
    """The pool's own taint, the accelerator's, and the settings'."""
    own = Taint(key=POOL_LABEL, value=args.name, effect="NoSchedule")
    return [own, *accelerator_taints(args.machine.accelerator), *args.taints]


def template_tags(args: ManagedNodePoolArgs) -> dict[str, tuple[str, str]]:
    """What the cluster-autoscaler must know of a node before there is one, by a word: key and value of the tag.

    Labels and taints it reads from EKS itself, and what a machine has from EC2; not how its GPUs are cut, nor EFA.
    """
    tags = {
        "idle": (
            f"{AUTOSCALER_TEMPLATE}/autoscaling-options/scaledownunneededtime",
            f"{args.idle_seconds}s",
        )
    }
    if args.sharing is not None:
        parts = args.machine.devices * args.sharing.parts(args.machine)
        tags["gpu"] = (f"{AUTOSCALER_TEMPLATE}/resources/{RESOURCES['nvidia']}", str(parts))
    if args.efa:
        tags["efa"] = (f"{AUTOSCALER_TEMPLATE}/resources/{EFA_RESOURCE}", str(len(args.machine.efa_cards)))
        tags["pages"] = (f"{AUTOSCALER_TEMPLATE}/resources/hugepages-2Mi", f"{2 * EFA_HUGE_PAGES}Mi")
    return tags
