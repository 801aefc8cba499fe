"""SageMaker's serverless MLflow apps: the same genuine `mlflow server` as for a tracking server, under an app's ARN.

Shapes and limits: API_CreateMlflowApp of the SageMaker API Reference.
"""

import re
import secrets
import string
import time
from datetime import UTC, datetime
from typing import Any

from local.aws_server.identity import principal_exists
from local.aws_server.mlflow_servers import (
    APP,
    DEFAULT_VERSION,
    START_LIMIT_S,
    answers,
    check_artifact_store,
    tell_supervisor,
    validation,
)
from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker.tags import forget_tags, set_tags

_KEPT = (
    *("ArtifactStoreUri", "RoleArn", "KmsKeyId", "ModelRegistrationMode", "WeeklyMaintenanceWindowStart"),
    *("AccountDefaultStatus", "DefaultDomainIdList"),
)
_CHANGEABLE = ("Name", *(member for member in _KEPT if member not in ("RoleArn", "KmsKeyId")))
_FOLLOWING = {"Creating": ("Created", "CreateFailed"), "Updating": ("Updated", "UpdateFailed")}


def _key(call: Call, arn: str) -> str:
    return f"{call.region}/{arn.rpartition('/')[2]}"


def _find(call: Call) -> dict[str, Any]:
    arn = call.params["Arn"]
    record = call.server.records.get(APP, _key(call, arn))
    if record is None:
        raise ServiceError("ResourceNotFound", f"MLflow app {arn} does not exist.", status=404)
    return record


def _put(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    record = record | {"LastModifiedTime": datetime.now(UTC)}
    call.server.records.put(APP, _key(call, record["Arn"]), record)
    tell_supervisor(call.server)
    return record


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", name):
        raise validation(f"Name {name!r} may hold letters, digits and hyphens.")


@operation("sagemaker", "CreateMlflowApp")
def create_mlflow_app(call: Call) -> dict[str, Any]:
    """Asks for the app and answers at once; its status is Creating until MLflow is up."""
    params = call.params
    _check_name(params["Name"])
    with call.server.records.lock:
        others = [record["Name"] for _, record in call.server.records.items(APP)]
        if others:
            raise ServiceError(
                "ResourceLimitExceeded", f"The local stack runs one MLflow server, and MLflow app {others[0]} has it."
            )
        check_artifact_store(call, params["ArtifactStoreUri"])
        if not principal_exists(params["RoleArn"]):
            raise validation(f"The role {params['RoleArn']} does not exist.")
        # The id is AWS's own choice, not the name.
        letters = string.ascii_uppercase + string.digits
        arn = call.arn(f"mlflow-app/app-{''.join(secrets.choice(letters) for _ in range(12))}")
        set_tags(call.server, arn, params.get("Tags"))
        _put(
            call,
            {
                "Arn": arn,
                "Name": params["Name"],
                "MlflowVersion": DEFAULT_VERSION,
                "ModelRegistrationMode": "AutoModelRegistrationDisabled",
                "AccountDefaultStatus": "DISABLED",
                "WeeklyMaintenanceWindowStart": "Tue:03:00",
                "MaintenanceStatus": "MaintenanceComplete",
                **{member: params[member] for member in _KEPT if params.get(member) is not None},
                "Status": "Creating",
                "CreationTime": datetime.now(UTC),
                "started_at": time.time(),
            },
        )
    return {"Arn": arn}


@operation("sagemaker", "DescribeMlflowApp")
def describe_mlflow_app(call: Call) -> dict[str, Any]:
    """The app, with a status that was looked up now."""
    return _current(call, _find(call))


def _current(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    status = record["Status"]
    if status not in _FOLLOWING:
        return record
    done, failed = _FOLLOWING[status]
    if answers(call.server.settings.mlflow_url):
        return _put(call, record | {"Status": done})
    if time.time() - record["started_at"] > START_LIMIT_S:
        return _put(call, record | {"Status": failed})
    return record


@operation("sagemaker", "ListMlflowApps")
def list_mlflow_apps(call: Call) -> dict[str, Any]:
    """All apps of the region, on one page."""
    found = [_current(call, record) for _, record in call.server.records.items(APP, f"{call.region}/")]
    wanted = call.params.get("Status")
    return {"Summaries": [one for one in found if wanted in (None, one["Status"])]}


@operation("sagemaker", "UpdateMlflowApp")
def update_mlflow_app(call: Call) -> dict[str, Any]:
    """Changes what may change; another artifact store restarts MLflow."""
    record = _find(call)
    given = {member: call.params[member] for member in _CHANGEABLE if call.params.get(member) is not None}
    if name := given.get("Name"):
        _check_name(name)
    if uri := given.get("ArtifactStoreUri"):
        check_artifact_store(call, uri)
    _put(call, record | given | {"Status": "Updating", "started_at": time.time()})
    return {"Arn": record["Arn"]}


@operation("sagemaker", "DeleteMlflowApp")
def delete_mlflow_app(call: Call) -> dict[str, Any]:
    """Removes the app; the supervisor stops the process where nothing else needs it."""
    record = _find(call)
    call.server.records.delete(APP, _key(call, record["Arn"]))
    forget_tags(call.server, record["Arn"])
    tell_supervisor(call.server)
    return {"Arn": record["Arn"]}


@operation("sagemaker", "CreatePresignedMlflowAppUrl")
def create_presigned_mlflow_app_url(call: Call) -> dict[str, Any]:
    """The address for a browser; on loopback it needs no signature."""
    record = _current(call, _find(call))
    if record["Status"] not in ("Created", "Updated"):
        raise ServiceError("ConflictException", f"MLflow app {record['Name']} is {record['Status']}.", status=409)
    return {"AuthorizedUrl": call.server.settings.mlflow_url}
