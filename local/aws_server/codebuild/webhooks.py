"""Webhooks of build projects: recorded; no forge is told of them and none calls."""

from datetime import UTC, datetime
from typing import Any

from local.aws_server.codebuild.common import (
    CREDENTIAL,
    FORGES,
    PROJECT,
    codebuild_operation,
    exists,
    invalid,
    not_found,
    project_key,
    project_of,
)
from local.aws_server.operations import Call, ServiceError

_KEPT = ("branchFilter", "filterGroups", "buildType", "pullRequestBuildPolicy", "scopeConfiguration")


def _check_filters(call: Call) -> None:
    if call.params.get("branchFilter") and call.params.get("filterGroups"):
        raise invalid("A webhook has a branch filter or filter groups, not both.")
    for group in call.params.get("filterGroups") or ():
        if "EVENT" not in [each["type"] for each in group]:
            raise invalid("Each filter group needs a filter of type EVENT.")


def _put(call: Call, project: dict[str, Any], webhook: dict[str, Any] | None) -> None:
    record = {name: value for name, value in project.items() if name != "webhook"}
    if webhook is not None:
        record["webhook"] = webhook
    call.server.records.put(PROJECT, project_key(call, project["name"]), record)


@codebuild_operation("CreateWebhook")
def create_webhook(call: Call) -> dict[str, Any]:
    """Needs a source that has webhooks, and a credential for it that works."""
    project = project_of(call, call.params["projectName"])
    source = project["source"]
    if source["type"] not in FORGES:
        raise invalid(f"Webhooks are not supported for source type {source['type']}.")
    if "webhook" in project:
        raise exists(f"Webhook already exists for project {project['name']}.")
    credentials = [record for _, record in call.server.records.items(CREDENTIAL, f"{call.region}/")]
    if not (source.get("auth") or any(each["serverType"] == source["type"] for each in credentials)):
        message = f"Failed to create webhook: there are no credentials for {source['type']} in {call.region}."
        raise ServiceError("OAuthProviderException", message)
    _check_filters(call)
    webhook = {
        "url": f"{source['location'].removesuffix('.git')}/hooks/1",
        "payloadUrl": f"https://codebuild.{call.region}.amazonaws.com/webhooks?t={project['name']}",
        "buildType": "BUILD",
        "status": "ACTIVE",
        "lastModifiedSecret": datetime.now(UTC),
        **{name: call.params[name] for name in _KEPT if call.params.get(name)},
    }
    _put(call, project, webhook)
    return {"webhook": webhook}


@codebuild_operation("UpdateWebhook")
def update_webhook(call: Call) -> dict[str, Any]:
    """Filter groups and a branch filter take each other's place; what is left out of both goes."""
    project = project_of(call, call.params["projectName"])
    if "webhook" not in project:
        raise not_found(f"Webhook for project {project['name']} cannot be found.")
    _check_filters(call)
    kept = {name: value for name, value in project["webhook"].items() if name not in ("branchFilter", "filterGroups")}
    webhook = kept | {name: call.params[name] for name in _KEPT if call.params.get(name)}
    if not call.params.get("buildType"):
        webhook["buildType"] = "BUILD"
    _put(call, project, webhook)
    return {"webhook": webhook}


@codebuild_operation("DeleteWebhook")
def delete_webhook(call: Call) -> dict[str, Any]:
    project = project_of(call, call.params["projectName"])
    if "webhook" not in project:
        raise not_found(f"Webhook for project {project['name']} cannot be found.")
    _put(call, project, None)
    return {}
