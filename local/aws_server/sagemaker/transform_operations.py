"""The API of batch transform jobs."""

import copy
import uuid
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import job_operations
from local.aws_server.sagemaker.json_path import FilterError
from local.aws_server.sagemaker.models import container_of
from local.aws_server.sagemaker.plane import now, s3_location
from local.aws_server.sagemaker.running_jobs import JobsOfServers
from local.aws_server.sagemaker.training_operations import MOST_HOSTS
from local.aws_server.sagemaker.transform_client import DEFAULT_PAYLOAD_MB
from local.aws_server.sagemaker.transform_data import DataProcessing
from local.aws_server.sagemaker.transform_record import KIND, TransformRecord
from local.aws_server.sagemaker.transform_run import TransformRun
from local.aws_server.sagemaker.validation import validate

MOST_PAYLOAD_MB = 100
"""Of MaxPayloadInMB, and of MaxConcurrentTransforms times it."""
SOURCES, SPLITS = ("S3Prefix", "ManifestFile"), ("None", "Line")

JOBS = JobsOfServers(KIND, TransformRun)


def _record(call: Call) -> TransformRecord:
    return job_operations.named(call, KIND, "Transform")


@operation("sagemaker", "CreateTransformJob")
def create_transform_job(call: Call) -> dict[str, Any]:
    """Notes the job and starts it."""
    validate(call)
    jobs = JOBS.of(call.server)
    request = copy.deepcopy(call.params)
    _check(request)
    container = container_of(jobs.plane, call.region, request["ModelName"])
    name = request["TransformJobName"]
    arn = call.arn(f"transform-job/{name}")
    moment = now()
    record = TransformRecord(
        request=request,
        container=container,
        region=call.region,
        arn=arn,
        folder=str(jobs.plane.folder / "transform" / f"{name}-{uuid.uuid4().hex[:8]}"),
        created=moment,
        modified=moment,
    )
    return job_operations.begin(call, jobs, KIND, record, "Job name", "job")


def _check(request: dict[str, Any]) -> None:
    """What the service checks beyond its model, and what this data plane cannot do."""
    source, output = request["TransformInput"], request["TransformOutput"]
    data, split = source["DataSource"]["S3DataSource"], source.get("SplitType", "None")
    s3_location(data["S3Uri"])
    s3_location(output["S3OutputPath"])
    if data["S3DataType"] not in SOURCES:
        raise ServiceError("ValidationException", f"The local SageMaker transforms {' or '.join(SOURCES)} only.")
    if split not in SPLITS:
        raise ServiceError("ValidationException", f"The local SageMaker splits by {' or '.join(SPLITS)}, not {split}.")
    if request.get("DataCaptureConfig"):
        raise ServiceError("ValidationException", "The local SageMaker captures no data of transform jobs.")
    if request.get("BatchStrategy") == "SingleRecord" and split == "None":
        raise ServiceError("ValidationException", "BatchStrategy SingleRecord needs a SplitType: Line.")
    payload = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    if payload * max(1, request.get("MaxConcurrentTransforms", 0)) > MOST_PAYLOAD_MB:
        raise ServiceError(
            "ValidationException",
            f"MaxPayloadInMB, and MaxConcurrentTransforms times MaxPayloadInMB, must be at most {MOST_PAYLOAD_MB}.",
        )
    resources = request["TransformResources"]
    if resources["InstanceCount"] > MOST_HOSTS:
        raise ServiceError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{resources['InstanceType']} for transform job usage' is {MOST_HOSTS} "
            f"Instances, with current utilization of 0 Instances and a request delta of "
            f"{resources['InstanceCount']} Instances.",
        )
    try:
        DataProcessing(request)
    except FilterError as error:
        raise ServiceError("ValidationException", str(error)) from error


@operation("sagemaker", "DescribeTransformJob")
def describe_transform_job(call: Call) -> dict[str, Any]:
    """A job with its status."""
    return _record(call).description()


@operation("sagemaker", "ListTransformJobs")
def list_transform_jobs(call: Call) -> dict[str, Any]:
    """Jobs by time, name or status."""
    return job_operations.listed(call, KIND, "Transform")


@operation("sagemaker", "StopTransformJob")
def stop_transform_job(call: Call) -> None:
    """Asks a job to stop; it becomes Stopped once its processes are gone, and leaves no output."""
    return job_operations.stop(call, JOBS.of(call.server), KIND, _record(call))
