"""What the rules let pass by name, each with its reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

UNSCOPABLE: Mapping[str, tuple[str, ...]] = {
    "application-autoscaling": ("DescribeScalableTargets",),
    "autoscaling": (
        "DescribeAutoScalingGroups",
        "DescribeAutoScalingInstances",
        "DescribeLaunchConfigurations",
        "DescribeScalingActivities",
        "DescribeTags",
    ),
    "cloudwatch": (
        "DescribeAlarmsForMetric",
        "GetMetricData",
        "GetMetricStatistics",
        "ListMetrics",
        "PutMetricData",
    ),
    "ec2": (
        "DescribeAvailabilityZones",
        "DescribeDhcpOptions",
        "DescribeImages",
        "DescribeInstanceTypes",
        "DescribeInstances",
        "DescribeLaunchTemplateVersions",
        "DescribeNetworkInterfaces",
        "DescribeRegions",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVpcs",
    ),
    "ecr": ("GetAuthorizationToken",),
    "logs": ("DescribeLogGroups",),
    "sagemaker": (
        "ListEndpointConfigs",
        "ListEndpoints",
        "ListModelPackageGroups",
        "ListModels",
        "ListProcessingJobs",
        "ListTrainingJobs",
        "ListTransformJobs",
    ),
    "servicequotas": ("ListServiceQuotas",),
    "sts": ("GetCallerIdentity",),
}
"""Actions that AWS lets nobody narrow to a resource, so that their statement must say `*`.

Source: the service authorization reference, https://docs.aws.amazon.com/service-authorization/latest/reference/, which
names no resource type for them; tests/policy/test_exceptions.py looks each one up in it. (For metrics it names one that
they need not be in, a dataset.)
"""


@dataclass(frozen=True, kw_only=True)
class StatementException:
    """A statement that may be wider than the rules let a statement be.

    type: of the resource whose document holds it.
    name: pattern of the resource's logical name.
    sids: of the statements.
    """

    type: str
    name: str
    sids: tuple[str, ...]
    because: str


STATEMENTS: tuple[StatementException, ...] = (
    StatementException(
        type="aws:kms/key:Key",
        name=".+",
        sids=("AccountDecides",),
        because="without kms:* for the account nobody can ever change the key again "
        "(https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)",
    ),
    StatementException(
        type="aws:iam/policy:Policy",
        name="permissions-boundary",
        sids=("CeilingUnscoped",),
        because="a boundary grants nothing: it caps what a role's own policies, which name each action, may grant",
    ),
    StatementException(
        type="aws:iam/policy:Policy",
        name="ci-[a-z0-9-]+-preview-read",
        sids=("ReadUnscoped", "ReadGlobalUnscoped"),
        because="a preview refreshes every kind of resource; the actions are the services' reads, none of them of data",
    ),
    StatementException(
        type="aws:iam/policy:Policy",
        name="ci-[a-z0-9-]+-deploy-services",
        sids=(
            *("ServicesUnscoped", "GlobalServicesUnscoped", "Buckets", "Images", "ImageBuilder", "OwnKeys"),
            "SpendGuard",
            *("PullThroughRulesUnscoped", "MakeKeysUnscoped", "ListKeysUnscoped"),
        ),
        because="a deploy makes, changes and deletes all that an environment is made of; names, tags, the region and "
        "the boundary of every role narrow it (components/ci_deploy_policy.py)",
    ),
    StatementException(
        type="aws:iam/rolePolicy:RolePolicy",
        name="runner-[a-z0-9-]+-role-policy",
        sids=("NetworkInterfacesUnscoped", "AttachToItsSubnets"),
        because="CodeBuild makes its network interfaces with ec2:CreateNetworkInterface on every resource "
        "(https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html)",
    ),
)

DISPOSABLE: Mapping[str, str] = {
    "ci-cache": "CI's cache: what is lost is built again",
    "ci-cache-key": "encrypts CI's cache and logs alone",
}
"""Stateful resources that may go: logical name to reason."""

CLUSTER_ROLES: Mapping[str, str] = {}
"""Kubernetes ClusterRoles that may hold a `*`: name to reason."""


def unscopable(action: str) -> bool:
    """Whether an action, as `service:Name`, is one that AWS lets nobody narrow to a resource."""
    service, _, name = action.partition(":")
    return name in UNSCOPABLE.get(service, ())


def is_excepted(resource_type: str, name: str, sid: str) -> bool:
    """Whether a statement of a resource is one of STATEMENTS."""
    return any(item.type == resource_type and sid in item.sids and re.fullmatch(item.name, name) for item in STATEMENTS)
