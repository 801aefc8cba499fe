"""Workspaces of Amazon Managed Grafana: recorded and checked; no Grafana runs behind their address.

Shapes and limits: https://docs.aws.amazon.com/grafana/latest/APIReference/
"""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.aws_server.identity import principal_exists
from local.aws_server.operations import Call, ServiceError, operation

KIND = "grafana:workspace"
VERSIONS = ("9.4", "10.4", "12.4", "13.2")
"""https://www.pulumi.com/registry/packages/aws/api-docs/grafana/workspace/ (grafanaVersion)"""

_CREATED_AS = {
    "accountAccessType": "accountAccessType",
    "organizationRoleName": "organizationRoleName",
    "permissionType": "permissionType",
    "stackSetName": "stackSetName",
    "workspaceDataSources": "dataSources",
    "workspaceDescription": "description",
    "workspaceName": "name",
    "workspaceNotificationDestinations": "notificationDestinations",
    "workspaceOrganizationalUnits": "organizationalUnits",
    "workspaceRoleArn": "workspaceRoleArn",
    "vpcConfiguration": "vpcConfiguration",
    "networkAccessControl": "networkAccessControl",
    "ipAddressType": "ipAddressType",
}
"""Member of a request → member of the workspace."""
_SAML_DEFAULTS = {"email": "mail", "login": "mail", "name": "displayName"}
"""https://docs.aws.amazon.com/grafana/latest/userguide/authentication-in-AMG-SAML.html"""


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _now() -> datetime:
    return datetime.now(UTC)


def _find(call: Call, workspace_id: str | None = None) -> dict[str, Any]:
    workspace_id = workspace_id or call.params["workspaceId"]
    record = call.server.records.get(KIND, f"{call.region}/{workspace_id}")
    if record is None:
        raise ServiceError("ResourceNotFoundException", f"Workspace {workspace_id} does not exist.", status=404)
    return record


def _put(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    record = {**record, "modified": _now()}
    call.server.records.put(KIND, f"{call.region}/{record['id']}", record)
    return record


def _shown(record: dict[str, Any], status: str = "ACTIVE") -> dict[str, Any]:
    """The workspace as DescribeWorkspace tells it."""
    hidden = ("configuration", "saml", "permissions", "providers")
    authentication: dict[str, Any] = {"providers": record["providers"]}
    if "SAML" in record["providers"]:
        authentication["samlConfigurationStatus"] = "CONFIGURED" if record["saml"] else "NOT_CONFIGURED"
    return {
        **{name: value for name, value in record.items() if name not in hidden},
        "authentication": authentication,
        "status": status,
    }


def _checked(call: Call) -> dict[str, Any]:
    """The members of the workspace that a request sets."""
    params = call.params
    name = params.get("workspaceName")
    if name is not None and not re.fullmatch(r"[a-zA-Z0-9-._~]{1,255}", name):
        raise _invalid(f"workspaceName {name!r} may hold 1 to 255 letters, digits and - . _ ~.")
    role = params.get("workspaceRoleArn")
    if role and not principal_exists(role):
        raise _invalid(f"The role {role} does not exist.")
    return {ours: params[theirs] for theirs, ours in _CREATED_AS.items() if theirs in params}


def _check_configuration(text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _invalid(f"configuration is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise _invalid("configuration must be a JSON object.")
    return text


def _check_version(version: str, before: str | None = None) -> str:
    if version not in VERSIONS:
        raise _invalid(f"Grafana version {version} is not supported; supported are {', '.join(VERSIONS)}.")
    if before is not None and VERSIONS.index(version) < VERSIONS.index(before):
        raise _invalid(f"A workspace cannot go back from Grafana {before} to {version}.")
    return version


@operation("grafana", "CreateWorkspace")
def create_workspace(call: Call) -> dict[str, Any]:
    """A workspace, which is there at once."""
    params = call.params
    if not params["authenticationProviders"]:
        raise _invalid("authenticationProviders names at least one of AWS_SSO and SAML.")
    if params["accountAccessType"] == "ORGANIZATION" and not params.get("workspaceOrganizationalUnits"):
        raise _invalid("accountAccessType ORGANIZATION needs workspaceOrganizationalUnits.")
    workspace_id = f"g-{uuid.uuid4().hex[:10]}"
    record = {
        "id": workspace_id,
        "dataSources": [],
        **_checked(call),
        "endpoint": f"{workspace_id}.grafana-workspace.{call.region}.amazonaws.com",
        "grafanaVersion": _check_version(params.get("grafanaVersion", VERSIONS[-1])),
        "configuration": _check_configuration(params.get("configuration", "{}")),
        "providers": params["authenticationProviders"],
        "saml": None,
        "permissions": {},
        "tags": params.get("tags", {}),
        "created": _now(),
        **({"kmsKeyId": params["kmsKeyId"]} if params.get("kmsKeyId") else {}),
    }
    return {"workspace": _shown(_put(call, record), "CREATING")}


@operation("grafana", "DescribeWorkspace")
def describe_workspace(call: Call) -> dict[str, Any]:
    """The workspace as it is."""
    return {"workspace": _shown(_find(call))}


@operation("grafana", "ListWorkspaces")
def list_workspaces(call: Call) -> dict[str, Any]:
    """All workspaces of the region, on one page."""
    return {"workspaces": [_shown(record) for _, record in call.server.records.items(KIND, f"{call.region}/")]}


@operation("grafana", "UpdateWorkspace")
def update_workspace(call: Call) -> dict[str, Any]:
    """Changes the members that the request has."""
    with call.server.records.lock:
        record = {**_find(call), **_checked(call)}
        if call.params.get("removeVpcConfiguration"):
            record.pop("vpcConfiguration", None)
        if call.params.get("removeNetworkAccessConfiguration"):
            record.pop("networkAccessControl", None)
        return {"workspace": _shown(_put(call, record), "UPDATING")}


@operation("grafana", "DeleteWorkspace")
def delete_workspace(call: Call) -> dict[str, Any]:
    """Takes it away at once."""
    record = _find(call)
    call.server.records.delete(KIND, f"{call.region}/{record['id']}")
    return {"workspace": _shown(record, "DELETING")}


@operation("grafana", "DescribeWorkspaceConfiguration")
def describe_workspace_configuration(call: Call) -> dict[str, Any]:
    """The configuration as it was set."""
    record = _find(call)
    return {"configuration": record["configuration"], "grafanaVersion": record["grafanaVersion"]}


@operation("grafana", "UpdateWorkspaceConfiguration")
def update_workspace_configuration(call: Call) -> dict[str, Any]:
    """Another configuration, and a newer Grafana."""
    with call.server.records.lock:
        record = _find(call)
        version = call.params.get("grafanaVersion")
        changes: dict[str, Any] = {"configuration": _check_configuration(call.params["configuration"])}
        if version:
            changes["grafanaVersion"] = _check_version(version, record["grafanaVersion"])
        _put(call, {**record, **changes})
    return {}


def _authentication(record: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"providers": record["providers"]}
    if "SAML" in record["providers"]:
        saml = record["saml"]
        answer["saml"] = {"status": "CONFIGURED", "configuration": saml} if saml else {"status": "NOT_CONFIGURED"}
    return {"authentication": answer}


@operation("grafana", "DescribeWorkspaceAuthentication")
def describe_workspace_authentication(call: Call) -> dict[str, Any]:
    """How users sign in."""
    return _authentication(_find(call))


@operation("grafana", "UpdateWorkspaceAuthentication")
def update_workspace_authentication(call: Call) -> dict[str, Any]:
    """Other providers, and what a SAML identity provider says."""
    providers, saml = call.params["authenticationProviders"], call.params.get("samlConfiguration")
    with call.server.records.lock:
        record = {**_find(call), "providers": providers}
        if saml:
            if "SAML" not in providers:
                raise _invalid("samlConfiguration needs the authentication provider SAML.")
            metadata = saml["idpMetadata"]
            if bool(metadata.get("url")) == bool(metadata.get("xml")):
                raise _invalid("idpMetadata has either a url or xml.")
            attributes = {**_SAML_DEFAULTS, **saml.get("assertionAttributes", {})}
            record["saml"] = {"loginValidityDuration": 60, **saml, "assertionAttributes": attributes}
        return _authentication(_put(call, record))


@operation("grafana", "UpdatePermissions")
def update_permissions(call: Call) -> dict[str, Any]:
    """Gives users and groups a role, one each, or takes it away."""
    with call.server.records.lock:
        record = _find(call)
        permissions = dict(record["permissions"])
        for instruction in call.params["updateInstructionBatch"]:
            for user in instruction["users"]:
                key = (user["type"], user["id"])
                if instruction["action"] == "ADD":
                    permissions[key] = instruction["role"]
                elif permissions.get(key) == instruction["role"]:
                    del permissions[key]
        _put(call, {**record, "permissions": permissions})
    return {"errors": []}


@operation("grafana", "ListPermissions")
def list_permissions(call: Call) -> dict[str, Any]:
    """Who has which role, all on one page."""
    kind = call.params.get("userType")
    entries = [
        {"user": {"type": user_type, "id": user_id}, "role": role}
        for (user_type, user_id), role in sorted(_find(call)["permissions"].items())
        if kind in (None, user_type)
    ]
    return {"permissions": entries}


def _tagged(call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> dict[str, Any]:
    with call.server.records.lock:
        record = _find(call, call.params["resourceArn"].rpartition("/")[2])
        return _put(call, {**record, "tags": change(record["tags"])})


@operation("grafana", "TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    """Adds or replaces tags."""
    _tagged(call, lambda tags: {**tags, **call.params["tags"]})
    return {}


@operation("grafana", "UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    """Takes tags away."""
    _tagged(call, lambda tags: {key: value for key, value in tags.items() if key not in call.params["tagKeys"]})
    return {}


@operation("grafana", "ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """The tags of a workspace."""
    return {"tags": _find(call, call.params["resourceArn"].rpartition("/")[2])["tags"]}
