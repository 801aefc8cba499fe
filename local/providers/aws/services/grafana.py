"""Amazon Managed Grafana."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

_GONE = ("ResourceNotFoundException",)
_MEMBERS = {
    "accountAccessType": "accountAccessType",
    "dataSources": "workspaceDataSources",
    "description": "workspaceDescription",
    "name": "workspaceName",
    "networkAccessControl": "networkAccessControl",
    "notificationDestinations": "workspaceNotificationDestinations",
    "organizationRoleName": "organizationRoleName",
    "organizationalUnits": "workspaceOrganizationalUnits",
    "permissionType": "permissionType",
    "roleArn": "workspaceRoleArn",
    "stackSetName": "stackSetName",
    "vpcConfiguration": "vpcConfiguration",
}
"""Property → member of CreateWorkspace and UpdateWorkspace."""
_EMPTY: dict[str, Any] = {
    "dataSources": [],
    "notificationDestinations": [],
    "organizationalUnits": [],
    "description": "",
}
_REMOVED_BY = {"vpcConfiguration": "removeVpcConfiguration", "networkAccessControl": "removeNetworkAccessConfiguration"}


def _no_empty_lists(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """AWS tells an empty list where the program set none."""
    actual.update({name: None for name, value in actual.items() if value == []})


def _update_workspace(context: Context) -> None:
    """Sends what changed; a list that is gone is sent empty, a block that is gone has a switch of its own."""
    params: dict[str, Any] = {"workspaceId": "$id"}
    for name in sorted(context.changed & set(_MEMBERS)):
        if context.new.get(name) is not None:
            params[_MEMBERS[name]] = f"${name}"
        elif name in _REMOVED_BY:
            params[_REMOVED_BY[name]] = True
        elif name in _EMPTY:
            params[_MEMBERS[name]] = _EMPTY[name]
        else:
            raise AwsError(f"{context.subject}: {name} cannot be taken away; set another value.")
    context.take(Call("UpdateWorkspace", params))


WORKSPACE = Resource(
    type="aws:grafana/workspace:Workspace",
    service="grafana",
    docs=page("workspace", "grafana"),
    id="answer:workspace.id",
    properties=(
        Property("accountAccessType", required=True),
        Property("authenticationProviders", required=True, replaces=REPLACES, path="authentication.providers"),
        Property("configuration", "json", computed=True, path="settings.configuration"),
        Property("dataSources"),
        Property("description"),
        Property("grafanaVersion", computed=True),
        Property("kmsKeyId", computed=True, replaces=REPLACES),
        Property("name", autoname=255),
        Property(
            "networkAccessControl",
            "block",
            fields=(Property("prefixListIds", "set", required=True), Property("vpceIds", "set", required=True)),
        ),
        Property("notificationDestinations"),
        Property("organizationRoleName"),
        Property("organizationalUnits"),
        Property("permissionType", required=True),
        Property("roleArn", path="workspaceRoleArn"),
        Property("stackSetName"),
        Property(
            "vpcConfiguration",
            "block",
            fields=(Property("securityGroupIds", "set", required=True), Property("subnetIds", "set", required=True)),
        ),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateWorkspace",
        {
            **{member: f"${name}" for name, member in _MEMBERS.items()},
            "authenticationProviders": "$authenticationProviders",
            "configuration": "$configuration",
            "grafanaVersion": "$grafanaVersion",
            "kmsKeyId": "$kmsKeyId",
        },
    ),
    reads=(
        Read("DescribeWorkspace", {"workspaceId": "$id"}, "workspace", gone=_GONE),
        Read("DescribeWorkspaceConfiguration", {"workspaceId": "$id"}, into="settings", gone=_GONE),
    ),
    updates=(
        Function(_update_workspace, on=tuple(_MEMBERS)),
        Call(
            "UpdateWorkspaceConfiguration",
            {"workspaceId": "$id", "configuration": "$configuration", "grafanaVersion": "$grafanaVersion"},
            on=("configuration", "grafanaVersion"),
        ),
    ),
    delete=(Call("DeleteWorkspace", {"workspaceId": "$id"}, ignore=_GONE),),
    outputs={"endpoint": "endpoint", "samlConfigurationStatus": "authentication.samlConfigurationStatus"},
    shape=_no_empty_lists,
    derived={"arn": "arn:{partition}:grafana:{region}:{account}:/workspaces/{id}"},
    stable=("arn", "endpoint"),
    tagging=Tagging(
        member="tags",
        style="map",
        path="tags",
        add=Call("TagResource", {"resourceArn": "$arn", "tags": "$tags"}),
        remove=Call("UntagResource", {"resourceArn": "$arn", "tagKeys": "$tagKeys"}),
    ),
    created=Wait("status", ("ACTIVE",), ("CREATION_FAILED",)),
    updated=Wait("status", ("ACTIVE",), ("UPDATE_FAILED", "VERSION_UPDATE_FAILED")),
    deleted_timeout_s=1800,
)

_ASSERTIONS = {
    "emailAssertion": "email",
    "groupsAssertion": "groups",
    "loginAssertion": "login",
    "nameAssertion": "name",
    "orgAssertion": "org",
    "roleAssertion": "role",
}


def _configure_saml(context: Context) -> None:
    """Sends the whole configuration, with the providers that the workspace has."""
    workspace = context.call("DescribeWorkspace", {"workspaceId": context.value("workspaceId")})["workspace"]
    saml: dict[str, Any] = {
        "idpMetadata": {"url": "$idpMetadataUrl", "xml": "$idpMetadataXml"},
        "roleValues": {"admin": "$adminRoleValues", "editor": "$editorRoleValues"},
        "allowedOrganizations": "$allowedOrganizations",
        "loginValidityDuration": "$loginValidityDuration",
        "assertionAttributes": {member: f"${name}" for name, member in _ASSERTIONS.items()},
    }
    context.take(
        Call(
            "UpdateWorkspaceAuthentication",
            {
                "workspaceId": "$workspaceId",
                "authenticationProviders": workspace["authentication"]["providers"],
                "samlConfiguration": saml,
            },
        )
    )


SAML = Resource(
    type="aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration",
    service="grafana",
    docs=page("workspacesamlconfiguration", "grafana"),
    id="{workspaceId}",
    properties=(
        Property("workspaceId", required=True, replaces=REPLACES),
        Property("adminRoleValues", path="configuration.roleValues.admin"),
        Property("editorRoleValues", required=True, path="configuration.roleValues.editor"),
        Property("allowedOrganizations", path="configuration.allowedOrganizations"),
        Property("idpMetadataUrl", path="configuration.idpMetadata.url"),
        Property("idpMetadataXml", path="configuration.idpMetadata.xml"),
        Property("loginValidityDuration", computed=True, path="configuration.loginValidityDuration"),
        *(
            Property(
                name,
                computed=name in ("emailAssertion", "loginAssertion", "nameAssertion"),
                path=f"configuration.assertionAttributes.{member}",
            )
            for name, member in _ASSERTIONS.items()
        ),
    ),
    create=Function(_configure_saml),
    reads=(
        Read(
            "DescribeWorkspaceAuthentication",
            {"workspaceId": "$workspaceId"},
            "authentication.[saml] | [?status == 'CONFIGURED'] | [0]",
            gone=_GONE,
        ),
    ),
    updates=(
        Function(
            _configure_saml,
            on=(
                *("adminRoleValues", "editorRoleValues", "allowedOrganizations", "idpMetadataUrl", "idpMetadataXml"),
                *("loginValidityDuration", *_ASSERTIONS),
            ),
        ),
    ),
    outputs={"status": "status"},
    stable=("status",),
    unique=("workspaceId",),
)


def _instructions(action: str, role: str, users: set[str], groups: set[str]) -> list[dict[str, Any]]:
    return [
        {"action": action, "role": role, "users": [{"id": each, "type": kind} for each in sorted(ids)]}
        for kind, ids in (("SSO_USER", users), ("SSO_GROUP", groups))
        if ids
    ]


def _ids(inputs: Any, name: str) -> set[str]:
    return set(inputs.get(name) or ())


def _associate(context: Context) -> None:
    """Takes the role from those who no longer shall have it, and gives it to all who shall."""
    old, new, role = context.old, context.new, context.new["role"]
    users, groups = (_ids(old, name) - _ids(new, name) for name in ("userIds", "groupIds"))
    batch = [
        *_instructions("REVOKE", role, users, groups),
        *_instructions("ADD", role, _ids(new, "userIds"), _ids(new, "groupIds")),
    ]
    _update_permissions(context, batch)


def _dissociate(context: Context) -> None:
    role, users, groups = (context.value(name) for name in ("role", "userIds", "groupIds"))
    _update_permissions(context, _instructions("REVOKE", role, set(users or ()), set(groups or ())))


def _update_permissions(context: Context, batch: list[dict[str, Any]]) -> None:
    if not batch:
        return
    try:
        answer = context.call(
            "UpdatePermissions", {"workspaceId": context.value("workspaceId"), "updateInstructionBatch": batch}
        )
    except AwsError as error:
        if error.code in _GONE and not context.new:
            return
        raise
    for problem in answer["errors"]:
        raise AwsError(f"{context.subject}: {problem['message']}")


ROLE_ASSOCIATION = Resource(
    type="aws:grafana/roleAssociation:RoleAssociation",
    service="grafana",
    docs=page("roleassociation", "grafana"),
    id="{workspaceId}/{role}",
    properties=(
        Property("workspaceId", required=True, replaces=REPLACES, path=""),
        # The provider's own schema updates it; but its id names the role, so here another role is another association.
        Property("role", required=True, replaces="the id is WORKSPACE/ROLE", path="role"),
        Property("groupIds", "set", path="permissions[?user.type == 'SSO_GROUP'].user.id"),
        Property("userIds", "set", path="permissions[?user.type == 'SSO_USER'].user.id"),
    ),
    create=Function(_associate),
    reads=(
        Read(
            "ListPermissions",
            {"workspaceId": "$workspaceId"},
            "permissions[?role == '$role'] | {permissions: @, role: [0].role} | [@] | [?permissions[0]] | [0]",
            gone=_GONE,
        ),
    ),
    updates=(Function(_associate, on=("groupIds", "userIds")),),
    delete=(Function(_dissociate),),
    shape=_no_empty_lists,
    stable=(),
    unique=("workspaceId", "role"),
)

TYPES = (WORKSPACE, SAML, ROLE_ASSOCIATION)
