"""Access entries and the access policies associated with them.

An entry says which IAM principal may authenticate and under which Kubernetes user name and groups; an access policy is
what EKS itself authorizes (https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html). The webhooks in
`local.aws_server.kubernetes` read the same records.
"""

import re
import uuid
from typing import Any

from local.aws_server.eks.access_policies import POLICIES, POLICY_PREFIX
from local.aws_server.eks.common import (
    child_key,
    children,
    cluster_of,
    eks_operation,
    in_use,
    invalid,
    not_found,
    now,
    page,
)
from local.aws_server.identity import identity_of, principal_exists
from local.aws_server.operations import Call, ServiceError

ENTRY = "eks-access-entry"
"""Kind of an entry's record; its associated policies are the member `policies`, by ARN."""

_NODE_USER, _NODE_GROUPS = "system:node:{{EC2PrivateDNSName}}", ["system:nodes"]
_TYPES: dict[str, tuple[str, list[str]]] = {
    "STANDARD": ("", []),
    "EC2": (_NODE_USER, _NODE_GROUPS),
    "EC2_LINUX": (_NODE_USER, _NODE_GROUPS),
    "EC2_WINDOWS": (_NODE_USER, [*_NODE_GROUPS, "eks:kube-proxy-windows"]),
    "FARGATE_LINUX": ("system:node:{{SessionName}}", ["system:node-proxier", *_NODE_GROUPS]),
    "HYBRID_LINUX": ("system:node:{{SessionName}}", _NODE_GROUPS),
    "HYPERPOD_LINUX": ("system:node:{{SessionName}}", _NODE_GROUPS),
}
_RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")
_PRINCIPAL = re.compile(r"arn:aws:iam::(\d{12}):(role|user)/(.+)")


def bootstrap(call: Call, cluster: dict[str, Any]) -> None:
    """The entries that EKS makes by itself: the creator's (unless told not to), and the one of Auto Mode's nodes."""
    if cluster["accessConfig"]["bootstrapClusterCreatorAdminPermissions"]:
        identity = identity_of(call.account_id, call.access_key_id)
        if identity is not None:
            entry = _entry(call, cluster["name"], identity.principal_arn, "STANDARD", {})
            _associate(
                call, entry, f"{POLICY_PREFIX}AmazonEKSClusterAdminPolicy", {"type": "cluster", "namespaces": []}
            )
    if cluster["computeConfig"].get("enabled") and (role := cluster["computeConfig"].get("nodeRoleArn")):
        entry = _entry(call, cluster["name"], role, "EC2", {})
        _associate(call, entry, f"{POLICY_PREFIX}AmazonEKSAutoNodePolicy", {"type": "cluster", "namespaces": []})


def let_nodes_in(call: Call, cluster: dict[str, Any], role_arn: str) -> None:
    """The entry that EKS makes for the role of a managed node group, if it has none yet."""
    if call.server.records.get(ENTRY, child_key(call, cluster["name"], role_arn)) is None:
        _entry(call, cluster["name"], role_arn, "EC2_LINUX", {})


def _key(call: Call, entry: dict[str, Any]) -> str:
    return child_key(call, entry["clusterName"], entry["principalArn"])


def _entry(call: Call, cluster_name: str, principal: str, kind: str, params: dict[str, Any]) -> dict[str, Any]:
    match = _PRINCIPAL.fullmatch(principal)
    assert match is not None
    account_id, what, path = match.groups()
    name = path.rpartition("/")[2]
    standard = f"arn:aws:sts::{account_id}:assumed-role/{name}/{{{{SessionName}}}}" if what == "role" else principal
    user, groups = _TYPES[kind]
    record = {
        "clusterName": cluster_name,
        "principalArn": principal,
        "kubernetesGroups": params.get("kubernetesGroups") or groups,
        "accessEntryArn": call.arn(f"access-entry/{cluster_name}/{what}/{account_id}/{name}/{uuid.uuid4()}"),
        "createdAt": now(),
        "modifiedAt": now(),
        "tags": params.get("tags", {}),
        "username": params.get("username") or user or standard,
        "type": kind,
        "policies": {},
    }
    call.server.records.put(ENTRY, _key(call, record), record)
    return record


def _associate(call: Call, entry: dict[str, Any], policy_arn: str, scope: dict[str, Any]) -> dict[str, Any]:
    before = entry["policies"].get(policy_arn)
    association = {
        "policyArn": policy_arn,
        "accessScope": scope,
        "associatedAt": before["associatedAt"] if before else now(),
        "modifiedAt": now(),
    }
    policies = entry["policies"] | {policy_arn: association}
    call.server.records.put(ENTRY, _key(call, entry), entry | {"policies": policies, "modifiedAt": now()})
    return association


def _find(call: Call) -> dict[str, Any]:
    cluster_name, principal = call.params["clusterName"], call.params["principalArn"]
    cluster_of(call, cluster_name)
    entry = call.server.records.get(ENTRY, child_key(call, cluster_name, principal))
    if entry is None:
        raise not_found(f"The specified principalArn could not be found: {principal}")
    return entry


def _check_names(params: dict[str, Any], kind: str) -> None:
    if kind != "STANDARD" and (params.get("kubernetesGroups") or params.get("username")):
        raise invalid(f"The kubernetesGroups and username of an access entry of type {kind} cannot be set.")
    for group in params.get("kubernetesGroups") or ():
        if group.startswith(_RESERVED):
            raise invalid(f"The kubernetes group name {group} is invalid, it cannot start with {', '.join(_RESERVED)}")
    if (user := params.get("username")) and user.startswith(_RESERVED):
        raise invalid(f"The username {user} is invalid, it cannot start with {', '.join(_RESERVED)}")


@eks_operation("CreateAccessEntry")
def create_access_entry(call: Call) -> dict[str, Any]:
    params = call.params
    cluster = cluster_of(call, params["clusterName"])
    principal, kind = params["principalArn"], params.get("type") or "STANDARD"
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise ServiceError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation.",
        )
    if kind not in _TYPES:
        raise invalid(f"The type {kind} is none of {', '.join(_TYPES)}.")
    if not _PRINCIPAL.fullmatch(principal):
        raise invalid(f"The specified principalArn is invalid: {principal} names no IAM role or user.")
    if not principal_exists(principal):
        raise invalid(f"The specified principalArn is invalid: invalid principal. {principal} does not exist.")
    if call.server.records.get(ENTRY, child_key(call, cluster["name"], principal)):
        raise in_use("The specified access entry resource is already in use on this cluster.")
    _check_names(params, kind)
    return {"accessEntry": _entry(call, cluster["name"], principal, kind, params)}


@eks_operation("DescribeAccessEntry")
def describe_access_entry(call: Call) -> dict[str, Any]:
    return {"accessEntry": _find(call)}


@eks_operation("ListAccessEntries")
def list_access_entries(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    policy = call.params.get("associatedPolicyArn")
    entries = children(call, ENTRY, call.params["clusterName"])
    return page(
        call, [entry["principalArn"] for entry in entries if not policy or policy in entry["policies"]], "accessEntries"
    )


@eks_operation("UpdateAccessEntry")
def update_access_entry(call: Call) -> dict[str, Any]:
    entry = _find(call)
    _check_names(call.params, entry["type"])
    names = ("kubernetesGroups", "username")
    given = {name: call.params[name] for name in names if call.params.get(name) is not None}
    changed = entry | given | {"modifiedAt": now()}
    call.server.records.put(ENTRY, _key(call, entry), changed)
    return {"accessEntry": changed}


@eks_operation("DeleteAccessEntry")
def delete_access_entry(call: Call) -> dict[str, Any]:
    call.server.records.delete(ENTRY, _key(call, _find(call)))
    return {}


@eks_operation("AssociateAccessPolicy")
def associate_access_policy(call: Call) -> dict[str, Any]:
    entry = _find(call)
    arn, scope = call.params["policyArn"], call.params["accessScope"]
    if arn.removeprefix(POLICY_PREFIX) not in POLICIES:
        raise invalid(f"The policyArn parameter format is not valid: {arn} is no EKS access policy.")
    if entry["type"] not in ("STANDARD", "EC2"):
        raise invalid(f"Access policies cannot be associated with an access entry of type {entry['type']}.")
    scope = {"type": scope.get("type", "cluster"), "namespaces": scope.get("namespaces") or []}
    if (scope["type"] == "namespace") != bool(scope["namespaces"]):
        raise invalid("accessScope.namespaces must be given when, and only when, accessScope.type is namespace.")
    association = _associate(call, entry, arn, scope)
    return {
        "clusterName": entry["clusterName"],
        "principalArn": entry["principalArn"],
        "associatedAccessPolicy": association,
    }


@eks_operation("DisassociateAccessPolicy")
def disassociate_access_policy(call: Call) -> dict[str, Any]:
    entry = _find(call)
    if call.params["policyArn"] not in entry["policies"]:
        raise not_found(f"The specified policyArn could not be found: {call.params['policyArn']}")
    policies = {arn: value for arn, value in entry["policies"].items() if arn != call.params["policyArn"]}
    call.server.records.put(ENTRY, _key(call, entry), entry | {"policies": policies, "modifiedAt": now()})
    return {}


@eks_operation("ListAssociatedAccessPolicies")
def list_associated_access_policies(call: Call) -> dict[str, Any]:
    entry = _find(call)
    answer = page(call, list(entry["policies"].values()), "associatedAccessPolicies")
    return answer | {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"]}


@eks_operation("ListAccessPolicies")
def list_access_policies(call: Call) -> dict[str, Any]:
    return page(call, [{"name": name, "arn": POLICY_PREFIX + name} for name in POLICIES], "accessPolicies")
