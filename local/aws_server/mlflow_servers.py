"""SageMaker's managed MLflow tracking servers: the supervisor starts a genuine `mlflow server` for the one there is.

What CreateMlflowTrackingServer was told goes into a file that the supervisor watches, and the status is Created once
the server answers at its own port. Shapes and limits: API_CreateMlflowTrackingServer of the SageMaker API Reference.
"""

import json
import re
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

from local.aws_server.identity import principal_exists
from local.aws_server.operations import Call, Server, ServiceError, on_start, operation
from local.aws_server.sagemaker.tags import forget_tags, set_tags

KIND = "sagemaker:mlflow-tracking-server"
APP = "sagemaker:mlflow-app"
DEFAULT_VERSION = "3.4"
START_LIMIT_S = 600
_KEPT = (
    *("ArtifactStoreUri", "TrackingServerSize", "MlflowVersion", "RoleArn", "AutomaticModelRegistration"),
    *("WeeklyMaintenanceWindowStart", "S3BucketOwnerAccountId", "S3BucketOwnerVerification"),
)
_ALIVE = ("Created", "Updated", "Started")


def validation(message: str) -> ServiceError:
    """The error for a request that makes no sense."""
    return ServiceError("ValidationException", message)


def check_artifact_store(call: Call, uri: str) -> None:
    """Raises where the URI is none or its bucket is not there."""
    match = re.fullmatch(r"s3://([^/]+)(/.*)?", uri)
    if match is None:
        raise validation(f"ArtifactStoreUri {uri!r} is not an S3 URI (s3://bucket/prefix).")
    try:
        call.server.call("s3", "HeadBucket", {"Bucket": match[1]})
    except ServiceError as error:
        raise validation(f"The bucket {match[1]} of ArtifactStoreUri {uri} does not exist.") from error


def _find(call: Call) -> dict[str, Any]:
    name = call.params["TrackingServerName"]
    record = call.server.records.get(KIND, f"{call.region}/{name}")
    if record is None:
        raise ServiceError("ResourceNotFound", f"Tracking server {name} does not exist.", status=404)
    return record


def _put(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    record = record | {"LastModifiedTime": datetime.now(UTC)}
    call.server.records.put(KIND, f"{call.region}/{record['TrackingServerName']}", record)
    tell_supervisor(call.server)
    return record


def tell_supervisor(server: Server) -> None:
    """Writes what the supervisor must run, or takes it away; a file that is right already is left alone."""
    file = server.settings.run_dir / "mlflow.json"
    wanted = [record for _, record in server.records.items(KIND) if record["IsActive"] == "Active"]
    # A server that is replaced by an app is still there when the app is made: for a while one process is both.
    wanted += [record for _, record in server.records.items(APP)]
    if not wanted:
        file.unlink(missing_ok=True)
        return
    record = wanted[0]
    name = record.get("TrackingServerName") or record["Name"]
    document = {"name": name, "artifact_store_uri": record["ArtifactStoreUri"]}
    text = json.dumps(document, indent=2) + "\n"
    if not file.exists() or file.read_text() != text:
        draft = file.with_suffix(".new")
        draft.write_text(text)
        draft.replace(file)


on_start(tell_supervisor)


@on_start
def _follow_address(server: Server) -> None:
    """The MLflow server may have moved to another port while this one was stopped."""
    url = server.settings.mlflow_url
    for key, record in server.records.items(KIND):
        if record["TrackingServerUrl"] != url:
            server.records.put(KIND, key, record | {"TrackingServerUrl": url})


@operation("sagemaker", "CreateMlflowTrackingServer")
def create_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """Asks for the server and answers at once; its status is Creating until it is up."""
    params = call.params
    name = params["TrackingServerName"]
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", name):
        raise validation(f"TrackingServerName {name!r} may hold letters, digits and hyphens.")
    with call.server.records.lock:
        others = [record["TrackingServerName"] for _, record in call.server.records.items(KIND)]
        if name in others:
            raise validation(f"Tracking server {name} already exists.")
        if others:
            message = f"The local stack runs one MLflow server, and tracking server {others[0]} has it."
            raise ServiceError("ResourceLimitExceeded", message)
        check_artifact_store(call, params["ArtifactStoreUri"])
        if not principal_exists(params["RoleArn"]):
            raise validation(f"The role {params['RoleArn']} does not exist.")
        arn = call.arn(f"mlflow-tracking-server/{name}")
        set_tags(call.server, arn, params.get("Tags"))
        _put(
            call,
            {
                "TrackingServerArn": arn,
                "TrackingServerName": name,
                "TrackingServerSize": "Small",
                "MlflowVersion": DEFAULT_VERSION,
                "AutomaticModelRegistration": False,
                "WeeklyMaintenanceWindowStart": "Tue:03:00",
                **{member: params[member] for member in _KEPT if params.get(member) is not None},
                "TrackingServerStatus": "Creating",
                "IsActive": "Active",
                "TrackingServerUrl": call.server.settings.mlflow_url,
                "CreationTime": datetime.now(UTC),
                "started_at": time.time(),
            },
        )
    return {"TrackingServerArn": arn}


@operation("sagemaker", "DescribeMlflowTrackingServer")
def describe_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """The server, with a status that was looked up now."""
    return _current(call, _find(call))


def _current(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    following = {"Creating": "Created", "Updating": "Updated", "Starting": "Started"}
    failing = {"Creating": "CreateFailed", "Updating": "UpdateFailed", "Starting": "StartFailed"}
    status = record["TrackingServerStatus"]
    if status not in following:
        return record
    if answers(call.server.settings.mlflow_url):
        return _put(call, record | {"TrackingServerStatus": following[status]})
    if time.time() - record["started_at"] > START_LIMIT_S:
        return _put(call, record | {"TrackingServerStatus": failing[status]})
    return record


def answers(url: str) -> bool:
    """Whether the MLflow server is up; where none is ever started (no address), it counts as up."""
    if not url:
        return True
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@operation("sagemaker", "ListMlflowTrackingServers")
def list_mlflow_tracking_servers(call: Call) -> dict[str, Any]:
    """All servers of the region, on one page."""
    found = [_current(call, record) for _, record in call.server.records.items(KIND, f"{call.region}/")]
    wanted = call.params.get("TrackingServerStatus")
    return {"TrackingServerSummaries": [one for one in found if wanted in (None, one["TrackingServerStatus"])]}


@operation("sagemaker", "UpdateMlflowTrackingServer")
def update_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """Changes what may change; a changed artifact store restarts the server."""
    record = _find(call)
    given = {member: call.params[member] for member in _KEPT if call.params.get(member) is not None}
    if uri := given.get("ArtifactStoreUri"):
        check_artifact_store(call, uri)
    _put(call, record | given | {"TrackingServerStatus": "Updating", "started_at": time.time()})
    return {"TrackingServerArn": record["TrackingServerArn"]}


@operation("sagemaker", "DeleteMlflowTrackingServer")
def delete_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """Removes the server; the supervisor stops the process."""
    record = _find(call)
    call.server.records.delete(KIND, f"{call.region}/{record['TrackingServerName']}")
    forget_tags(call.server, record["TrackingServerArn"])
    tell_supervisor(call.server)
    return {"TrackingServerArn": record["TrackingServerArn"]}


@operation("sagemaker", "StopMlflowTrackingServer")
def stop_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """Stops the process and keeps what it stored."""
    record = _find(call)
    _put(call, record | {"TrackingServerStatus": "Stopped", "IsActive": "Inactive"})
    return {"TrackingServerArn": record["TrackingServerArn"]}


@operation("sagemaker", "StartMlflowTrackingServer")
def start_mlflow_tracking_server(call: Call) -> dict[str, Any]:
    """Starts a stopped server."""
    record = _find(call)
    _put(call, record | {"TrackingServerStatus": "Starting", "IsActive": "Active", "started_at": time.time()})
    return {"TrackingServerArn": record["TrackingServerArn"]}


@operation("sagemaker", "CreatePresignedMlflowTrackingServerUrl")
def create_presigned_mlflow_tracking_server_url(call: Call) -> dict[str, Any]:
    """The address for a browser; on loopback it needs no signature."""
    record = _current(call, _find(call))
    if record["TrackingServerStatus"] not in _ALIVE:
        message = f"Tracking server {record['TrackingServerName']} is {record['TrackingServerStatus']}."
        raise ServiceError("ConflictException", message, status=409)
    return {"AuthorizedUrl": record["TrackingServerUrl"]}
