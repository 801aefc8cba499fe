"""Batch transform jobs: asking SageMaker for one, finding, following and stopping those that exist."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import recording
from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.errors import ExitCode, MlError, NotFoundError, SpecError
from ml.identity import resource_tags
from ml.ledger import creating
from ml.targets.sagemaker.deployment import Deployment, Target
from ml.targets.sagemaker.jobs import FINISHED, is_not_found, seconds_of
from ml.targets.sagemaker.training import JOB_NAME, volume_key
from platform_contract import PlatformContract

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MOST_PAYLOAD_MB = 100
"""Of a request, and of all that are sent at once
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html)."""
DEFAULT_PAYLOAD_MB = 6
JOINED_TYPES = ("text/csv", "application/json", "application/jsonlines")
"""What filters and joins read (https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html)."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is to be asked. source, output: S3 prefixes. content_type, accept: MIME types of rows and answers.

    split: whether each line is a record; otherwise an object is one request. single: one record a request.
    join: whether answers come beside their records. input_filter, output_filter: JSONPath of what the model gets, and
    of what is kept.
    """

    source: str
    output: str
    content_type: str
    accept: str
    split: bool = True
    single: bool = False
    zipped: bool = False
    join: bool = False
    input_filter: str | None = None
    output_filter: str | None = None
    payload_mb: int | None = None
    concurrent: int | None = None

    def check(self) -> None:
        """Raises SpecError for what SageMaker would refuse."""
        processed = self.join or self.input_filter or self.output_filter
        if processed and self.content_type.partition(";")[0] not in JOINED_TYPES:
            raise SpecError(f"Filters and joins take {', '.join(JOINED_TYPES)}, not {self.content_type}.")
        if self.single and not self.split:
            raise SpecError("--single-record needs lines: leave out --no-split.")
        payload = DEFAULT_PAYLOAD_MB if self.payload_mb is None else self.payload_mb
        if (self.concurrent or 1) * payload > MOST_PAYLOAD_MB:
            raise SpecError(
                f"--concurrent {self.concurrent or 1} requests of --max-payload {payload} MB are "
                f"{(self.concurrent or 1) * payload} MB at once; SageMaker takes {MOST_PAYLOAD_MB}."
            )

    def members(self) -> dict[str, Any]:
        """CreateTransformJob's members about the data."""
        source: dict[str, Any] = {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.source}},
            "ContentType": self.content_type,
            "CompressionType": "Gzip" if self.zipped else "None",
            "SplitType": "Line" if self.split else "None",
        }
        output = {
            "S3OutputPath": self.output,
            "Accept": self.accept,
            "AssembleWith": "Line" if self.split else "None",
        }
        request: dict[str, Any] = {"TransformInput": source, "TransformOutput": output}
        if self.split:
            request["BatchStrategy"] = "SingleRecord" if self.single else "MultiRecord"
        processing = {
            "InputFilter": self.input_filter,
            "OutputFilter": self.output_filter,
            "JoinSource": "Input" if self.join else None,
        }
        if kept := {name: value for name, value in processing.items() if value}:
            request["DataProcessing"] = kept
        if self.payload_mb is not None:
            request["MaxPayloadInMB"] = self.payload_mb
        if self.concurrent is not None:
            request["MaxConcurrentTransforms"] = self.concurrent
        return request


@dataclass(frozen=True, kw_only=True)
class TransformState:
    """A transform job as SageMaker describes it. seconds: how long it has run, None before it starts."""

    name: str
    status: str
    reason: str | None
    created: str
    seconds: int | None
    model: str
    input: str
    output: str

    @property
    def detail(self) -> str:
        """What is told besides the status."""
        return ""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINISHED

    @property
    def exit_code(self) -> ExitCode:
        """What a command that waited for it ends with."""
        if not self.finished:
            return ExitCode.IN_PROGRESS
        codes = {"Completed": ExitCode.OK, "Stopped": ExitCode.STOPPED}
        return codes.get(self.status, ExitCode.JOB_FAILED)

    def document(self) -> dict[str, Any]:
        """The state as `-o json` prints it."""
        return {**asdict(self), "exit_code": int(self.exit_code)}


def job_name(job: str) -> str:
    """A new name for a transform by a training job's model: that job's, with the time of now."""
    match = JOB_NAME.fullmatch(job)
    stem = match["stem"] if match else job[:42]
    return f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def start(environment: Environment, contract: PlatformContract, target: Target, batch: Batch, name: str) -> str:
    """Make the model where it is missing and create the transform job; returns its ARN.

    The audit log gets an intent and an end, the ledger an entry. Raises MlError where SageMaker refuses.
    """
    deployment = Deployment(environment, contract, target)
    resources: dict[str, Any] = {"InstanceType": target.instance.type, "InstanceCount": target.instance.count}
    if key := volume_key(contract, target.instance.type):
        resources["VolumeKmsKeyId"] = key
    request: dict[str, Any] = {
        "TransformJobName": name,
        "ModelName": deployment.model,
        **batch.members(),
        "TransformResources": resources,
    }
    request["TransformOutput"]["KmsKeyId"] = contract.storage.kms_key_arn
    made_of = {"instance_type": target.instance.type, "instance_count": target.instance.count}
    told = {
        **{"job": target.job, "model": deployment.model, "image": deployment.image, "package": target.package},
        **{"input": batch.source, "output": batch.output, **made_of},
    }
    try:
        with recording(environment, contract, target.team, "transform", name, told) as act:
            deployment.make_model(act.intent)
            with creating(
                environment,
                contract,
                target.team,
                "transform-job",
                name,
                expires=target.expires,
                details={"job": target.job, **made_of, "uploads": [batch.source]},
                head=act.intent.place,
            ) as creation:
                tags = [*resource_tags(contract, target.team), act.intent.place.tag()]
                answer = environment.clients.client("sagemaker").create_transform_job(**request, Tags=tags)
                creation.arn = str(answer["TransformJobArn"])
                creation.told_by(act.intent)
            return creation.arn
    except ClientError as error:
        if is_denied(error):
            raise
        raise MlError(f"SageMaker refused the transform job: {error_details(error).message}") from error


def describe(sagemaker: Any, name: str) -> TransformState:
    """The state of a transform job by its full name. Raises NotFoundError."""
    try:
        answer: dict[str, Any] = sagemaker.describe_transform_job(TransformJobName=name)
    except ClientError as error:
        if is_not_found(error):
            raise NotFoundError(f"There is no transform job {name!r}.") from error
        raise
    return TransformState(
        name=answer["TransformJobName"],
        status=answer["TransformJobStatus"],
        reason=answer.get("FailureReason") or None,
        created=answer["CreationTime"].astimezone(UTC).isoformat(timespec="seconds"),
        seconds=seconds_of(answer, "Transform"),
        model=answer["ModelName"],
        input=answer["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
        output=answer["TransformOutput"]["S3OutputPath"],
    )


def find(sagemaker: Any, name: str) -> TransformState | None:
    """A transform job by its full name; None where there is none, or the caller may not ask about that name."""
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name):
        return None
    try:
        return describe(sagemaker, name)
    except NotFoundError:
        return None
    except ClientError as error:
        if not is_denied(error):
            raise
        return None


def list_jobs(sagemaker: Any, *, prefix: str = "", limit: int = 20) -> Iterator[dict[str, Any]]:
    """Summaries of transform jobs whose names begin with `prefix`, newest first; none where they may not be listed."""
    request: dict[str, Any] = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": min(limit, 100)}
    if prefix:
        request["NameContains"] = prefix
    try:
        summaries = sagemaker.list_transform_jobs(**request)["TransformJobSummaries"]
    except ClientError as error:
        if not is_denied(error):
            raise
        return
    yield from (entry for entry in summaries if entry["TransformJobName"].startswith(prefix))


def stop(sagemaker: Any, name: str) -> None:
    """Ask a transform job to stop; it leaves no output. Raises MlError where it has ended."""
    try:
        sagemaker.stop_transform_job(TransformJobName=name)
    except ClientError as error:
        raise MlError(f"SageMaker did not stop {name}: {error_details(error).message}") from error
