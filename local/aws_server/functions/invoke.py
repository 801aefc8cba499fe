"""Invocation: the function's process, with its role's credentials, its variables and its time limit."""

import base64
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.aws_server.functions.record import Function, find, require_role
from local.aws_server.functions.rights import may
from local.aws_server.operations import Call, RawResponse, Server, ServiceError, on_stop, operation

logger = logging.getLogger(__name__)
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
LOG_TAIL_BYTES = 4096
_running: set["subprocess.Popen[bytes]"] = set()
_stopping = threading.Event()


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation. error: empty, or `Unhandled`."""

    payload: bytes
    error: str
    log: str


@operation("lambda", "Invoke")
def invoke(call: Call) -> RawResponse:
    """Run it: at once and with its answer, or (an event) in the background."""
    function = find(call, call.params["FunctionName"])
    event = call.params.get("Payload") or b"{}"
    try:
        json.loads(event)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error
    kind = call.params.get("InvocationType") or "RequestResponse"
    if kind == "DryRun":
        return RawResponse(204)
    if kind == "Event":
        arguments = (call.server, function, call.region, event)
        threading.Thread(target=run, args=arguments, name=f"lambda {function.name}", daemon=True).start()
        return RawResponse(202)
    outcome = run(call.server, function, call.region, event)
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
    if outcome.error:
        headers["X-Amz-Function-Error"] = outcome.error
    if call.params.get("LogType") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(outcome.log.encode()[-LOG_TAIL_BYTES:]).decode()
    return RawResponse(200, headers, outcome.payload)


def run(server: Server, function: Function, region: str, event: bytes) -> Outcome:
    """One invocation, from start to end, with its lines in the function's log group."""
    configuration = function.configuration
    request_id = str(uuid.uuid4())
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="lambda-"))
    try:
        with zipfile.ZipFile(function.archive(server)) as archive:
            archive.extractall(folder / "task")
        variables = _variables(server, function, region, folder) | {"GROUNDWORK_REQUEST_ID": request_id}
        result = folder / "result.json"
        command = [sys.executable, "-s", str(BOOTSTRAP), str(result)]
        output, code = _execute(command, variables, folder / "task", event, configuration["Timeout"])
        if code is None:
            message = f"{request_id} Task timed out after {configuration['Timeout']:.2f} seconds"
            output += f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z} {message}\n"
            payload, error = json.dumps({"errorMessage": message}).encode(), "Unhandled"
        elif result.exists():
            payload, error = result.read_bytes(), "Unhandled" if code else ""
        else:
            message = f"RequestId: {request_id} Error: Runtime exited with error: exit status {code}"
            payload, error = (
                json.dumps({"errorMessage": message, "errorType": "Runtime.ExitError"}).encode(),
                "Unhandled",
            )
    except ServiceError as refused:
        # The role cannot be assumed any more: AWS says so to whoever invokes.
        payload, error, output = json.dumps({"errorMessage": refused.message}).encode(), "Unhandled", refused.message
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    milliseconds = (time.monotonic() - started) * 1000
    log = (
        f"START RequestId: {request_id} Version: $LATEST\n{output}END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Memory Size: {configuration['MemorySize']} MB\n"
    )
    _write_log(server, function, region, log)
    _count(server, function, region, failed=bool(error), milliseconds=milliseconds)
    return Outcome(payload, error, log)


def _execute(
    command: list[str], variables: dict[str, str], folder: Path, event: bytes, timeout_s: float
) -> tuple[str, int | None]:
    """What it printed, and its exit status; None where it ran out of time."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    _running.add(process)
    try:
        output, _ = process.communicate(event, timeout=timeout_s)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        code = None
    finally:
        _running.discard(process)
    return output.decode(errors="replace"), code


def _variables(server: Server, function: Function, region: str, folder: Path) -> dict[str, str]:
    """Variables of the runtime (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). Of this
    process's own none gets in."""
    configuration = function.configuration
    role = configuration["Role"]
    require_role(server, role)
    request = {"RoleArn": role, "RoleSessionName": function.name[:64]}
    credentials = server.call("sts", "AssumeRole", request, region=region)["Credentials"]
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **((configuration.get("Environment") or {}).get("Variables") or {}),
        "_HANDLER": configuration["Handler"],
        "LAMBDA_TASK_ROOT": str(folder / "task"),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"]["LogGroup"],
        "GROUNDWORK_FUNCTION_ARN": function.arn,
        "GROUNDWORK_TIMEOUT_S": str(configuration["Timeout"]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": server.settings.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def _count(server: Server, function: Function, region: str, *, failed: bool, milliseconds: float) -> None:
    """Lambda's own metrics (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html)."""
    dimensions = [{"Name": "FunctionName", "Value": function.name}]
    values = (
        ("Invocations", 1.0, "Count"),
        ("Errors", float(failed), "Count"),
        ("Duration", milliseconds, "Milliseconds"),
    )
    metrics = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit, "Timestamp": datetime.now(UTC)}
        for name, value, unit in values
    ]
    try:
        server.call("cloudwatch", "PutMetricData", {"Namespace": "AWS/Lambda", "MetricData": metrics}, region=region)
    except ServiceError as error:
        logger.warning("metrics of %s: %s", function.name, error.message)


def _write_log(server: Server, function: Function, region: str, text: str) -> None:
    """To CloudWatch Logs, where the function's role may write: without the rights AWS keeps no line."""
    group = function.configuration["LoggingConfig"]["LogGroup"]
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{os.urandom(16).hex()}"
    arn = f"arn:aws:logs:{region}:{function.arn.split(':')[4]}:log-group:{group}"
    role = function.configuration["Role"]
    wanted = {"logs:CreateLogStream": f"{arn}:log-stream:{stream}", "logs:PutLogEvents": f"{arn}:log-stream:{stream}"}
    if refused := [action for action, resource in wanted.items() if not may(role, action, resource)]:
        logger.warning("%s leaves no log: its role may not %s", function.name, ", ".join(refused))
        return
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in text.splitlines() if line.strip()]
    try:
        if may(role, "logs:CreateLogGroup", arn):
            _quietly(server, region, "CreateLogGroup", {"logGroupName": group})
        _quietly(server, region, "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
        request = {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        server.call("logs", "PutLogEvents", request, region=region)
    except ServiceError as error:
        logger.warning("log of %s: %s", function.name, error.message)


def _quietly(server: Server, region: str, name: str, request: dict[str, str]) -> None:
    try:
        server.call("logs", name, request, region=region)
    except ServiceError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


@on_stop
def stop(server: Server) -> None:
    """A clean stop leaves no process."""
    for process in list(_running):
        process.kill()
