"""No role is an administrator, on AWS or in the cluster."""

import re
from collections.abc import Iterator

from policies.exceptions import CLUSTER_ROLES
from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import at, rows, texts

ADMIN_POLICIES = re.compile(
    r"arn:[\w-]+:iam::aws:policy/(.+/)?(AdministratorAccess(-\w+)?|PowerUserAccess|\w*FullAccess(V2)?)"
)
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"


@resource_rule(
    "iam-no-admin",
    "No role, user or group has an administrator's policy.",
    "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
def no_admin(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Attachments of AWS's own policies that allow everything, or everything of a service."""
    attached = [at(resource.props, "policyArn"), *rows(resource.props, "policyArns")]
    attached += rows(resource.props, "managedPolicyArns")
    for arn in attached:
        if isinstance(arn, str) and ADMIN_POLICIES.fullmatch(arn):
            yield (
                f"{resource.name} attaches {arn.rpartition('/')[2]}. Give the role a policy of its own with the "
                f"actions and resources that it needs (components/iam.py)."
            )


@resource_rule(
    "cluster-no-admin",
    "No Kubernetes role allows everything, and none is bound to cluster-admin.",
    f"{RBAC}ClusterRole",
    f"{RBAC}Role",
    f"{RBAC}ClusterRoleBinding",
    f"{RBAC}RoleBinding",
)
def no_cluster_admin(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Bindings to cluster-admin, and rules with a wildcard."""
    if at(resource.props, "roleRef.name") == "cluster-admin":
        yield f"{resource.name} binds cluster-admin. Bind a role with the verbs and resources that are needed."
    if at(resource.props, "metadata.name") in CLUSTER_ROLES:
        return
    for rule in rows(resource.props, "rules"):
        for path, text in texts(rule):
            if text == "*" and not path.startswith("nonResourceURLs"):
                yield (
                    f"{resource.name} has a rule with `*` in {path}. Name the groups, resources and verbs, or give the "
                    f"role its reason in CLUSTER_ROLES of policies/exceptions.py."
                )
