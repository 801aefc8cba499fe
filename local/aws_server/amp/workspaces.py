"""Workspaces: their key and configuration, and logging that is only there once it has been asked for."""

from typing import Any

from local.aws_server.amp.common import ACTIVE, amp_operation, conflict, invalid, not_found, workspace_of
from local.aws_server.operations import Call, ServiceError

KEY = "amp-workspace-key"
CONFIGURATION = "amp-workspace-configuration"
_DEFAULT_DAYS, _MOST_DAYS = 150, 1095
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-workspace-configuration.html"""
_CONFIGURED = (
    "limitsPerLabelSet",
    "retentionPeriodInDays",
    "outOfOrderTimeWindowInSeconds",
    "ruleQueryOffsetInSeconds",
)


def _with_key(call: Call, workspace: dict[str, Any]) -> dict[str, Any]:
    key = call.server.records.get(KEY, workspace["workspaceId"])
    return workspace | ({"kmsKeyArn": key} if key else {})


@amp_operation("CreateWorkspace")
def create_workspace(call: Call) -> dict[str, Any]:
    key = call.params.get("kmsKeyArn")
    if key:
        try:
            call.server.call("kms", "DescribeKey", {"KeyId": key}, region=call.region)
        except ServiceError as error:
            raise invalid(f"The KMS key {key} does not exist.") from error
    answer = call.forward({**call.params, "tags": call.params.get("tags") or {}})
    if key:
        call.server.records.put(KEY, answer["workspaceId"], key)
    return answer | ({"kmsKeyArn": key} if key else {})


@amp_operation("DescribeWorkspace")
def describe_workspace(call: Call) -> dict[str, Any]:
    return {"workspace": _with_key(call, call.forward()["workspace"])}


@amp_operation("ListWorkspaces")
def list_workspaces(call: Call) -> dict[str, Any]:
    answer = call.forward()
    return answer | {"workspaces": [_with_key(call, each) for each in answer.get("workspaces", ())]}


@amp_operation("DeleteWorkspace")
def delete_workspace(call: Call) -> dict[str, Any]:
    workspace_id = call.params["workspaceId"]
    workspace_of(call, workspace_id)
    answer = call.forward()
    for kind in (KEY, CONFIGURATION, "amp-alertmanager"):
        call.server.records.delete(kind, workspace_id)
    return answer


@amp_operation("DescribeWorkspaceConfiguration")
def describe_workspace_configuration(call: Call) -> dict[str, Any]:
    workspace_id = call.params["workspaceId"]
    workspace_of(call, workspace_id)
    kept = call.server.records.get(CONFIGURATION, workspace_id) or {}
    return {
        "workspaceConfiguration": {
            "status": dict(ACTIVE),
            "limitsPerLabelSet": [],
            "retentionPeriodInDays": _DEFAULT_DAYS,
            **kept,
        }
    }


@amp_operation("UpdateWorkspaceConfiguration")
def update_workspace_configuration(call: Call) -> dict[str, Any]:
    params = call.params
    workspace_of(call, params["workspaceId"])
    days = params.get("retentionPeriodInDays")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise invalid(f"retentionPeriodInDays {days} is not between 1 and {_MOST_DAYS}.")
    kept = call.server.records.get(CONFIGURATION, params["workspaceId"]) or {}
    given = {name: params[name] for name in _CONFIGURED if params.get(name) is not None}
    call.server.records.put(CONFIGURATION, params["workspaceId"], kept | given)
    return {"status": dict(ACTIVE)}


def _check_log_group(call: Call, arn: str) -> None:
    name = arn.partition(":log-group:")[2].removesuffix(":*")
    found = call.server.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": name}, region=call.region)
    if name not in [group["logGroupName"] for group in found["logGroups"]]:
        raise invalid(f"The log group {name} does not exist.")


def _logging(call: Call) -> dict[str, Any] | None:
    """moto answers with nothing where there is none, and AWS with an error."""
    answer = call.server.call(
        "amp", "DescribeLoggingConfiguration", {"workspaceId": call.params["workspaceId"]}, region=call.region
    )
    return answer.get("loggingConfiguration") or None


@amp_operation("CreateLoggingConfiguration")
def create_logging_configuration(call: Call) -> dict[str, Any]:
    _check_log_group(call, call.params["logGroupArn"])
    try:
        _logging(call)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
    else:
        raise conflict("The workspace has a logging configuration already.")
    return call.forward()


@amp_operation("DescribeLoggingConfiguration")
def describe_logging_configuration(call: Call) -> dict[str, Any]:
    answer = call.forward()
    found = answer.get("loggingConfiguration")
    if not found:
        raise not_found("Logging configuration", call.params["workspaceId"])
    return {"loggingConfiguration": {"modifiedAt": found.get("createdAt"), **found}}


@amp_operation("UpdateLoggingConfiguration")
def update_logging_configuration(call: Call) -> dict[str, Any]:
    _check_log_group(call, call.params["logGroupArn"])
    _logging(call)
    return call.forward()
