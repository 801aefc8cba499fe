"""What the APIs of training, processing and transform jobs have in common."""

import copy
from typing import Any

from local.aws_server.operations import Call, ServiceError
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.job_record import JobRecord
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.running_jobs import RunningJobs
from local.aws_server.sagemaker.validation import validate


def begin(call: Call, jobs: RunningJobs[Any], kind: str, record: JobRecord, names: str, one: str) -> dict[str, Any]:
    """Notes a new job and starts it: the answer of its Create operation.

    names, one: what the service calls such jobs' names, and such a job, where the name is another's.
    """
    with call.server.records.lock:
        if call.server.records.get(kind, record.key) is not None:
            raise ServiceError(
                "ResourceInUse",
                f"{names} must be unique within an AWS account and region, and a {one} with this name already exists "
                f"({record.arn})",
            )
        call.server.records.put(kind, record.key, record)
        tags.set_tags(call.server, record.arn, record.request.get("Tags"))
    jobs.start(record)
    return {f"{record.WORD}JobArn": record.arn}


def named(call: Call, kind: str, word: str) -> Any:
    """A copy of the record of the job that a request names. Raises ServiceError where there is none."""
    name = call.params[f"{word}JobName"]
    record = call.server.records.get(kind, f"{call.region}/{name}")
    if record is None:
        raise ServiceError("ValidationException", f"Could not find requested job with name: {name}")
    return copy.deepcopy(record)


def listed(call: Call, kind: str, word: str) -> dict[str, Any]:
    """Jobs by time, name or status: the answer of a List operation. word: as a record's WORD."""
    validate(call)
    records = call.server.records.items(kind, f"{call.region}/")
    summaries = (record.summary() for _, record in records)
    entries, token = page(summaries, call.params, name=f"{word}JobName", status=f"{word}JobStatus")
    return {f"{word}JobSummaries": entries, **token}


def stop(call: Call, jobs: RunningJobs[Any], kind: str, record: JobRecord) -> None:
    """Asks a job to stop. Raises ServiceError for one that has ended."""
    run = jobs.run_of(record.key)
    already = record.status == "Stopping"
    if record.final or run is None or not (already or run.request_stop()):
        status = call.server.records.get(kind, record.key).status
        word = record.WORD.lower()
        raise ServiceError(
            "ValidationException", f"The request was rejected because the {word} job is in status {status}."
        )


def forget(call: Call, kind: str, record: JobRecord) -> None:
    """Forgets a job that has ended. Raises ServiceError for one that has not."""
    if not record.final:
        raise ServiceError(
            "ResourceInUse", f"The {record.WORD.lower()} job is in status {record.status} and cannot be deleted."
        )
    call.server.records.delete(kind, record.key)
    tags.forget_tags(call.server, record.arn)
