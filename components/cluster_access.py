"""How people reach a cluster's private API server, and who may look at it without changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.placement import Placement

VIEW_POLICY = "AmazonEKSViewPolicy"
"""Reads what there is in every namespace, and no Secret. (AmazonEKSAdminViewPolicy reads those too.)
Source: https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html"""
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class ClusterAccessArgs:
    """What access needs.

    cluster_security_group_id: the group that EKS puts before the API server.
    from_vpc: whether to make a group whose members reach the API server.
    viewers: word that an entry is named by, to the ARN of the IAM role or user that looks.
    """

    placement: Placement
    vpc_id: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    from_vpc: bool = False
    viewers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])


class ClusterAccess(pulumi.ComponentResource):
    """A security group that leads to the API server and nowhere else inside the VPC, and read-only access entries.

    Nothing runs for it: whoever needs a shell in the VPC opens one (docs/cluster-access.md) and puts it into the group.
    The group alone lets nobody in: the API server asks each caller for a token of an IAM principal with an entry.
    """

    def __init__(self, name: str, args: ClusterAccessArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ClusterAccess", name, None, opts)
        self._name = name
        if args.from_vpc:
            self._group(args)
        for word, principal in args.viewers.items():
            self._viewer(word, principal, args)
        self.register_outputs({})

    def _group(self, args: ClusterAccessArgs) -> None:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name,
            name=f"{args.placement.prefix}-cluster-access",
            description="Shells that reach the API server of the cluster",
            vpc_id=args.vpc_id,
            # A shell that somebody forgot leaves its interface behind; its rules must not hold up the deletion.
            revoke_rules_on_delete=True,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=group.id,
            description="The API server, and AWS APIs",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            cidr_ipv4="0.0.0.0/0",
            opts=child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-in",
            security_group_id=args.cluster_security_group_id,
            description="Shells of the group cluster-access",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            referenced_security_group_id=group.id,
            opts=child,
        )

    def _viewer(self, word: str, principal: pulumi.Input[str], args: ClusterAccessArgs) -> None:
        entry = aws.eks.AccessEntry(
            f"{self._name}-viewer-{word}",
            cluster_name=args.cluster_name,
            principal_arn=principal,
            type="STANDARD",
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.eks.AccessPolicyAssociation(
            f"{self._name}-viewer-{word}-policy",
            cluster_name=args.cluster_name,
            principal_arn=principal,
            policy_arn=f"arn:{args.placement.partition}:eks::aws:cluster-access-policy/{VIEW_POLICY}",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
        )
