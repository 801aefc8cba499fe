"""How the machines of a managed pool are launched: disk, metadata service, network cards, placement, user data."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.gpu_sharing import GpuSharing
from components.instance_facts import Instance
from components.node_pool import POOL_LABEL
from components.placement import Placement
from components.tagging import platform_tags

DEFAULT_DISK_GIB = 200
"""Training images unpack to tens of gigabytes, and Bottlerocket's own default of 20 GiB holds none of them."""
OS_DISK, DATA_DISK = "/dev/xvda", "/dev/xvdb"
"""Bottlerocket's two volumes: https://bottlerocket.dev/en/os/1.54.x/concepts/components/#storage-volumes"""
EFA_HUGE_PAGES = 5128
"""2 MiB pages that EC2 reserves where it installs the EFA driver itself, so as many here
(https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html)."""


@dataclass(frozen=True, kw_only=True)
class NodeLaunchArgs:
    """What a launch template says.

    pool: name of the pool.
    machine: the instance type.
    capacity_block: the reservation is a capacity block for ML.
    reservation_id: capacity reservation that the nodes take; None takes none.
    security_group_id: the cluster's own, to which EKS gives the rules that EFA needs
        (https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html).
    efa: an Elastic Fabric Adapter on every card that takes one, and nodes close to each other.
    """

    placement: Placement
    pool: str
    machine: Instance
    disk_gib: int | None
    capacity_block: bool
    reservation_id: str | None
    sharing: GpuSharing | None
    efa: bool
    security_group_id: pulumi.Input[str]


class NodeLaunch(pulumi.ComponentResource):
    """A launch template for Bottlerocket nodes, and with EFA a cluster placement group."""

    template_id: pulumi.Output[str]
    template_version: pulumi.Output[str]

    def __init__(self, name: str, args: NodeLaunchArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:NodeLaunch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        physical = f"{args.placement.prefix}-{args.pool}"
        group: aws.ec2.PlacementGroup | None = None
        # Reserved machines stand where they were reserved, so a group of ours would only keep them from starting
        # (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cr-cpg.html).
        if args.efa and args.reservation_id is None:
            group = aws.ec2.PlacementGroup(f"{name}-group", name=physical, strategy="cluster", opts=child)
        reserved = aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
            capacity_reservation_target=aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
                capacity_reservation_id=args.reservation_id
            )
        )
        settings = user_data(args.machine, args.sharing, args.efa)
        template = aws.ec2.LaunchTemplate(
            f"{name}-template",
            name=physical,
            description=f"Nodes of pool {args.pool}",
            instance_type=args.machine.name,
            update_default_version=True,
            block_device_mappings=[_disk(OS_DISK, None), _disk(DATA_DISK, args.disk_gib or DEFAULT_DISK_GIB)],
            # Pods get their rights from Pod Identity: the node's own are out of their reach behind one hop.
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            user_data=base64.b64encode(settings.encode()).decode() if settings else None,
            network_interfaces=_interfaces(args) if args.efa else None,
            vpc_security_group_ids=None if args.efa else [args.security_group_id],
            placement=aws.ec2.LaunchTemplatePlacementArgs(group_name=group.name) if group else None,
            capacity_reservation_specification=reserved if args.reservation_id else None,
            instance_market_options=aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block")
            if args.capacity_block
            else None,
            tag_specifications=[_tags(kind, args, physical) for kind in ("instance", "volume", "network-interface")],
            opts=child,
        )
        self.template_id = template.id
        self.template_version = template.latest_version.apply(str)
        self.register_outputs({"templateId": self.template_id, "templateVersion": self.template_version})


def user_data(machine: Instance, sharing: GpuSharing | None, efa: bool) -> str:
    """Bottlerocket's settings, which EKS merges with its own; empty where its defaults do
    (https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html, Amazon EC2 user data)."""
    blocks: list[list[str]] = []
    if sharing is not None:
        blocks.append(sharing.settings(machine))
    if efa:
        blocks.append(["[settings.kernel.sysctl]", f'"vm.nr_hugepages" = "{EFA_HUGE_PAGES}"'])
    return "".join("\n".join(block) + "\n" for block in blocks)


def efa_interfaces(machine: Instance) -> list[dict[str, Any]]:
    """Network cards of a machine with EFA, as EC2 numbers them: card, device and type of interface.

    The first card also carries the node's and its pods' addresses, so it is never EFA alone
    (https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html, EFA and EFA-only interfaces).
    """
    cards = sorted({0, *machine.efa_cards})
    return [
        {
            "card": card,
            "device": 0 if card == 0 else 1,
            "type": ("efa" if card in machine.efa_cards else "interface") if card == 0 else "efa-only",
        }
        for card in cards
    ]


def _interfaces(args: NodeLaunchArgs) -> Sequence[aws.ec2.LaunchTemplateNetworkInterfaceArgs]:
    return [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=each["card"],
            device_index=each["device"],
            interface_type=each["type"],
            associate_public_ip_address="false" if each["card"] == 0 else None,
            delete_on_termination="true",
            security_groups=[args.security_group_id],
        )
        for each in efa_interfaces(args.machine)
    ]


def _disk(device: str, gib: int | None) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=device,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            # The account's own key for EBS: a key of ours would need a grant for EC2 Auto Scaling's role.
            encrypted="true",
            volume_type="gp3",
            volume_size=gib,
            delete_on_termination="true",
        ),
    )


def _tags(kind: str, args: NodeLaunchArgs, name: str) -> aws.ec2.LaunchTemplateTagSpecificationArgs:
    """The provider's default tags reach the template, not what is launched by it: without these, budgets miss it."""
    tags = platform_tags(args.placement.environment, {"Name": name, POOL_LABEL: args.pool})
    return aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
