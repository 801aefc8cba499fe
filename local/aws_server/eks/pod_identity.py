"""Pod Identity associations: recorded; the role and its trust policy are checked as the service does."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

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
from local.aws_server.operations import Call, ServiceError

ASSOCIATION = "eks-pod-identity"
_SERVICE = "pods.eks.amazonaws.com"


def _check_role(call: Call, arn: str) -> None:
    try:
        role = call.server.call("iam", "GetRole", {"RoleName": arn.rpartition("/")[2]})["Role"]
    except ServiceError as error:
        raise invalid(f"Role {arn} does not exist: {error.message}") from error
    document = role["AssumeRolePolicyDocument"]
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        actions, principal = statement.get("Action", []), statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if (
            statement.get("Effect") == "Allow"
            and _SERVICE in ([services] if isinstance(services, str) else services)
            and {"sts:AssumeRole", "sts:TagSession"} <= set([actions] if isinstance(actions, str) else actions)
        ):
            return
    raise invalid(f"Trust relationship of role {arn} must allow {_SERVICE} to call sts:AssumeRole and sts:TagSession.")


def _find(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    key = child_key(call, call.params["clusterName"], call.params["associationId"])
    record = call.server.records.get(ASSOCIATION, key)
    if record is None:
        raise not_found(f"No association found with id: {call.params['associationId']}")
    return record


@eks_operation("CreatePodIdentityAssociation")
def create_pod_identity_association(call: Call) -> dict[str, Any]:
    return {"association": create(call, call.params)}


def create(call: Call, wanted: Mapping[str, Any], owner_arn: str | None = None) -> dict[str, Any]:
    """Makes an association; owner_arn: the add-on that it belongs to."""
    cluster_of(call, wanted["clusterName"])
    _check_role(call, wanted["roleArn"])
    for other in children(call, ASSOCIATION, wanted["clusterName"]):
        if (other["namespace"], other["serviceAccount"]) == (wanted["namespace"], wanted["serviceAccount"]):
            raise in_use(f"Association already exists: {other['associationId']}")
    association_id = f"a-{uuid.uuid4().hex[:17]}"
    record = {
        **{name: wanted[name] for name in ("clusterName", "namespace", "serviceAccount", "roleArn")},
        "associationId": association_id,
        "associationArn": call.arn(f"podidentityassociation/{wanted['clusterName']}/{association_id}"),
        "tags": wanted.get("tags", {}),
        "createdAt": now(),
        "modifiedAt": now(),
        "disableSessionTags": wanted.get("disableSessionTags", False),
        **{name: wanted[name] for name in ("targetRoleArn", "policy") if wanted.get(name)},
        **({"ownerArn": owner_arn} if owner_arn else {}),
    }
    call.server.records.put(ASSOCIATION, child_key(call, wanted["clusterName"], association_id), record)
    return record


def replace_owned(
    call: Call, cluster_name: str, namespace: str, owner_arn: str, wanted: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Makes the associations that an add-on is to have, and removes its others; returns their ARNs."""
    for record in children(call, ASSOCIATION, cluster_name):
        if record.get("ownerArn") == owner_arn:
            call.server.records.delete(ASSOCIATION, child_key(call, cluster_name, record["associationId"]))
    return [
        create(call, {**one, "clusterName": cluster_name, "namespace": namespace}, owner_arn)["associationArn"]
        for one in wanted
    ]


@eks_operation("DescribePodIdentityAssociation")
def describe_pod_identity_association(call: Call) -> dict[str, Any]:
    return {"association": _find(call)}


@eks_operation("UpdatePodIdentityAssociation")
def update_pod_identity_association(call: Call) -> dict[str, Any]:
    record = _find(call)
    if role := call.params.get("roleArn"):
        _check_role(call, role)
    names = ("roleArn", "disableSessionTags", "targetRoleArn", "policy")
    given = {name: call.params[name] for name in names if call.params.get(name) is not None}
    changed = record | given | {"modifiedAt": now()}
    call.server.records.put(ASSOCIATION, child_key(call, record["clusterName"], record["associationId"]), changed)
    return {"association": changed}


@eks_operation("DeletePodIdentityAssociation")
def delete_pod_identity_association(call: Call) -> dict[str, Any]:
    record = _find(call)
    if owner := record.get("ownerArn"):
        raise ServiceError(
            "InvalidRequestException", f"The association belongs to the add-on {owner}; update that one instead."
        )
    call.server.records.delete(ASSOCIATION, child_key(call, record["clusterName"], record["associationId"]))
    return {"association": record}


@eks_operation("ListPodIdentityAssociations")
def list_pod_identity_associations(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    found = [
        record
        for record in children(call, ASSOCIATION, call.params["clusterName"])
        if all(call.params.get(name) in (None, record[name]) for name in ("namespace", "serviceAccount"))
    ]
    return page(call, found, "associations")
