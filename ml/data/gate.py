"""The gate before training: a processing job checks the data, and the training job gets its result.

What is held where: `ml train` starts no job on data that failed. The job itself refuses to run its script unless the
result says that the check passed and the files in its channels are, by SHA-256, those that were checked
(`ml/driver/groundwork_data.py`): whatever is written to the bucket in between never reaches a model.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.commands.output import say
from ml.data.expectations import Expectations
from ml.data.findings import CheckResult, result_of
from ml.data.load import load_expectations
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import MlError, SpecError
from ml.identity import resource_tags
from ml.images import platform_image, training_image
from ml.ledger import creating
from ml.records import RecordedInput
from ml.spec import JobSpec
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.training import volume_key, vpc_config
from platform_contract import PlatformContract

CHANNEL = "data-validation"
"""The channel that brings the result to the training job; ml/driver/groundwork_data.py has the same word."""
VARIABLE = "GROUNDWORK_VALIDATION"
SUFFIX = "-data"
"""After the training job's name: the name of the processing job that checked its data."""
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
FOLDER = "validations"
"""Under the team's artifact prefix: one folder a check, with result.json, report.html and the expectations."""
_START = 'exec "$(command -v python3 || command -v python)" /opt/ml/processing/input/code/checks.zip "$@"'
MODULES = (
    "__init__.py",
    "durations.py",
    *(
        f"data/{name}.py"
        for name in (
            "__init__",
            "check",
            "content",
            "expectations",
            "findings",
            "job",
            "report",
            "statistics",
            "suite",
            "tables",
        )
    ),
)
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


def checked_channels(spec: JobSpec) -> tuple[str, ...]:
    """The inputs that a spec wants checked."""
    assert spec.validation is not None
    return spec.validation.channels or tuple(spec.inputs)


def load_gate(spec: JobSpec, folder: Path) -> Expectations:
    """The expectations that a spec names, found to fit its inputs. Raises SpecError."""
    assert spec.validation is not None
    file = folder / spec.validation.expectations
    expectations = load_expectations(file)
    channels = checked_channels(spec)
    if expectations.leakage and (missing := [name for name in expectations.leakage.between if name not in channels]):
        raise SpecError(
            f"{file}: leakage.between: {missing[0]!r} is none of the inputs that are checked ({', '.join(channels)})"
        )
    return expectations


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
    uris = {name: one.uri for name, one in inputs.items()}
    with readable_errors(environment):
        passed = validated(spec, folder, environment, contract, request["TrainingJobName"], uris, put_content, say)
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
    channels: Mapping[str, str],
    put_content: Callable[[str, Mapping[str, bytes]], str],
    tell: Callable[[str], None],
) -> Validated:
    """Check a training job's data in a processing job of the team, and wait for the result.

    job: the training job's name. channels: name to S3 URI. put_content: uploads files, by name, under their content's
    digest and returns the folder's URI (`Uploads.content`). tell: takes lines of progress.
    Raises SpecError, and DataError where the data are not as expected or could not be checked.
    """
    expectations = load_gate(spec, folder)
    code = put_content("checks", {"checks.zip": checks_archive(), "expectations.json": _document(expectations)})
    request = processing_request(spec, contract, job, {name: channels[name] for name in checked_channels(spec)}, code)
    name, uri = request["ProcessingJobName"], _output(request)
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


def processing_request(
    spec: JobSpec, contract: PlatformContract, job: str, channels: Mapping[str, str], code: str
) -> dict[str, Any]:
    """CreateProcessingJob's members
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html)."""
    assert spec.validation is not None
    team, validation = contract.teams[spec.team], spec.validation
    name = f"{job}{SUFFIX}"
    cluster: dict[str, Any] = {
        "InstanceCount": 1,
        "InstanceType": validation.instance.type,
        "VolumeSizeInGB": validation.instance.volume_gb,
    }
    if key := volume_key(contract, validation.instance.type):
        cluster["VolumeKmsKeyId"] = key
    output = {
        "S3Uri": f"{team.artifact_uri}/{FOLDER}/{name}",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    request: dict[str, Any] = {
        "ProcessingJobName": name,
        "RoleArn": team.execution_role_arn,
        "AppSpecification": {
            "ImageUri": platform_image(validation.image, contract)
            if validation.image
            else training_image(spec, contract),
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            # The channels' names are arguments: the shell sees them as "$@" alone.
            "ContainerArguments": [_START, "checks", *channels],
        },
        "ProcessingInputs": [
            _input("code", code),
            *(_input(channel, uri) for channel, uri in channels.items()),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "result", "S3Output": output}],
            "KmsKeyId": contract.storage.kms_key_arn,
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": validation.max_runtime},
        "Environment": {"AWS_DEFAULT_REGION": contract.platform.region, "PYTHONUNBUFFERED": "1"},
        "Tags": [*resource_tags(contract, spec.team), {"Key": "groundwork:training-job", "Value": job}],
    }
    if contract.training.use_vpc:
        request["NetworkConfig"] = {"VpcConfig": vpc_config(contract)}
    return request


def validation_uri(training_job: Mapping[str, Any]) -> str | None:
    """Where the result of a job's data validation lies, by DescribeTrainingJob's answer; None where it had none."""
    channels: list[dict[str, Any]] = training_job.get("InputDataConfig") or []
    for channel in channels:
        if channel["ChannelName"] == CHANNEL:
            return str(channel["DataSource"]["S3DataSource"]["S3Uri"])
    return None


@cache
def checks_archive() -> bytes:
    """The modules that check, as an archive that Python runs: the same bytes for the same modules."""
    root = Path(__file__).parents[1]
    files = {f"ml/{name}": (root / name).read_bytes() for name in MODULES}
    files["__main__.py"] = b"import sys\n\nfrom ml.data.job import run\n\nsys.exit(run())\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def _document(expectations: Expectations) -> bytes:
    return expectations.model_dump_json(indent=1).encode()


def _input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _output(request: Mapping[str, Any]) -> str:
    return str(request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"])


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
