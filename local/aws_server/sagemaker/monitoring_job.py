"""The processing job of one execution of a monitoring schedule.

What its container finds is Model Monitor's contract:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker.endpoint_record import KIND as ENDPOINT
from local.aws_server.sagemaker.monitoring_record import Execution
from local.aws_server.sagemaker.monitoring_times import HOUR, duration, window
from local.aws_server.sagemaker.plane import s3_location

BASELINE = "/opt/ml/processing/baseline"
MOST_INPUTS = 8
"""Of captures; a processing job has ten inputs, and two are the baseline's."""
INDEX = {"Input": "endpointInput", "Output": "endpointOutput"}
NO_DATA = "Job inputs had no data"
"""FailureReason of an execution that finds no captures (https://github.com/aws/sagemaker-python-sdk/issues/2634)."""
VIOLATIONS = ("constraint_violations.json", "constraints_violations.json")
"""The report of violations: its name in the SDK (sagemaker.core.model_monitor) and on the contract's page
(https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-outputs.html)."""
WITH_VIOLATIONS = "CompletedWithViolations"


class NoDataError(Exception):
    """The endpoint has captured nothing in the time that an execution looks at."""


def capture_of(server: Server, region: str, endpoint: str) -> dict[str, Any]:
    """An endpoint's DataCaptureConfig. Raises ServiceError where it is not there, or captures nothing."""
    record = server.records.get(ENDPOINT, f"{region}/{endpoint}")
    if record is None or record.deployment is None:
        raise ServiceError("ValidationException", f"Could not find endpoint {endpoint}.")
    capture = record.deployment.config.get("DataCaptureConfig") or {}
    if not capture or not capture.get("EnableCapture", True):
        raise ServiceError("ValidationException", f"Endpoint {endpoint} captures no data (DataCaptureConfig).")
    return capture


def endpoint_input(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The endpoint that a job monitors. Raises ServiceError for another input."""
    given = definition["MonitoringInputs"][0].get("EndpointInput")
    if given is None:
        raise ServiceError(
            "ValidationException", "The local SageMaker monitors endpoints; it has no BatchTransformInput."
        )
    return given


def output_of(execution: Execution, definition: Mapping[str, Any]) -> str:
    """Where an execution's reports go, without a slash at the end: a folder for each hour, as the examples of
    https://github.com/aws/amazon-sagemaker-examples show it."""
    target = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    return f"{target}/{execution.endpoint}/{execution.schedule}/{execution.scheduled:%Y/%m/%d/%H}"


def request_of(server: Server, execution: Execution, definition: Mapping[str, Any]) -> dict[str, Any]:
    """CreateProcessingJob's request. Raises NoDataError, and ServiceError where the endpoint is gone."""
    given = endpoint_input(definition)
    capture = capture_of(server, execution.region, execution.endpoint)
    start, end = window(execution.config["ScheduleConfig"], execution.scheduled)
    start, end = (
        moment + duration(offset) if (offset := given.get(f"{side}TimeOffset")) else moment
        for side, moment in (("Start", start), ("End", end))
    )
    inputs = list(_captures(server, execution, capture, given, start, end))
    if not inputs:
        raise NoDataError
    target = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]
    application, output = definition["MonitoringAppSpecification"], output_of(execution, definition)
    baseline, variables = _baseline(definition.get("BaselineConfig") or {})
    known = [INDEX[option["CaptureMode"]] for option in capture["CaptureOptions"] if option["CaptureMode"] in INDEX]
    return {
        "ProcessingJobName": execution.job,
        "ProcessingInputs": [*inputs, *baseline],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "result",
                    "S3Output": {
                        "S3Uri": output,
                        "LocalPath": target["LocalPath"],
                        "S3UploadMode": target.get("S3UploadMode", "EndOfJob"),
                    },
                }
            ],
            **_some(definition["MonitoringOutputConfig"], "KmsKeyId"),
        },
        "ProcessingResources": definition["MonitoringResources"],
        "AppSpecification": {
            "ImageUri": application["ImageUri"],
            **_some(application, "ContainerEntrypoint", "ContainerArguments"),
        },
        "Environment": {
            "publish_cloudwatch_metrics": "Enabled",
            **(definition.get("Environment") or {}),
            **variables,
            "dataset_format": json.dumps({"sagemakerCaptureJson": {"captureIndexNames": known}}),
            "dataset_source": given["LocalPath"],
            "output_path": target["LocalPath"],
            "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "sagemaker_endpoint_name": execution.endpoint,
            "sagemaker_monitoring_schedule_name": execution.schedule,
        },
        "RoleArn": definition["RoleArn"],
        **_some(definition, "NetworkConfig", "StoppingCondition"),
    }


def violated(server: Server, execution: Execution, definition: Mapping[str, Any], message: str) -> bool:
    """Whether a job that has completed found violations: as its exit message begins, or its report says."""
    if message.startswith(WITH_VIOLATIONS):
        return True
    bucket, prefix = s3_location(output_of(execution, definition))
    for name in VIOLATIONS:
        request = {"Bucket": bucket, "Key": f"{prefix}/{name}"}
        try:
            document = json.loads(server.call("s3", "GetObject", request, region=execution.region)["Body"])
        except (ServiceError, ValueError):
            continue
        if isinstance(document, dict) and document.get("violations"):  # pyright: ignore[reportUnknownMemberType]
            return True
    return False


def _captures(
    server: Server,
    execution: Execution,
    capture: Mapping[str, Any],
    given: Mapping[str, Any],
    start: datetime,
    end: datetime,
) -> Iterator[dict[str, Any]]:
    """Inputs of the hours that have captures, or of whole days where these are too many: "we sometimes download more
    than what is specified", says the contract."""
    bucket, prefix = s3_location(capture["DestinationS3Uri"].rstrip("/"))
    root = "/".join(part for part in (prefix, execution.endpoint) if part)
    where = {"region": execution.region}
    answer = server.call("s3", "ListObjectsV2", {"Bucket": bucket, "Prefix": f"{root}/", "Delimiter": "/"}, **where)
    variants = [each["Prefix"].removeprefix(f"{root}/").strip("/") for each in answer.get("CommonPrefixes") or ()]
    found: list[str] = []
    for shape in ("%Y/%m/%d/%H", "%Y/%m/%d"):
        found = []
        for folder in dict.fromkeys(f"{v}/{hour:{shape}}" for v in variants for hour in _hours(start, end)):
            request = {"Bucket": bucket, "Prefix": f"{root}/{folder}/", "MaxKeys": 1}
            if server.call("s3", "ListObjectsV2", request, **where).get("Contents"):
                found.append(folder)
        if len(found) <= MOST_INPUTS:
            break
    for number, folder in enumerate(found, 1):
        local = f"{given['LocalPath'].rstrip('/')}/{execution.endpoint}/{folder}"
        yield _input(f"endpoint_input_{number}", f"s3://{bucket}/{root}/{folder}", local, given)


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield hour
        hour += HOUR


def _baseline(config: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The inputs with what the reference is like, and the variables that say where they lie."""
    inputs: list[dict[str, Any]] = []
    variables: dict[str, str] = {}
    for name in ("constraints", "statistics"):
        uri = (config.get(f"{name.capitalize()}Resource") or {}).get("S3Uri")
        if uri:
            folder = f"{BASELINE}/{name}"
            inputs.append(_input(name, uri, folder, {}))
            variables[f"baseline_{name}"] = f"{folder}/{uri.rpartition('/')[2]}"
    return inputs, variables


def _input(name: str, uri: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    source = {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": given.get("S3InputMode", "File"),
        "S3DataDistributionType": given.get("S3DataDistributionType", "FullyReplicated"),
    }
    return {"InputName": name, "S3Input": source}


def _some(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: document[name] for name in names if document.get(name) is not None}
