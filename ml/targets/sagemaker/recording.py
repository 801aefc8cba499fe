"""The run record of a training job that is about to be submitted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.environment import Environment, readable_errors
from ml.errors import MlError
from ml.identity import owner
from ml.packaging.git import git_state
from ml.plan.cost import Cost
from ml.records import CHANNEL, RecordedCode, RecordedGit, RecordedImage, RecordedInput, RunRecord, record_uri
from ml.spec import JobSpec
from platform_contract import PlatformContract

MOST_READ_BYTES = 64 * 2**20
MOST_READ_FILES = 200
"""Data whose version is found out before the job is sent: finding it may mean reading all of it once from here. The
version of more data the job itself finds out (`ml/driver/groundwork_run.py`)."""


def with_versions(environment: Environment, inputs: Mapping[str, RecordedInput]) -> dict[str, RecordedInput]:
    """The inputs with the versions of what lies in S3, where that is little enough and may be looked at."""
    return {name: one if one.version else _with_version(environment, one) for name, one in inputs.items()}


def _with_version(environment: Environment, recorded: RecordedInput) -> RecordedInput:
    from ml.data.version import data_version

    bucket, _, prefix = recorded.uri.removeprefix("s3://").partition("/")
    size = files = 0
    try:
        with readable_errors(environment):
            pages = environment.clients.client("s3").get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    size, files = size + int(entry["Size"]), files + 1
                if size > MOST_READ_BYTES or files > MOST_READ_FILES:
                    return recorded
        if not files:
            return recorded
        version = data_version(environment, recorded.uri)
    except (MlError, ClientError):
        # Whether the job may read its data is the job's own matter: its role's, not the submitter's.
        return recorded
    update = {"version": version.digest, "files": len(version.objects), "size_bytes": version.size_bytes}
    return recorded.model_copy(update=update)


def new_record(
    spec: JobSpec,
    folder: Path,
    environment: Environment,
    contract: PlatformContract,
    request: Mapping[str, Any],
    code: RecordedCode,
    inputs: Mapping[str, RecordedInput],
    cost: Cost,
) -> RunRecord:
    """The record of a job.

    folder: what the spec's paths are relative to. request: CreateTrainingJob's members, less the channel of the record.
    """
    git = git_state(folder / spec.source_dir)
    image: str = request["AlgorithmSpecification"]["TrainingImage"]
    hourly = cost.hourly
    return RunRecord(
        job=request["TrainingJobName"],
        team=spec.team,
        environment=contract.platform.environment,
        account_id=contract.platform.account_id,
        region=contract.platform.region,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        submitter=owner(),
        spec=spec.model_dump(mode="json", by_alias=True, exclude_unset=True),
        code=code,
        git=RecordedGit(**git._asdict()) if git else None,
        image=RecordedImage(uri=image, digest=image_digest(environment, contract, image)),
        inputs=dict(inputs),
        request=dict(request),
        model_data=f"{request['OutputDataConfig']['S3OutputPath']}/{request['TrainingJobName']}/output/model.tar.gz",
        tracking_uri=request["Environment"]["MLFLOW_TRACKING_URI"],
        experiment=request["Environment"]["MLFLOW_EXPERIMENT_NAME"],
        price_per_hour_usd=float(hourly) if hourly is not None else None,
    )


def image_digest(environment: Environment, contract: PlatformContract, uri: str) -> str | None:
    """The digest that an image's URI names, or that its tag means now in the platform's registry; else None."""
    from ml.images.registry import find, purpose_of

    _, at, digest = uri.partition("@")
    if at or purpose_of(contract, uri) is None:
        return digest or None
    try:
        with readable_errors(environment):
            found = find(environment, contract, uri)
    except (MlError, ClientError):
        return None  # who may not look at the registry may run jobs all the same
    return found.digest if found else None


def with_record_channel(record: RunRecord, contract: PlatformContract) -> dict[str, Any]:
    """The request that brings the record into the job."""
    channel = {
        "ChannelName": CHANNEL,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": record_uri(contract, record.team, record.job),
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "InputMode": "File",
    }
    return {**record.request, "InputDataConfig": [*record.request["InputDataConfig"], channel]}
