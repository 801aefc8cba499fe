"""Who may use a cluster, and what AWS adds to it: access entries, policies, add-ons, pod identities."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.services.eks import EKS_TAGS, GONE
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

_ENTRY = {"clusterName": "$clusterName", "principalArn": "$principalArn"}


def _tags_of(arn: str) -> Tagging:
    return Tagging(
        member="tags",
        style="map",
        path="tags",
        add=Call("TagResource", {"resourceArn": f"${arn}", "tags": "$tags"}),
        remove=Call("UntagResource", {"resourceArn": f"${arn}", "tagKeys": "$tagKeys"}),
    )


ACCESS_ENTRY = Resource(
    type="aws:eks/accessEntry:AccessEntry",
    service="eks",
    docs=page("accessentry", "eks"),
    id="{clusterName}:{principalArn}",
    properties=(
        Property("clusterName", required=True, replaces=REPLACES),
        Property("principalArn", required=True, replaces=REPLACES),
        Property("kubernetesGroups", "set", computed=True),
        Property("type", default="STANDARD", replaces=REPLACES),
        Property("userName", computed=True, path="username"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateAccessEntry",
        {**_ENTRY, "kubernetesGroups": "$kubernetesGroups", "type": "$type", "username": "$userName"},
    ),
    reads=(Read("DescribeAccessEntry", _ENTRY, "accessEntry", gone=GONE),),
    updates=(
        Call(
            "UpdateAccessEntry",
            {**_ENTRY, "kubernetesGroups": "$kubernetesGroups", "username": "$userName"},
            on=("kubernetesGroups", "userName"),
        ),
    ),
    delete=(Call("DeleteAccessEntry", _ENTRY, ignore=GONE),),
    outputs={"accessEntryArn": "accessEntryArn", "createdAt": "createdAt", "modifiedAt": "modifiedAt"},
    stable=("accessEntryArn", "createdAt"),
    tagging=_tags_of("accessEntryArn"),
    unique=("clusterName", "principalArn"),
)

ACCESS_POLICY_ASSOCIATION = Resource(
    type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    service="eks",
    docs=page("accesspolicyassociation", "eks"),
    id="{clusterName}#{principalArn}#{policyArn}",
    properties=(
        Property("clusterName", required=True, replaces=REPLACES),
        Property("principalArn", required=True, replaces=REPLACES),
        Property("policyArn", required=True, replaces=REPLACES),
        Property(
            "accessScope",
            "block",
            required=True,
            replaces=REPLACES,
            fields=(Property("type", required=True), Property("namespaces", "set")),
        ),
    ),
    create=Call("AssociateAccessPolicy", {**_ENTRY, "policyArn": "$policyArn", "accessScope": "$accessScope"}),
    reads=(
        Read(
            "ListAssociatedAccessPolicies",
            _ENTRY,
            "associatedAccessPolicies[?policyArn == '$policyArn'] | [0]",
            gone=GONE,
        ),
    ),
    delete=(Call("DisassociateAccessPolicy", {**_ENTRY, "policyArn": "$policyArn"}, ignore=GONE),),
    outputs={"associatedAt": "associatedAt", "modifiedAt": "modifiedAt"},
    stable=("associatedAt",),
    unique=("clusterName", "principalArn", "policyArn"),
)

_ADDON = {"clusterName": "$clusterName", "addonName": "$addonName"}


def _tell_pod_identities(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """DescribeAddon names its associations by ARN; the program by role and service account."""
    result: list[dict[str, Any]] = []
    for arn in document.get("podIdentityAssociations") or []:
        found = context.call(
            "DescribePodIdentityAssociation",
            {"clusterName": document["clusterName"], "associationId": str(arn).rpartition("/")[2]},
        )["association"]
        result.append({"roleArn": found["roleArn"], "serviceAccount": found["serviceAccount"]})
    actual["podIdentityAssociations"] = result or None


def _update_addon(context: Context) -> None:
    params: dict[str, Any] = {**_ADDON, "resolveConflicts": "$resolveConflictsOnUpdate"}
    for name in ("addonVersion", "configurationValues", "podIdentityAssociations", "serviceAccountRoleArn"):
        if name in context.changed or name == "serviceAccountRoleArn":
            params[name] = f"${name}"
    if "serviceAccountRoleArn" in context.changed and not context.new.get("serviceAccountRoleArn"):
        raise AwsError(f"{context.subject}: EKS cannot take the role from an add-on; replace the add-on instead.")
    if "podIdentityAssociations" in context.changed and not context.new.get("podIdentityAssociations"):
        params["podIdentityAssociations"] = []
    context.take(Call("UpdateAddon", params))


ADDON = Resource(
    type="aws:eks/addon:Addon",
    service="eks",
    docs=page("addon", "eks"),
    id="{clusterName}:{addonName}",
    properties=(
        Property("clusterName", required=True, replaces=REPLACES),
        Property("addonName", required=True, replaces=REPLACES),
        Property("addonVersion", computed=True),
        Property("configurationValues", "json", computed=True),
        Property("serviceAccountRoleArn"),
        Property(
            "podIdentityAssociations",
            "blockset",
            fields=(Property("roleArn", required=True), Property("serviceAccount", required=True)),
        ),
        Property("resolveConflictsOnCreate", path=""),
        Property("resolveConflictsOnUpdate", path=""),
        Property("preserve", path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateAddon",
        {
            **_ADDON,
            "addonVersion": "$addonVersion",
            "configurationValues": "$configurationValues",
            "serviceAccountRoleArn": "$serviceAccountRoleArn",
            "podIdentityAssociations": "$podIdentityAssociations",
            "resolveConflicts": "$resolveConflictsOnCreate",
        },
    ),
    reads=(Read("DescribeAddon", _ADDON, "addon", gone=GONE),),
    updates=(
        Function(
            _update_addon,
            on=("addonVersion", "configurationValues", "serviceAccountRoleArn", "podIdentityAssociations"),
        ),
    ),
    delete=(Call("DeleteAddon", {**_ADDON, "preserve": "$preserve"}, ignore=GONE),),
    outputs={"arn": "addonArn", "createdAt": "createdAt", "modifiedAt": "modifiedAt"},
    shape=_tell_pod_identities,
    stable=("arn", "createdAt"),
    tagging=EKS_TAGS,
    created=Wait("status", ("ACTIVE", "DEGRADED"), ("CREATE_FAILED",), "health.issues[0].message", 1200),
    updated=Wait("status", ("ACTIVE", "DEGRADED"), ("UPDATE_FAILED",), "health.issues[0].message", 1200),
    deleted_timeout_s=2400,
    unique=("clusterName", "addonName"),
)


def _pod_identity_from_id(context: Context) -> Mapping[str, Any]:
    cluster, separator, association = context.id.partition(",")
    if not separator:
        raise AwsError(f"{context.resource.type}: the id {context.id!r} does not have the form 'cluster,association'.")
    return {"id": association, "clusterName": cluster}


POD_IDENTITY_ASSOCIATION = Resource(
    type="aws:eks/podIdentityAssociation:PodIdentityAssociation",
    service="eks",
    docs=page("podidentityassociation", "eks"),
    id="answer:association.associationId",
    import_id=_pod_identity_from_id,
    properties=(
        Property("clusterName", required=True, replaces=REPLACES),
        Property("namespace", required=True, replaces=REPLACES),
        Property("serviceAccount", required=True, replaces=REPLACES),
        Property("roleArn", required=True),
        Property("targetRoleArn"),
        Property("disableSessionTags", default=False),
        Property("tags", "map"),
    ),
    create=Call(
        "CreatePodIdentityAssociation",
        {
            "clusterName": "$clusterName",
            "namespace": "$namespace",
            "serviceAccount": "$serviceAccount",
            "roleArn": "$roleArn",
            "targetRoleArn": "$targetRoleArn",
            "disableSessionTags": "$disableSessionTags",
        },
    ),
    reads=(
        Read(
            "DescribePodIdentityAssociation",
            {"clusterName": "$clusterName", "associationId": "$id"},
            "association",
            gone=GONE,
        ),
    ),
    updates=(
        Call(
            "UpdatePodIdentityAssociation",
            {
                "clusterName": "$clusterName",
                "associationId": "$id",
                "roleArn": "$roleArn",
                "targetRoleArn": "$targetRoleArn!",
                "disableSessionTags": "$disableSessionTags",
            },
            on=("roleArn", "targetRoleArn", "disableSessionTags"),
        ),
    ),
    delete=(
        Call(
            "DeletePodIdentityAssociation",
            {"clusterName": "$clusterName", "associationId": "$id"},
            ignore=GONE,
        ),
    ),
    outputs={"associationArn": "associationArn", "associationId": "associationId", "externalId": "externalId"},
    stable=("associationArn", "associationId"),
    tagging=_tags_of("associationArn"),
    unique=("clusterName", "namespace", "serviceAccount"),
)

TYPES = (ACCESS_ENTRY, ACCESS_POLICY_ASSOCIATION, ADDON, POD_IDENTITY_ASSOCIATION)
