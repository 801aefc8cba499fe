"""Alertmanager definitions: one a workspace, with SNS as the only receiver."""

from datetime import UTC, datetime
from typing import Any

from local.aws_server.amp.common import ACTIVE, amp_operation, conflict, invalid, not_found, workspace_of, yaml_of
from local.aws_server.operations import Call, ServiceError

KIND = "amp-alertmanager"
"""Kind of a definition's record; the key is the workspace's id."""


def _check(call: Call, blob: bytes) -> None:
    """Form, receivers and topics
    (https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-receiver-config.html)."""
    document = yaml_of(blob, "Alertmanager definition")
    if unknown := set(document) - {"alertmanager_config", "template_files"}:
        raise invalid(f"error parsing Alertmanager definition: unknown fields {', '.join(sorted(unknown))}.")
    if not isinstance(document.get("alertmanager_config"), str):
        raise invalid("error parsing Alertmanager definition: `alertmanager_config` must be text.")
    config = yaml_of(document["alertmanager_config"].encode(), "alertmanager_config")
    receivers = {each.get("name"): each for each in config.get("receivers") or []}
    if config.get("route", {}).get("receiver") not in receivers:
        raise invalid("error validating Alertmanager config: the route's receiver is none of the receivers.")
    for route in config["route"].get("routes") or []:
        if route.get("receiver", config["route"]["receiver"]) not in receivers:
            raise invalid(f"error validating Alertmanager config: undefined receiver {route['receiver']!r}.")
    for name, receiver in receivers.items():
        if others := set(receiver) - {"name", "sns_configs"}:
            raise invalid(
                f"error validating Alertmanager config: {name}: {', '.join(sorted(others))} is not supported."
            )
        for sns in receiver.get("sns_configs") or []:
            _check_sns(call, sns)


def _check_sns(call: Call, sns: dict[str, Any]) -> None:
    if refused := {"api_url", "http_config"} & set(sns):
        raise invalid(f"error validating Alertmanager config: {', '.join(sorted(refused))} is not supported.")
    if not (sns.get("sigv4") or {}).get("region"):
        raise invalid("error validating Alertmanager config: sigv4.region is missing.")
    try:
        call.server.call("sns", "GetTopicAttributes", {"TopicArn": sns.get("topic_arn", "")}, region=call.region)
    except ServiceError as error:
        raise invalid(f"error validating Alertmanager config: no topic {sns.get('topic_arn')}.") from error


def _find(call: Call) -> dict[str, Any]:
    workspace_of(call, call.params["workspaceId"])
    record = call.server.records.get(KIND, call.params["workspaceId"])
    if record is None:
        raise not_found("Alert manager definition of workspace", call.params["workspaceId"])
    return record


@amp_operation("CreateAlertManagerDefinition")
def create_alert_manager_definition(call: Call) -> dict[str, Any]:
    workspace_id = call.params["workspaceId"]
    workspace_of(call, workspace_id)
    if call.server.records.get(KIND, workspace_id) is not None:
        raise conflict(f"Workspace {workspace_id} has an alert manager definition already.")
    _check(call, call.params["data"])
    moment = datetime.now(UTC)
    record = {"data": call.params["data"], "createdAt": moment, "modifiedAt": moment, "status": dict(ACTIVE)}
    call.server.records.put(KIND, workspace_id, record)
    return {"status": record["status"]}


@amp_operation("DescribeAlertManagerDefinition")
def describe_alert_manager_definition(call: Call) -> dict[str, Any]:
    return {"alertManagerDefinition": _find(call)}


@amp_operation("PutAlertManagerDefinition")
def put_alert_manager_definition(call: Call) -> dict[str, Any]:
    record = _find(call)
    _check(call, call.params["data"])
    changed = record | {"data": call.params["data"], "modifiedAt": datetime.now(UTC)}
    call.server.records.put(KIND, call.params["workspaceId"], changed)
    return {"status": changed["status"]}


@amp_operation("DeleteAlertManagerDefinition")
def delete_alert_manager_definition(call: Call) -> dict[str, Any]:
    _find(call)
    call.server.records.delete(KIND, call.params["workspaceId"])
    return {}
