"""The API of training jobs."""

import copy
import uuid
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import job_operations
from local.aws_server.sagemaker import training_contract as contract
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.running_jobs import JobsOfServers
from local.aws_server.sagemaker.training_metrics import invalid_definition
from local.aws_server.sagemaker.training_record import KIND, TrainingRecord, load
from local.aws_server.sagemaker.training_run import TrainingRun
from local.aws_server.sagemaker.validation import validate

DEFAULT_RUNTIME_S = 86400
MOST_HOSTS = 8
"""Hosts of one job: each is a set of processes on this one machine."""
JOBS = JobsOfServers(KIND, TrainingRun)


def _not_found() -> ServiceError:
    return ServiceError("ValidationException", "Requested resource not found.")


def _record(call: Call) -> TrainingRecord:
    record = load(JOBS.of(call.server).plane, call.region, call.params["TrainingJobName"])
    if record is None:
        raise _not_found()
    return record


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(call: Call) -> dict[str, Any]:
    """Notes the job and starts it."""
    validate(call)
    jobs = JOBS.of(call.server)
    request = copy.deepcopy(call.params)
    _check(call, request)
    name = request["TrainingJobName"]
    arn = call.arn(f"training-job/{name}")
    moment = now()
    request.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", DEFAULT_RUNTIME_S)
    for flag in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        request.setdefault(flag, False)
    record = TrainingRecord(
        request=request,
        region=call.region,
        arn=arn,
        folder=str(jobs.plane.folder / "training" / f"{name}-{uuid.uuid4().hex[:8]}"),
        created=moment,
        modified=moment,
    )
    record.enter("Starting")
    return job_operations.begin(call, jobs, KIND, record, "Training job names", "training job")


def _check(call: Call, request: dict[str, Any]) -> None:
    """What the service checks beyond its model, and what this data plane cannot do."""
    algorithm = request.get("AlgorithmSpecification") or {}
    if request.get("ServerlessJobConfig") or algorithm.get("AlgorithmName"):
        raise ServiceError(
            "ValidationException", "The local SageMaker runs container images, not AWS's own algorithms."
        )
    if not algorithm.get("TrainingImage"):
        raise ServiceError("ValidationException", "You must specify a training image or an algorithm name.")
    if "ResourceConfig" not in request:
        raise ServiceError("ValidationException", "You must specify ResourceConfig.")
    require_role(call.server, request["RoleArn"])
    if problem := invalid_definition(algorithm.get("MetricDefinitions") or []):
        raise ServiceError("ValidationException", problem)
    instance_type, count = contract.instance_of(request)
    if count > MOST_HOSTS:
        raise ServiceError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{instance_type} for training job usage' is {MOST_HOSTS} Instances, with "
            f"current utilization of 0 Instances and a request delta of {count} Instances.",
        )
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig") or []]
    if len(names) != len(set(names)):
        raise ServiceError("ValidationException", "Channel names must be unique within a training job.")
    for channel in request.get("InputDataConfig") or []:
        if "S3DataSource" not in channel["DataSource"]:
            raise ServiceError(
                "ValidationException",
                f"Channel {channel['ChannelName']}: the local SageMaker reads S3 data sources only.",
            )
        if channel.get("InputMode", algorithm["TrainingInputMode"]) == "Pipe":
            raise ServiceError(
                "ValidationException",
                f"Channel {channel['ChannelName']}: the local SageMaker has no Pipe mode; use File or FastFile.",
            )
    if request.get("EnableManagedSpotTraining"):
        stopping = request.get("StoppingCondition") or {}
        runtime, wait = stopping.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_S), stopping.get("MaxWaitTimeInSeconds")
        if wait is None or wait < runtime:
            raise ServiceError(
                "ValidationException",
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
            )


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(call: Call) -> dict[str, Any]:
    """A job with its statuses."""
    record = _record(call)
    run = JOBS.of(call.server).run_of(record.key)
    if run is not None and not record.final:
        record.metrics = run.metrics.final
    return record.description()


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(call: Call) -> dict[str, Any]:
    """Jobs by time, name or status."""
    return job_operations.listed(call, KIND, "Training")


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(call: Call) -> None:
    """Asks a job to stop; it becomes Stopped once its processes are gone and its output is in S3."""
    return job_operations.stop(call, JOBS.of(call.server), KIND, _record(call))


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(call: Call) -> None:
    """Forgets a job that has ended."""
    return job_operations.forget(call, KIND, _record(call))
