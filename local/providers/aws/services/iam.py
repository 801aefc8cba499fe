"""Identities and their policies."""

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
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
            {"RoleName": "$id", "Description": "$description!", "MaxSessionDuration": "$maxSessionDuration"},
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

ROLE_POLICY = Resource(
    type="aws:iam/rolePolicy:RolePolicy",
    service="iam",
    regional=False,
    docs=page("rolepolicy", "iam"),
    id="{role}:{name}",
    properties=(
        Property("role", required=True, replaces=REPLACES, path="RoleName"),
        Property("name", replaces=REPLACES, autoname=128, path="PolicyName"),
        Property("policy", "json", required=True, path="PolicyDocument"),
    ),
    create=Call("PutRolePolicy", {"RoleName": "$role", "PolicyName": "$name", "PolicyDocument": "$policy"}),
    reads=(Read("GetRolePolicy", {"RoleName": "$role", "PolicyName": "$name"}, gone=_GONE),),
    updates=(
        Call(
            "PutRolePolicy",
            {"RoleName": "$role", "PolicyName": "$name", "PolicyDocument": "$policy"},
            on=("policy",),
        ),
    ),
    delete=(Call("DeleteRolePolicy", {"RoleName": "$role", "PolicyName": "$name"}, ignore=_GONE),),
    stable=(),
    unique=("role", "name"),
)

ROLE_POLICY_ATTACHMENT = Resource(
    type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    service="iam",
    regional=False,
    docs=page("rolepolicyattachment", "iam"),
    id="{role}/{policyArn}",
    properties=(
        Property("role", required=True, replaces=REPLACES),
        Property("policyArn", required=True, replaces=REPLACES),
    ),
    create=Call("AttachRolePolicy", {"RoleName": "$role", "PolicyArn": "$policyArn"}),
    reads=(
        Read(
            "ListAttachedRolePolicies",
            {"RoleName": "$role", "MaxItems": 1000},
            "AttachedPolicies[?PolicyArn == '$policyArn'] | [0]",
            gone=_GONE,
        ),
    ),
    delete=(Call("DetachRolePolicy", {"RoleName": "$role", "PolicyArn": "$policyArn"}, ignore=_GONE),),
    stable=(),
    unique=("role", "policyArn"),
)

_MOST_VERSIONS = 5
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (versions per managed policy)"""


def _versions(context: Context) -> list[str]:
    """The policy's versions that are not in force, oldest first."""
    versions = context.call("ListPolicyVersions", {"PolicyArn": context.id})["Versions"]
    old = [each for each in versions if not each["IsDefaultVersion"]]
    return [each["VersionId"] for each in sorted(old, key=lambda each: int(each["VersionId"][1:]))]


def _put_policy_version(context: Context) -> None:
    old = _versions(context)
    if len(old) >= _MOST_VERSIONS - 1:
        context.call("DeletePolicyVersion", {"PolicyArn": context.id, "VersionId": old[0]})
    context.call(
        "CreatePolicyVersion",
        {"PolicyArn": context.id, "PolicyDocument": context.new["policy"], "SetAsDefault": True},
    )


def _delete_old_versions(context: Context) -> None:
    try:
        for version in _versions(context):
            context.call("DeletePolicyVersion", {"PolicyArn": context.id, "VersionId": version})
    except AwsError as error:
        if error.code not in _GONE:
            raise


POLICY = Resource(
    type="aws:iam/policy:Policy",
    service="iam",
    regional=False,
    docs=page("policy", "iam"),
    id="answer:Policy.Arn",
    properties=(
        Property("name", replaces=REPLACES, autoname=128, path="PolicyName"),
        Property("path", default="/", replaces=REPLACES),
        Property("description", replaces=REPLACES),
        Property("policy", "json", required=True, path="document"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreatePolicy",
        {"PolicyName": "$name", "Path": "$path", "Description": "$description", "PolicyDocument": "$policy"},
    ),
    reads=(
        Read("GetPolicy", {"PolicyArn": "$id"}, "Policy", gone=_GONE),
        Read(
            "GetPolicyVersion",
            {"PolicyArn": "$id", "VersionId": "$document.DefaultVersionId"},
            "PolicyVersion.Document",
            into="document",
        ),
    ),
    updates=(Function(_put_policy_version, on=("policy",)),),
    delete=(Function(_delete_old_versions), Call("DeletePolicy", {"PolicyArn": "$id"}, ignore=_GONE)),
    outputs={"arn": "Arn", "policyId": "PolicyId", "attachmentCount": "AttachmentCount"},
    stable=("arn", "policyId"),
    tagging=_tags("Policy", "PolicyArn", "$id"),
    unique=("name", "path"),
)


def _change_profile_role(context: Context) -> None:
    before, after = context.old.get("role"), context.new.get("role")
    if before:
        context.call("RemoveRoleFromInstanceProfile", {"InstanceProfileName": context.id, "RoleName": before})
    if after:
        context.call("AddRoleToInstanceProfile", {"InstanceProfileName": context.id, "RoleName": after})


INSTANCE_PROFILE = Resource(
    type="aws:iam/instanceProfile:InstanceProfile",
    service="iam",
    regional=False,
    docs=page("instanceprofile", "iam"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=128, path="InstanceProfileName"),
        Property("path", default="/", replaces=REPLACES),
        Property("role", path="Roles[0].RoleName"),
        Property("tags", "map"),
    ),
    create=Call("CreateInstanceProfile", {"InstanceProfileName": "$name", "Path": "$path"}),
    reads=(Read("GetInstanceProfile", {"InstanceProfileName": "$id"}, "InstanceProfile", gone=_GONE),),
    updates=(Function(_change_profile_role, on=("role",), at_create=True),),
    delete=(
        Call(
            "RemoveRoleFromInstanceProfile",
            {"InstanceProfileName": "$id", "RoleName": "$role"},
            if_set="role",
            ignore=_GONE,
        ),
        Call("DeleteInstanceProfile", {"InstanceProfileName": "$id"}, ignore=_GONE),
    ),
    outputs={"arn": "Arn", "uniqueId": "InstanceProfileId", "createDate": "CreateDate"},
    stable=("arn", "uniqueId", "createDate"),
    tagging=_tags("InstanceProfile", "InstanceProfileName", "$id"),
    unique=("name",),
)

TYPES = (ROLE, ROLE_POLICY, ROLE_POLICY_ATTACHMENT, POLICY, INSTANCE_PROFILE)
