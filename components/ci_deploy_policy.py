"""What CI's deploy role of an environment may do: change this environment, and nothing else.

It is held to the environment three times: by name where names are ours (buckets, roles, parameters, images), by the tag
`groundwork:environment` where AWS chooses the name, and by region. Each role that it makes carries the account's
permissions boundary.
"""

from collections.abc import Mapping
from typing import Any

from components.ci_scope import (
    DEPLOYED_SERVICES,
    ENVIRONMENT_TAG,
    GLOBAL_SERVICES,
    NOTHING_ELSEWHERE,
    Elsewhere,
    elsewhere_access,
    state_access,
)
from components.iam import Statement, allow, document, unscoped
from components.permissions_boundary import BOUNDARY_NAME

PASSED_TO = (
    *("ec2.amazonaws.com", "eks.amazonaws.com", "grafana.amazonaws.com"),
    *("pods.eks.amazonaws.com", "rds.amazonaws.com", "sagemaker.amazonaws.com", "scraper.aps.amazonaws.com"),
    *("lambda.amazonaws.com", "scheduler.amazonaws.com"),
    *("codebuild.amazonaws.com", "vpc-flow-logs.amazonaws.com", "cloudtrail.amazonaws.com", "events.amazonaws.com"),
)
SERVICE_LINKED = (
    *("autoscaling.amazonaws.com", "eks.amazonaws.com", "eks-nodegroup.amazonaws.com", "grafana.amazonaws.com"),
    *("elasticloadbalancing.amazonaws.com", "rds.amazonaws.com", "scraper.aps.amazonaws.com", "spot.amazonaws.com"),
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/slr-pullthroughcache.html
    "pullthroughcache.ecr.amazonaws.com",
)
GUARD_CHANGES = (
    *("iam:AttachRolePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion"),
    *("iam:PassRole", "iam:PutRolePolicy", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy"),
    *("sts:AssumeRole", "sts:TagSession"),
)
BOUNDED_ACTIONS = (
    *("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    *("iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
)
"""Actions that IAM lets a policy bind to a boundary
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html)."""
ROLE_ACTIONS = (
    *("iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
    *("iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole"),
    *("iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"),
)
"""What else a role's life consists of. It lets nobody exceed the boundary, which the role keeps."""
POLICY_ACTIONS = (
    *("iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreatePolicy", "iam:CreatePolicyVersion"),
    *("iam:DeleteInstanceProfile", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:GetInstanceProfile"),
    *("iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions", "iam:RemoveRoleFromInstanceProfile"),
    *("iam:TagInstanceProfile", "iam:TagPolicy", "iam:UntagInstanceProfile", "iam:UntagPolicy"),
)


def deploy_services_policy(*, partition: str, region: str, account_id: str, environment: str) -> str:
    """Deploy's services in its region, buckets and images of this environment's names, and nobody else's things."""
    arn = f"arn:{partition}"
    prefix = f"groundwork-{environment}"
    return document(
        unscoped(
            "Services",
            [f"{service}:*" for service in DEPLOYED_SERVICES if service not in ("ecr", "kms")],
            because="see DEPLOYED_SERVICES",
            conditions={"StringEquals": {"aws:RequestedRegion": [region]}},
        ),
        unscoped(
            "GlobalServices",
            [f"{service}:*" for service in GLOBAL_SERVICES],
            because="budgets and anomaly subscriptions live in no region, and have names that AWS chooses",
        ),
        allow("Buckets", ["s3:*"], [f"{arn}:s3:::{prefix}-*", f"{arn}:s3:::{prefix}-*/*"]),
        allow(
            "Images",
            ["ecr:*"],
            [
                f"{arn}:ecr:{region}:{account_id}:repository/groundwork/{environment}/*",
                f"{arn}:ecr:{region}:{account_id}:repository/{prefix}-*",
            ],
        ),
        # By name: the account's runners are projects too.
        allow(
            "ImageBuilder",
            [
                "codebuild:BatchGetProjects",
                "codebuild:CreateProject",
                "codebuild:DeleteProject",
                "codebuild:UpdateProject",
            ],
            [f"{arn}:codebuild:{region}:{account_id}:project/{prefix}-images"],
        ),
        allow(
            "SpendGuard",
            ["lambda:*", "scheduler:*"],
            [
                f"{arn}:lambda:{region}:{account_id}:function:{prefix}-*",
                f"{arn}:scheduler:{region}:{account_id}:schedule/default/{prefix}-*",
            ],
        ),
        unscoped(
            "PullThroughRules",
            [
                "ecr:CreatePullThroughCacheRule",
                "ecr:DeletePullThroughCacheRule",
                "ecr:DescribePullThroughCacheRules",
                "ecr:UpdatePullThroughCacheRule",
                "ecr:ValidatePullThroughCacheRule",
            ],
            because="ECR knows no resource for them",
        ),
        *_keys(arn, region, account_id, environment),
        # RDS keeps its master password in a secret whose name it chooses, with the caller's rights
        # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html).
        allow(
            "DatabaseSecrets",
            ["secretsmanager:CreateSecret", "secretsmanager:DescribeSecret", "secretsmanager:TagResource"],
            [f"{arn}:secretsmanager:{region}:{account_id}:secret:rds!*"],
        ),
        other_environments(environment),
    )


def _keys(arn: str, region: str, account_id: str, environment: str) -> list[Statement]:
    """Keys that were made with this environment's tag; a key of anybody else's is out of reach, tagged or not."""
    kms = f"{arn}:kms:{region}:{account_id}"
    return [
        unscoped(
            "MakeKeys",
            ["kms:CreateKey"],
            because="the key does not exist yet",
            conditions={"StringEquals": {f"aws:RequestTag/{ENVIRONMENT_TAG}": environment}},
        ),
        unscoped("ListKeys", ["kms:ListAliases", "kms:ListKeys"], because="KMS's lists know no resources"),
        allow(
            "OwnKeys",
            ["kms:*"],
            [f"{kms}:key/*"],
            {"StringEquals": {f"aws:ResourceTag/{ENVIRONMENT_TAG}": environment}},
        ),
        allow(
            "OwnAliases",
            ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            [f"{kms}:alias/groundwork-{environment}-*"],
        ),
    ]


def other_environments(environment: str) -> Statement:
    """Denies everything on whatever carries another environment's tag, the account's own things among it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:ResourceTag)
    """
    key = f"aws:ResourceTag/{ENVIRONMENT_TAG}"
    return {
        "Sid": "OtherEnvironments",
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"StringNotEquals": {key: environment}, "Null": {key: "false"}},
    }


def deploy_identities_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    environment: str,
    state_bucket: str | None = None,
    state_key_arn: str | None = None,
    elsewhere: Elsewhere = NOTHING_ELSEWHERE,
) -> str:
    """IAM as far as this environment's own roles go, each of which must carry the account's boundary; and the state.

    Without the condition the role would be an administrator: it could make a role that may do everything and pass it
    to a service. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html (delegation)
    """
    iam = f"arn:{partition}:iam::{account_id}"
    roles = f"{iam}:role/groundwork-{environment}-*"
    boundary = f"{iam}:policy/{BOUNDARY_NAME}"
    bounded: Mapping[str, Mapping[str, Any]] = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    statements = [
        allow("BoundedRoles", list(BOUNDED_ACTIONS), [roles], bounded),
        allow("LookAfterRoles", list(ROLE_ACTIONS), [roles]),
        allow("PassRoles", ["iam:PassRole"], [roles], {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}),
        allow(
            "Policies",
            list(POLICY_ACTIONS),
            [f"{iam}:policy/groundwork-{environment}-*", f"{iam}:instance-profile/groundwork-{environment}-*"],
        ),
        allow("ReadBoundary", ["iam:GetPolicy", "iam:GetPolicyVersion"], [boundary]),
        allow(
            "ServiceLinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            [f"{iam}:role/aws-service-role/*/AWSServiceRole*"],
            {"StringEquals": {"iam:AWSServiceName": list(SERVICE_LINKED)}},
        ),
        {
            "Sid": "KeepTheGuards",
            "Effect": "Deny",
            "Action": list(GUARD_CHANGES),
            "Resource": [boundary, f"{iam}:role/ci-groundwork-*", f"{iam}:oidc-provider/*"],
        },
        {
            "Sid": "KeepTheBoundary",
            "Effect": "Deny",
            "Action": ["iam:DeleteRolePermissionsBoundary"],
            "Resource": ["*"],
        },
    ]
    if state_bucket:
        statements += state_access(partition, environment, state_bucket, state_key_arn, write=True)
    statements += elsewhere_access(partition, region, elsewhere, state_bucket)
    return document(*statements)
