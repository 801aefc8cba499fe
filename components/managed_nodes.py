"""What a cluster in Auto Mode must bring so that nodes outside of Auto Mode can join it and be used.

Auto Mode's nodes have their network, DNS and credentials inside; others need the add-ons that other clusters have
(https://github.com/eksctl-io/eksctl/issues/8292, https://github.com/aws/containers-roadmap/issues/2546). EKS's own
builds of them keep off Auto Mode's nodes from the versions on that
https://docs.aws.amazon.com/eks/latest/userguide/auto-enable-existing.html lists (Required add-on versions).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.efa_plugin import EfaPlugin, EfaPluginArgs
from components.iam import document, trust
from components.placement import Placement

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html. The network's rights are not the
node's: the add-on gets them by Pod Identity, so that no pod finds them in the instance's metadata."""
NETWORK_POLICY = "AmazonEKS_CNI_Policy"
ADDONS = ("eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns")
DNS_CONFIGURATION: dict[str, Any] = {
    # On nodes of Auto Mode alone: a pending DNS pod would otherwise start, and hold, a node of the most expensive pool.
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "eks.amazonaws.com/compute-type", "operator": "In", "values": ["auto"]}
                        ]
                    }
                ]
            }
        }
    },
    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
}


@dataclass(frozen=True, kw_only=True)
class ManagedNodesArgs:
    """What the managed pools of a cluster share.

    addon_versions: add-on to the version that it is kept at; EKS's default for the cluster's version where not named.
    efa_image: image of the EFA device plugin; None where no pool has EFA.
    """

    placement: Placement
    cluster_name: pulumi.Input[str]
    addon_versions: Mapping[str, str] = field(default_factory=dict[str, str])
    efa_image: str | None = None
    provider: k8s.Provider


class ManagedNodes(pulumi.ComponentResource):
    """The role of managed nodes, and the add-ons that they need. Made only where a pool is managed.

    EKS itself makes the access entry of a managed node group's role
    (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html), so there is none here.
    """

    node_role_arn: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    """What a node group must depend on."""

    def __init__(self, name: str, args: ManagedNodesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ManagedNodes", name, None, opts)
        self._name = name
        placement = args.placement
        nodes = self._role(
            placement,
            "nodes",
            "managed-nodes",
            "Managed nodes of the cluster",
            ["ec2.amazonaws.com"],
            ["sts:AssumeRole"],
        )
        attachments = [self._attach(placement, nodes, "nodes", policy) for policy in NODE_POLICIES]
        network = self._role(
            placement,
            "network",
            "managed-network",
            "The VPC CNI of managed nodes gives addresses to pods with it",
            ["pods.eks.amazonaws.com"],
            ["sts:AssumeRole", "sts:TagSession"],
        )
        attachments.append(self._attach(placement, network, "network", NETWORK_POLICY))
        addons = [self._addon(args, addon, network, attachments) for addon in ADDONS]
        if args.efa_image is not None:
            EfaPlugin(
                f"{name}-efa",
                EfaPluginArgs(image=args.efa_image, provider=args.provider),
                pulumi.ResourceOptions(parent=self),
            )
        self.node_role_arn = nodes.arn
        self.ready = [*attachments, *addons]
        self.register_outputs({"nodeRoleArn": self.node_role_arn})

    def _role(
        self, placement: Placement, word: str, physical: str, what_for: str, services: list[str], actions: list[str]
    ) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self._name}-{word}",
            name=f"{placement.prefix}-{physical}",
            description=what_for,
            assume_role_policy=document(trust(services, actions=actions)),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _attach(self, placement: Placement, role: aws.iam.Role, word: str, policy: str) -> pulumi.Resource:
        return aws.iam.RolePolicyAttachment(
            f"{self._name}-{word}-{policy}",
            role=role.name,
            policy_arn=placement.aws_managed_policy(policy),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _addon(
        self, args: ManagedNodesArgs, addon: str, network: aws.iam.Role, attachments: Sequence[pulumi.Resource]
    ) -> pulumi.Resource:
        identities = [
            aws.eks.AddonPodIdentityAssociationArgs(role_arn=network.arn, service_account="aws-node"),
        ]
        return aws.eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=args.cluster_name,
            addon_name=addon,
            addon_version=args.addon_versions.get(addon),
            configuration_values=json.dumps(DNS_CONFIGURATION) if addon == "coredns" else None,
            pod_identity_associations=identities if addon == "vpc-cni" else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(attachments)),
        )
