"""The ceiling of every role that the platform makes: a permissions boundary, and what puts it on each role.

Whoever may create roles is an administrator, unless each role that he creates is bounded by a policy that he cannot
change (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html). The policy belongs to the
account's own stack; the environments' roles carry it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_aws as aws

from components.iam import Statement, allow, document, unscoped, written_with
from components.placement import Placement

BOUNDARY_NAME = "groundwork-boundary"
ROLE_PREFIX = "groundwork-"
"""First part of the name of every role that an environment makes."""

CEILING_SERVICES = (
    *("acm", "application-autoscaling", "aps", "autoscaling", "cloudwatch", "cognito-idp", "ec2", "ec2messages"),
    *(
        "ecr",
        "eks",
        "eks-auth",
        "elasticloadbalancing",
        "events",
        "grafana",
        "kms",
        "logs",
        "pricing",
        "rds",
        "s3",
        "sagemaker",
    ),
    *("sagemaker-mlflow", "secretsmanager", "servicequotas", "shield", "sns", "ssm", "ssmmessages", "tag", "wafv2"),
    "waf-regional",
)
"""Services that roles of an environment use: those that the platform's own policies name, and those of the AWS managed
policies that EKS asks for (load balancers read certificates, Cognito pools, WAF and Shield).

The ceiling names whole services, on every resource: a boundary grants nothing, it cuts what the roles' own policies
grant, and these name each action and resource. What it is there for is what it leaves out: changing IAM, assuming
other roles, organizations, accounts, billing, audit trails, CI."""
SERVICE_LINKED = (
    "elasticloadbalancing.amazonaws.com",
    "sagemaker.application-autoscaling.amazonaws.com",
    "spot.amazonaws.com",
)
"""Service-linked roles that EKS Auto Mode's cluster role may have made (AmazonEKSComputePolicy,
AmazonEKSLoadBalancingPolicy), and the one that scales endpoints, which a team's first such endpoint makes."""
PASSED_TO = ("ec2.amazonaws.com", "sagemaker.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class PermissionsBoundaryArgs:
    """What the boundary needs.

    regions: where bounded roles may do anything at all.
    """

    placement: Placement
    regions: Sequence[str]


class PermissionsBoundary(pulumi.ComponentResource):
    """A managed policy that no role of an environment can exceed."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: PermissionsBoundaryArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:security:PermissionsBoundary", name, None, opts)
        policy = aws.iam.Policy(
            name,
            name=BOUNDARY_NAME,
            description="The most that a role of a Groundwork environment may ever do",
            policy=written_with(
                boundary_policy,
                partition=args.placement.partition,
                account_id=args.placement.account_id,
                regions=list(args.regions),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = policy.arn
        self.register_outputs({"arn": self.arn})


def boundary_arn(placement: Placement) -> pulumi.Output[str]:
    """ARN of the account's boundary, as an environment names it."""
    return pulumi.Output.concat("arn:", placement.partition, ":iam::", placement.account_id, f":policy/{BOUNDARY_NAME}")


def boundary_policy(partition: str, account_id: str, regions: Sequence[str]) -> str:
    """The ceiling: the platform's services in its regions, and of IAM only what nodes and jobs need."""
    iam = f"arn:{partition}:iam::{account_id}"
    return document(
        unscoped(
            "Ceiling",
            [f"{service}:*" for service in CEILING_SERVICES],
            because="a boundary grants nothing; see CEILING_SERVICES",
            conditions={"StringEqualsIfExists": {"aws:RequestedRegion": list(regions)}},
        ),
        # A schedule starts the platform's own functions; nobody bounded makes or changes one.
        allow(
            "StartFunctions",
            ["lambda:InvokeFunction"],
            [f"arn:{partition}:lambda:*:{account_id}:function:groundwork-*"],
        ),
        allow(
            "LookAtPlatformRoles",
            ["iam:GetRole", "iam:GetInstanceProfile"],
            [
                f"{iam}:role/{ROLE_PREFIX}*",
                f"{iam}:instance-profile/*",
            ],
        ),
        allow(
            "PassPlatformRoles",
            ["iam:PassRole"],
            [f"{iam}:role/{ROLE_PREFIX}*"],
            {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}},
        ),
        # Image builders of environments alone: the account's runners are CodeBuild projects too.
        allow(
            "BuildImages",
            ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject", "codebuild:StartBuild"],
            [f"arn:{partition}:codebuild:*:{account_id}:project/{ROLE_PREFIX}*-images"],
        ),
        # EKS Auto Mode puts the node role into instance profiles of its own (AmazonEKSComputePolicy).
        allow("NodesOfAutoMode", ["iam:AddRoleToInstanceProfile"], [f"{iam}:instance-profile/eks*"]),
        allow(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            [f"{iam}:role/aws-service-role/*/AWSServiceRole*"],
            {"StringEquals": {"iam:AWSServiceName": list(SERVICE_LINKED)}},
        ),
        _nobody_leaves(partition, account_id),
    )


def _nobody_leaves(partition: str, account_id: str) -> Statement:
    """Not even a role's own later policies let it into CI's roles, which are not bounded."""
    return {
        "Sid": "KeepOutOfCi",
        "Effect": "Deny",
        "Action": ["iam:PassRole", "sts:AssumeRole", "sts:TagSession"],
        "Resource": [f"arn:{partition}:iam::{account_id}:role/ci-groundwork-*"],
    }


def register_boundary(arn: pulumi.Input[str]) -> None:
    """Put the boundary on every IAM role that is made from here on. Must be called before the first role."""

    def bound(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        properties = cast(dict[str, Any], args.props)
        if args.type_ != "aws:iam/role:Role" or properties.get("permissions_boundary") is not None:
            return None
        return pulumi.ResourceTransformationResult({**properties, "permissions_boundary": arn}, args.opts)

    pulumi.runtime.register_stack_transformation(bound)
