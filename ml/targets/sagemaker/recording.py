"""The run record of a training job that is about to be submitted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.identity import owner
from ml.packaging.git import git_state
from ml.plan.cost import Cost
from ml.records import CHANNEL, RecordedCode, RecordedGit, RecordedImage, RecordedInput, RunRecord, record_uri
from ml.spec import JobSpec
from platform_contract import PlatformContract


def new_record(
    spec: JobSpec,
    folder: Path,
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
        image=RecordedImage(uri=image, digest=image_digest(image)),
        inputs=dict(inputs),
        request=dict(request),
        model_data=f"{request['OutputDataConfig']['S3OutputPath']}/{request['TrainingJobName']}/output/model.tar.gz",
        tracking_uri=request["Environment"]["MLFLOW_TRACKING_URI"],
        experiment=request["Environment"]["MLFLOW_EXPERIMENT_NAME"],
        price_per_hour_usd=float(hourly) if hourly is not None else None,
    )


def image_digest(uri: str) -> str | None:
    """The digest that an image's URI names; None for one that names a tag."""
    _, at, digest = uri.partition("@")
    return digest if at else None


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
