"""Identities and their policies."""

from local.providers.aws.context import Context
from local.providers.aws.services.ec2_common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("NoSuchEntity",)


def _tags(kind: str, key: str, value: str) -> Tagging:
    return Tagging(
        member="Tags",
        style="pairs",
        path="Tags",
        add=Call(f"Tag{kind}", {key: value, "Tags": "$tags"}),
        remove=Call(f"Untag{kind}", {key: value, "TagKeys": "$tagKeys"}),
    )


def _detach_policies_if_asked(context: Context) -> None:
    """`forceDetachPolicies`: a role goes even if somebody else attached policies to it."""
    if not context.value("forceDetachPolicies"):
        return
    role = {"RoleName": context.id}
    for policy in context.call("ListAttachedRolePolicies", role)["AttachedPolicies"]:
        context.call("DetachRolePolicy", {**role, "PolicyArn": policy["PolicyArn"]})
    for name in context.call("ListRolePolicies", role)["PolicyNames"]:
        context.call("DeleteRolePolicy", {**role, "PolicyName": name})


ROLE = Resource(
    type="aws:iam/role:Role",
    service="iam",
    regional=False,
    docs=page("role", "iam"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=64, path="RoleName"),
        Property("assumeRolePolicy", "json", required=True, path="AssumeRolePolicyDocument"),
        Property("path", default="/", replaces=REPLACES),
        Property("description"),
        Property("maxSessionDuration", default=3600),
        Property("permissionsBoundary", path="PermissionsBoundary.PermissionsBoundaryArn"),
        Property("forceDetachPolicies", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateRole",
        {
            "RoleName": "$name",
            "AssumeRolePolicyDocument": "$assumeRolePolicy",
            "Path": "$path",
            "Description": "$description",
            "MaxSessionDuration": "$maxSessionDuration",
            "PermissionsBoundary": "$permissionsBoundary",
        },
    ),
    reads=(Read("GetRole", {"RoleName": "$id"}, "Role", gone=_GONE),),
    updates=(
        Call(
            "UpdateAssumeRolePolicy",
            {"RoleName": "$id", "PolicyDocument": "$assumeRolePolicy"},
            on=("assumeRolePolicy",),
        ),
        Call(
            "UpdateRole",
            {"RoleName": "$id", "Description": "$description", "MaxSessionDuration": "$maxSessionDuration"},
            on=("description", "maxSessionDuration"),
        ),
        Call(
            "PutRolePermissionsBoundary",
            {"RoleName": "$id", "PermissionsBoundary": "$permissionsBoundary"},
            on=("permissionsBoundary",),
            if_set="permissionsBoundary",
        ),
        Call(
            "DeleteRolePermissionsBoundary",
            {"RoleName": "$id"},
            on=("permissionsBoundary",),
            if_unset="permissionsBoundary",
        ),
    ),
    delete=(Function(_detach_policies_if_asked), Call("DeleteRole", {"RoleName": "$id"}, ignore=_GONE)),
    outputs={"arn": "Arn", "uniqueId": "RoleId", "createDate": "CreateDate"},
    stable=("arn", "uniqueId", "createDate", "name"),
    tagging=_tags("Role", "RoleName", "$id"),
    unique=("name",),
)

TYPES = (ROLE,)
