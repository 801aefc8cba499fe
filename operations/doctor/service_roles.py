"""Service-linked roles: those that the platform's services need, and who makes them.

A service makes its role when it is first used, with the rights of whoever uses it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.settings import Settings
from operations.calls import code_of
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Subject

CHECK = "service role"
ACTION = "iam:CreateServiceLinkedRole"


@dataclass(frozen=True, kw_only=True)
class ServiceRole:
    """A service-linked role.

    service: whose it is. name: of the role. wanted: whether the settings need it. by_cluster: the cluster's role has it
    made (AmazonEKSComputePolicy, AmazonEKSLoadBalancingPolicy), and not whoever runs `up`. needed: `up` does not come
    to its end without.
    """

    service: str
    name: str
    wanted: Callable[[Settings], bool]
    by_cluster: bool = False
    needed: bool = True


ROLES = (
    # https://docs.aws.amazon.com/eks/latest/userguide/using-service-linked-roles-eks.html
    ServiceRole(service="eks.amazonaws.com", name="AWSServiceRoleForAmazonEKS", wanted=lambda _: True),
    # https://docs.aws.amazon.com/eks/latest/userguide/using-service-linked-roles-eks-nodegroups.html
    ServiceRole(
        service="eks-nodegroup.amazonaws.com",
        name="AWSServiceRoleForAmazonEKSNodegroup",
        wanted=lambda settings: any(pool.kind == "managed" for pool in settings.node_pools),
    ),
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
    ServiceRole(
        service="autoscaling.amazonaws.com",
        name="AWSServiceRoleForAutoScaling",
        wanted=lambda settings: any(pool.kind == "managed" for pool in settings.node_pools),
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html
    ServiceRole(
        service="elasticloadbalancing.amazonaws.com",
        name="AWSServiceRoleForElasticLoadBalancing",
        wanted=lambda settings: settings.tracking.kind == "cluster",
        by_cluster=True,
    ),
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
    ServiceRole(
        service="spot.amazonaws.com",
        name="AWSServiceRoleForEC2Spot",
        wanted=lambda settings: any("spot" in pool.capacity for pool in settings.node_pools),
        by_cluster=True,
        needed=False,
    ),
    # https://docs.aws.amazon.com/prometheus/latest/userguide/using-service-linked-roles.html
    ServiceRole(
        service="scraper.aps.amazonaws.com",
        name="AWSServiceRoleForAmazonPrometheusScraper",
        wanted=lambda settings: settings.monitoring.prometheus,
    ),
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html
    ServiceRole(
        service="rds.amazonaws.com",
        name="AWSServiceRoleForRDS",
        wanted=lambda settings: settings.tracking.kind == "cluster",
    ),
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/slr-pullthroughcache.html
    ServiceRole(
        service="pullthroughcache.ecr.amazonaws.com",
        name="AWSServiceRoleForECRPullThroughCache",
        wanted=lambda settings: bool(settings.guardrails.image_cache.upstreams),
        needed=False,
    ),
)


def check_service_roles(subject: Subject) -> Iterator[Finding]:
    """Each role that the settings need: it is there, or whoever uses the service first may have it made."""
    iam = subject.client("iam")
    there: list[str] = []
    for role in ROLES:
        if not role.wanted(subject.settings):
            continue
        if iam.list_roles(PathPrefix=f"/aws-service-role/{role.service}/", MaxItems=1)["Roles"]:
            there.append(role.service)
        else:
            yield _missing(subject, iam, role)
    if there:
        yield ok(CHECK, "IAM", f"there for {', '.join(there)}")


def _missing(subject: Subject, iam: Any, role: ServiceRole) -> Finding:
    text = f"{role.name} is not there yet"
    if role.by_cluster:
        return ok(CHECK, "IAM", f"{text}: the cluster's own role has it made")
    mend = subject.aws(f"iam create-service-linked-role --aws-service-name {role.service}")
    may, why = _may_create(subject, iam, role)
    if may:
        return ok(CHECK, "IAM", f"{text}: {role.service} makes it at its first use, which the caller may have done")
    if may is None:
        return warning(CHECK, "IAM", f"{text}, and whether the caller may have it made is not known: {why}", mend)
    text = f"{text}, and the caller may not have it made ({ACTION})"
    tell = failure if role.needed else warning
    return tell(CHECK, "IAM", text, f"somebody who may: {mend}")


def _may_create(subject: Subject, iam: Any, role: ServiceRole) -> tuple[bool | None, str]:
    """Whether the caller may have the role made, by IAM's own simulator; None and the reason where nobody can tell."""
    identity = subject.identity
    account = f"arn:{identity.partition}:iam::{identity.account}"
    if identity.arn == f"{account}:root":
        return True, ""
    try:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=_policy_source(iam, identity.arn),
            ActionNames=[ACTION],
            ResourceArns=[f"{account}:role/aws-service-role/{role.service}/{role.name}"],
            ContextEntries=[
                {
                    "ContextKeyName": "iam:AWSServiceName",
                    "ContextKeyType": "string",
                    "ContextKeyValues": [role.service],
                }
            ],
        )
    except ClientError as error:
        return None, f"{error.operation_name}: {code_of(error)}"
    return all(result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"]), ""


def _policy_source(iam: Any, arn: str) -> str:
    """What the simulator takes for a caller: the role, with its path, for a session of it."""
    resource = arn.rsplit(":", 1)[1]
    if not resource.startswith("assumed-role/"):
        return arn
    return iam.get_role(RoleName=resource.split("/")[1])["Role"]["Arn"]
