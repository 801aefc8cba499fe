"""The gate before training: a processing job checks the data, and the training job gets its result.

What is held where: `ml train` starts no job on data that failed. The job itself refuses to run its script unless the
result says that the check passed and the files in its channels are, by SHA-256, those that were checked
(`ml/driver/groundwork_data.py`): whatever is written to the bucket in between never reaches a model.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.data.findings import CheckResult, result_of
from ml.data.load import checked_channels, expectations_of
from ml.data.request import (
    FOLDER,
    PASSED,
    check_key,
    checks_archive,
    expectations_document,
    processing_request,
)
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import MlError
from ml.ledger import creating
from ml.progress import say
from ml.records import RecordedInput
from ml.spec import JobSpec
from ml.targets.sagemaker.jobs import Pause
from platform_contract import PlatformContract

CHANNEL = "data-validation"
"""The channel that brings the result to the training job; ml/driver/groundwork_data.py has the same word."""
VARIABLE = "GROUNDWORK_VALIDATION"
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_MOST_SHOWN = 20


class DataError(MlError):
    """The data are not as expected, or could not be checked; the text says what, by how much, and where to look."""


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Data that were checked and passed.

    job: the processing job. uri: folder with the result and the report. digest: SHA-256 of result.json.
    versions: version of each channel that was checked.
    """

    job: str
    uri: str
    digest: str
    versions: Mapping[str, str]

    @property
    def channel(self) -> dict[str, Any]:
        """The channel that brings the result to the training job."""
        source = {"S3DataType": "S3Prefix", "S3Uri": self.uri, "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": CHANNEL, "DataSource": {"S3DataSource": source}, "InputMode": "File"}

    @property
    def variables(self) -> dict[str, str]:
        """What tells the training job that it must check, and against which result."""
        return {VARIABLE: self.digest}


def check_inputs(
    spec: JobSpec,
    folder: Path,
    environment: Environment,
    contract: PlatformContract,
    request: dict[str, Any],
    inputs: Mapping[str, RecordedInput],
    put_content: Callable[[str, Mapping[str, bytes]], str],
) -> dict[str, RecordedInput]:
    """Check what a training job would read, and make the request one for a job that reads nothing else.

    request: CreateTrainingJob's members so far; the channel with the result and the variable that demands it are added.
    Returns the inputs with their versions. Raises as `validated` does.
    """
    with readable_errors(environment):
        passed = validated(spec, folder, environment, contract, request["TrainingJobName"], inputs, put_content, say)
    request["InputDataConfig"].append(passed.channel)
    request["Environment"].update(passed.variables)
    return {
        name: one.model_copy(update={"version": passed.versions.get(name, one.version)}) for name, one in inputs.items()
    }


def validated(
    spec: JobSpec,
    folder: Path,
    environment: Environment,
    contract: PlatformContract,
    job: str,
    inputs: Mapping[str, RecordedInput],
    put_content: Callable[[str, Mapping[str, bytes]], str],
    tell: Callable[[str], None],
) -> Validated:
    """Check a training job's data in a processing job of the team, and wait for the result.

    Data of known versions that have passed the same check before are not checked again.
    job: the training job's name. inputs: what it reads, by channel. put_content: uploads files, by name, under their
    content's digest and returns the folder's URI (`Uploads.content`). tell: takes lines of progress.
    Raises SpecError, and DataError where the data are not as expected or could not be checked.
    """
    expectations = expectations_of(spec, folder)
    code = put_content(
        "checks", {"checks.zip": checks_archive(), "expectations.json": expectations_document(expectations)}
    )
    checked = {name: inputs[name] for name in checked_channels(spec)}
    key = check_key(expectations, code, {name: one.version for name, one in checked.items()})
    place = contract.teams[spec.team].artifact_uri
    if key and (earlier := _passed_before(environment, place, key, checked)):
        tell(f"The data are as expected: {earlier.job} has checked the same data.")
        return earlier
    uris = {name: one.uri for name, one in checked.items()}
    request = processing_request(spec, contract, job, uris, code, key)
    name = request["ProcessingJobName"]
    uri = f"{place}/{FOLDER}/{name}"
    sagemaker = environment.clients.client("sagemaker")
    instance = {"instance_type": spec.validation.instance.type, "instance_count": 1} if spec.validation else {}
    try:
        with creating(
            environment, contract, spec.team, "processing-job", name, details={**instance, "uploads": [code, uri]}
        ) as creation:
            creation.arn = sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    except ClientError as error:
        if is_denied(error):
            raise
        raise MlError(f"SageMaker refused the data validation: {error_details(error).message}") from error
    tell(f"Checking the data in {name} …")
    _wait(sagemaker, name, tell)
    content = _read(environment, f"{uri}/result.json")
    document = json.loads(content)
    result = result_of(document)
    if not result.passed:
        raise DataError(refusal(result, name, uri, environment.name))
    tell(f"The data are as expected: {len(result.findings)} checks passed.")
    versions = {channel: entry["digest"] for channel, entry in document["channels"].items()}
    return Validated(job=name, uri=f"{uri}/", digest=hashlib.sha256(content).hexdigest(), versions=versions)


def _passed_before(
    environment: Environment, place: str, key: str, inputs: Mapping[str, RecordedInput]
) -> Validated | None:
    """The earlier check of the same data, if there was one and its result is still what it left."""
    try:
        note: dict[str, Any] = json.loads(_read(environment, f"{place}/{PASSED}/{key}.json"))
        uri = f"{place}/{FOLDER}/{note['job']}"
        content = _read(environment, f"{uri}/result.json")
    except ClientError as error:
        # Without the right to list the bucket, S3 answers 403 for an object that is not there.
        if error_details(error).code in {"NoSuchKey", "404", "AccessDenied", "403"}:
            return None
        raise
    digest, versions = hashlib.sha256(content).hexdigest(), {name: one.version for name, one in inputs.items()}
    if (note["digest"], note["versions"]) != (digest, versions) or json.loads(content).get("passed") is not True:
        return None
    return Validated(job=note["job"], uri=f"{uri}/", digest=digest, versions=note["versions"])


def refusal(result: CheckResult, name: str, uri: str, environment: str) -> str:
    """What is not as expected, and where to read more."""
    failed = result.failed
    lines = [
        f"The data are not as expected: {len(failed)} of {len(result.findings)} checks failed. No job was started."
    ]
    lines += [f"  {finding}" for finding in failed[:_MOST_SHOWN]]
    if len(failed) > _MOST_SHOWN:
        lines.append(f"  … and {len(failed) - _MOST_SHOWN} more")
    return "\n".join([*lines, f"Report: ml data report {name} --env {environment} ({uri}/report.html)"])


def validation_uri(training_job: Mapping[str, Any]) -> str | None:
    """Where the result of a job's data validation lies, by DescribeTrainingJob's answer; None where it had none."""
    channels: list[dict[str, Any]] = training_job.get("InputDataConfig") or []
    for channel in channels:
        if channel["ChannelName"] == CHANNEL:
            return str(channel["DataSource"]["S3DataSource"]["S3Uri"])
    return None


def _wait(sagemaker: Any, name: str, tell: Callable[[str], None]) -> None:
    """Wait for the end of the check. Who stops waiting stops it: nothing else would use its result."""
    pause = Pause()
    try:
        while True:
            answer = sagemaker.describe_processing_job(ProcessingJobName=name)
            status = answer["ProcessingJobStatus"]
            if status not in ("InProgress", "Stopping"):
                break
            pause.sleep()
    except KeyboardInterrupt:
        tell(f"\nStopping {name}; no job was started.")
        sagemaker.stop_processing_job(ProcessingJobName=name)
        raise
    if status != "Completed":
        said: Sequence[str] = [text for text in (answer.get("ExitMessage"), answer.get("FailureReason")) if text]
        raise DataError(
            f"The data could not be checked, and no job was started: {name} is {status}. {' '.join(said)}\n"
            f"Its log: CloudWatch Logs, {LOG_GROUP}, {name}/…"
        )


def _read(environment: Environment, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
