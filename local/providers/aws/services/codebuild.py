"""CI runners: build projects, their webhooks, and the credentials for the forge that they read from."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("ResourceNotFoundException",)
_MEMBERS = {
    "autoRetryLimit": "autoRetryLimit",
    "badgeEnabled": "badgeEnabled",
    "buildTimeout": "timeoutInMinutes",
    "concurrentBuildLimit": "concurrentBuildLimit",
    "description": "description",
    "encryptionKey": "encryptionKey",
    "environment": "environment",
    "artifacts": "artifacts",
    "cache": "cache",
    "logsConfig": "logsConfig",
    "queuedTimeout": "queuedTimeoutInMinutes",
    "serviceRole": "serviceRole",
    "source": "source",
    "sourceVersion": "sourceVersion",
    "vpcConfig": "vpcConfig",
}
"""Property to member of CreateProject and UpdateProject."""
_TAKEN_BACK: Mapping[str, Any] = {
    "cache": {"type": "NO_CACHE"},
    "concurrentBuildLimit": -1,
    "description": "",
    "logsConfig": {"cloudWatchLogs": {"status": "ENABLED"}, "s3Logs": {"status": "DISABLED"}},
    "sourceVersion": "",
    "vpcConfig": {},
}
"""What UpdateProject is sent for a property that is no longer set: a member that is left out stays as it is
(https://docs.aws.amazon.com/codebuild/latest/APIReference/API_UpdateProject.html)."""


def _whole(prop: Property, value: Any) -> Any:
    """A block with the defaults of what its fields leave out: the API has none for them."""
    if prop.kind != "block" or not isinstance(value, Mapping):
        return value
    given = {field.name: _whole(field, value.get(field.name)) for field in prop.fields}
    given |= {field.name: field.default for field in prop.fields if value.get(field.name) is None}
    return {name: each for name, each in given.items() if each is not None}


def _member(context: Context, name: str) -> Any:
    prop = context.resource.property(name)
    assert prop is not None
    return _whole(prop, context.value(name))


def _create_project(context: Context) -> dict[str, Any]:
    members = {member: _member(context, name) for name, member in _MEMBERS.items()}
    given = {member: value for member, value in members.items() if value is not None}
    return context.create(Call("CreateProject", {"name": "$name", **given}))


def _update_project(context: Context) -> None:
    params: dict[str, Any] = {"name": context.new["name"]}
    for name in context.changed & _MEMBERS.keys():
        value = _member(context, name)
        if context.new.get(name) is None and name in _TAKEN_BACK:
            value = _TAKEN_BACK[name]
        params[_MEMBERS[name]] = value
    # The tags of an update replace all, and none takes all away.
    params["tags"] = [{"key": key, "value": value} for key, value in context.new_tags().items()]
    context.call("UpdateProject", params)


def _tell_absent_limit(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """What UpdateProject took back is empty text or an empty structure in the answer."""
    for name in ("description", "sourceVersion", "vpcConfig"):
        actual[name] = actual.get(name) or None


_LOGS = Property(
    "logsConfig",
    "block",
    computed=True,
    fields=(
        Property(
            "cloudwatchLogs",
            "block",
            computed=True,
            path="cloudWatchLogs",
            fields=(Property("status", default="ENABLED"), Property("groupName"), Property("streamName")),
        ),
        Property(
            "s3Logs",
            "block",
            computed=True,
            fields=(
                Property("status", default="DISABLED"),
                Property("location"),
                Property("encryptionDisabled", default=False),
            ),
        ),
    ),
)
_ENVIRONMENT = Property(
    "environment",
    "block",
    required=True,
    fields=(
        Property("type", required=True),
        Property("image", required=True),
        Property("computeType", required=True),
        Property("imagePullCredentialsType", default="CODEBUILD"),
        Property("privilegedMode", default=False),
        Property(
            "environmentVariables",
            "blocks",
            fields=(
                Property("name", required=True),
                Property("value", required=True),
                Property("type", default="PLAINTEXT"),
            ),
        ),
    ),
)
_SOURCE = Property(
    "source",
    "block",
    required=True,
    fields=(
        Property("type", required=True),
        Property("location"),
        Property("gitCloneDepth", default=0),
        Property("buildspec"),
        Property("reportBuildStatus", default=False),
        Property("insecureSsl", default=False),
        Property("auth", "block", fields=(Property("type", required=True), Property("resource"))),
    ),
)

PROJECT = Resource(
    type="aws:codebuild/project:Project",
    service="codebuild",
    docs=page("project", "codebuild"),
    id="answer:project.arn",
    properties=(
        Property("name", required=True, replaces=REPLACES),
        Property("artifacts", "block", required=True, fields=(Property("type", required=True), Property("location"))),
        _ENVIRONMENT,
        _SOURCE,
        _LOGS,
        Property("serviceRole", required=True),
        Property("autoRetryLimit", computed=True),
        Property("badgeEnabled", default=False, path="badge.badgeEnabled"),
        Property("buildTimeout", default=60, path="timeoutInMinutes"),
        Property("queuedTimeout", default=480, path="queuedTimeoutInMinutes"),
        Property(
            "cache",
            "block",
            default={"type": "NO_CACHE"},
            fields=(Property("type", default="NO_CACHE"), Property("location"), Property("modes", "set")),
        ),
        Property("concurrentBuildLimit"),
        Property("description"),
        Property("encryptionKey", computed=True),
        Property("sourceVersion"),
        Property(
            "vpcConfig",
            "block",
            fields=(
                Property("vpcId", required=True),
                Property("subnets", "set", required=True),
                Property("securityGroupIds", "set", required=True),
            ),
        ),
        Property("tags", "map"),
    ),
    create=Function(_create_project),
    reads=(Read("BatchGetProjects", {"names": ["$id"]}, "projects[0]"),),
    updates=(Function(_update_project, on=tuple(_MEMBERS)),),
    delete=(Call("DeleteProject", {"name": "$id"}, ignore=_GONE),),
    outputs={"arn": "arn"},
    shape=_tell_absent_limit,
    stable=("arn",),
    tagging=Tagging(
        member="tags",
        style="pairs",
        path="tags",
        add=Call("UpdateProject", {"name": "$name", "tags": "$tags"}),
        remove=Call("UpdateProject", {"name": "$name", "tags": []}),
        whole=True,
    ),
    unique=("name",),
)


def _filters(context: Context) -> list[list[dict[str, Any]]]:
    """A group of the program is a list of filters to the API."""
    return [list(group.get("filters") or []) for group in context.new.get("filterGroups") or []]


def _webhook(context: Context) -> dict[str, Any]:
    params: dict[str, Any] = {"projectName": context.new["projectName"], "buildType": context.new.get("buildType")}
    if groups := _filters(context):
        return params | {"filterGroups": groups}
    return params | {"branchFilter": context.new.get("branchFilter")}


def _create_webhook(context: Context) -> dict[str, Any]:
    return context.call("CreateWebhook", _webhook(context))


def _update_webhook(context: Context) -> None:
    context.call("UpdateWebhook", _webhook(context) | {"rotateSecret": False})


def _tell_filters(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    groups = document.get("filterGroups") or []
    told = [
        {
            "filters": [
                {"type": each["type"], "pattern": each["pattern"]}
                | ({"excludeMatchedPattern": True} if each.get("excludeMatchedPattern") else {})
                for each in group
            ]
        }
        for group in groups
    ]
    actual["filterGroups"] = told or None


WEBHOOK = Resource(
    type="aws:codebuild/webhook:Webhook",
    service="codebuild",
    docs=page("webhook", "codebuild"),
    id="{projectName}",
    properties=(
        Property("projectName", required=True, replaces=REPLACES),
        Property("branchFilter"),
        Property("buildType", default="BUILD"),
        Property(
            "filterGroups",
            "blocks",
            fields=(
                Property(
                    "filters",
                    "blocks",
                    fields=(
                        Property("type", required=True),
                        Property("pattern", required=True),
                        Property("excludeMatchedPattern", default=False),
                    ),
                ),
            ),
        ),
    ),
    create=Function(_create_webhook),
    reads=(Read("BatchGetProjects", {"names": ["$id"]}, "projects[?webhook] | [0].webhook"),),
    updates=(Function(_update_webhook, on=("branchFilter", "buildType", "filterGroups")),),
    delete=(Call("DeleteWebhook", {"projectName": "$id"}, ignore=_GONE),),
    outputs={"payloadUrl": "payloadUrl", "url": "url"},
    shape=_tell_filters,
    stable=("payloadUrl", "url"),
    unique=("projectName",),
)

SOURCE_CREDENTIAL = Resource(
    type="aws:codebuild/sourceCredential:SourceCredential",
    service="codebuild",
    docs=page("sourcecredential", "codebuild"),
    id="answer:arn",
    properties=(
        Property("authType", required=True, replaces=REPLACES),
        Property("serverType", required=True, replaces=REPLACES),
        Property("token", required=True, replaces=REPLACES, path=""),
        Property("userName", replaces=REPLACES, path=""),
    ),
    create=Call(
        "ImportSourceCredentials",
        {"authType": "$authType", "serverType": "$serverType", "token": "$token", "username": "$userName"},
    ),
    reads=(Read("ListSourceCredentials", {}, "sourceCredentialsInfos[?arn == '$id'] | [0]"),),
    delete=(Call("DeleteSourceCredentials", {"arn": "$id"}, ignore=_GONE),),
    outputs={"arn": "arn"},
    stable=("arn",),
    # A region has one credential a kind of forge.
    single=True,
)

TYPES = (PROJECT, WEBHOOK, SOURCE_CREDENTIAL)
