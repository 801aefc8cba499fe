"""The two IAM roles of a cluster in Auto Mode."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import document, trust
from components.placement import Placement

CLUSTER_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html"""
NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html"""


@dataclass(frozen=True, kw_only=True)
class ClusterRolesArgs:
    """What the roles need."""

    placement: Placement


class ClusterRoles(pulumi.ComponentResource):
    """The role that EKS runs the cluster with, and the role of its nodes. Neither has a path: Auto Mode allows none."""

    cluster_role_arn: pulumi.Output[str]
    node_role_arn: pulumi.Output[str]
    node_role_name: pulumi.Output[str]
    attachments: list[pulumi.Resource]
    """What the cluster must depend on: without its policies EKS cannot clean up after itself."""

    def __init__(self, name: str, args: ClusterRolesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ClusterRoles", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.attachments = []
        cluster = aws.iam.Role(
            f"{name}-cluster",
            name=f"{args.placement.prefix}-cluster",
            description="EKS runs the cluster with it",
            assume_role_policy=cluster_trust(),
            opts=child,
        )
        nodes = aws.iam.Role(
            f"{name}-nodes",
            name=f"{args.placement.prefix}-nodes",
            description="Nodes of the cluster",
            assume_role_policy=node_trust(),
            opts=child,
        )
        for word, role, policies in (("cluster", cluster, CLUSTER_POLICIES), ("nodes", nodes, NODE_POLICIES)):
            for policy in policies:
                self.attachments.append(
                    aws.iam.RolePolicyAttachment(
                        f"{name}-{word}-{policy}",
                        role=role.name,
                        policy_arn=args.placement.aws_managed_policy(policy),
                        opts=child,
                    )
                )
        self.cluster_role_arn, self.node_role_arn, self.node_role_name = cluster.arn, nodes.arn, nodes.name
        self.register_outputs({"clusterRoleArn": self.cluster_role_arn, "nodeRoleArn": self.node_role_arn})


def cluster_trust() -> str:
    """EKS assumes the role, and tags the session: Auto Mode needs both."""
    return document(trust(["eks.amazonaws.com"], actions=["sts:AssumeRole", "sts:TagSession"]))


def node_trust() -> str:
    """EC2 instances assume the role."""
    return document(trust(["ec2.amazonaws.com"]))
