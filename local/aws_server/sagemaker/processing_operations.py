"""The API of processing jobs."""

import copy
import uuid
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import job_operations
from local.aws_server.sagemaker import processing_contract as contract
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.processing_record import KIND, ProcessingRecord
from local.aws_server.sagemaker.processing_run import ProcessingRun
from local.aws_server.sagemaker.running_jobs import JobsOfServers
from local.aws_server.sagemaker.training_operations import MOST_HOSTS
from local.aws_server.sagemaker.validation import validate

DEFAULT_RUNTIME_S = 86400


JOBS = JobsOfServers(KIND, ProcessingRun)


def _record(call: Call) -> ProcessingRecord:
    return job_operations.named(call, KIND, "Processing")


@operation("sagemaker", "CreateProcessingJob")
def create_processing_job(call: Call) -> dict[str, Any]:
    """Notes the job and starts it."""
    validate(call)
    jobs = JOBS.of(call.server)
    request = copy.deepcopy(call.params)
    _check(call, request)
    name = request["ProcessingJobName"]
    arn = call.arn(f"processing-job/{name}")
    moment = now()
    request.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_S})
    record = ProcessingRecord(
        request=request,
        region=call.region,
        arn=arn,
        folder=str(jobs.plane.folder / "processing" / f"{name}-{uuid.uuid4().hex[:8]}"),
        created=moment,
        modified=moment,
    )
    return job_operations.begin(call, jobs, KIND, record, "Processing job names", "processing job")


def _check(call: Call, request: dict[str, Any]) -> None:
    """What the service checks beyond its model, and what this data plane cannot do."""
    if "RoleArn" not in request:
        raise ServiceError("ValidationException", "You must specify RoleArn.")
    require_role(call.server, request["RoleArn"])
    instance_type, count = contract.cluster_of(request)
    if not instance_type:
        raise ServiceError("ValidationException", "You must specify InstanceType or InstancePreferences.")
    if count > MOST_HOSTS:
        raise ServiceError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{instance_type} for processing job usage' is {MOST_HOSTS} Instances, "
            f"with current utilization of 0 Instances and a request delta of {count} Instances.",
        )
    inputs = [("input", each["InputName"], each) for each in request.get("ProcessingInputs") or []]
    outputs = [
        ("output", each["OutputName"], each)
        for each in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    ]
    for entries in (inputs, outputs):
        names = [name for _, name, _ in entries]
        if len(names) != len(set(names)):
            raise ServiceError("ValidationException", f"Names must be unique among the {entries[0][0]}s of a job.")
    paths = [_local_path(kind, name, each) for kind, name, each in [*inputs, *outputs] if not each.get("AppManaged")]
    if len(paths) != len(set(paths)):
        # The service wants it as well, with an empty message: https://github.com/aws/sagemaker-python-sdk/issues/4939
        raise ServiceError("ValidationException", "The LocalPath of every input and output must be unique.")


def _local_path(kind: str, name: str, each: dict[str, Any]) -> str:
    """Where an input or output lies in the container; raises ServiceError for one that cannot be there."""
    place = each.get("S3Input" if kind == "input" else "S3Output")
    if place is None:
        raise ServiceError("ValidationException", f"{kind} {name}: the local SageMaker moves data of S3 only.")
    path = str(place.get("LocalPath") or "")
    if not path.startswith(contract.DATA_ROOT) or ".." in path.split("/"):
        raise ServiceError("ValidationException", f"{kind} {name}: LocalPath must begin with {contract.DATA_ROOT}.")
    if place.get("S3InputMode") == "Pipe":
        raise ServiceError("ValidationException", f"{kind} {name}: the local SageMaker has no Pipe mode; use File.")
    return path.rstrip("/")


@operation("sagemaker", "DescribeProcessingJob")
def describe_processing_job(call: Call) -> dict[str, Any]:
    """A job with its status."""
    return _record(call).description()


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(call: Call) -> dict[str, Any]:
    """Jobs by time, name or status."""
    return job_operations.listed(call, KIND, "Processing")


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(call: Call) -> None:
    """Asks a job to stop; it becomes Stopped once its processes are gone."""
    return job_operations.stop(call, JOBS.of(call.server), KIND, _record(call))


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(call: Call) -> None:
    """Forgets a job that has ended."""
    return job_operations.forget(call, KIND, _record(call))
