"""The gates as a processing job of the platform: asked for, waited for, and checked again by whoever approves."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import MlError
from ml.gates.request import REPORT_FILE, REQUEST_FILE, GateRequest, read_message
from ml.identity import resource_tags
from ml.images.registry import purpose_of, released
from ml.ledger import creating
from ml.registry.aliases import registry_uri
from ml.registry.packages import GATES_JOB, REPORT, Package
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.training import volume_key, vpc_config
from platform_contract import PlatformContract

ENTRYPOINT = ["python3", "-m", "ml.gates"]
"""What the platform's serving image runs; whoever approves checks that the job ran this and nothing else."""
MAX_RUNTIME_S = 2 * 3600
FINISHED = frozenset({"Completed", "Failed", "Stopped"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the gates found. digest: SHA-256 of the report, which the job itself has told SageMaker."""

    job: str
    uri: str
    digest: str
    report: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every gate lets the version through."""
        return self.report["passed"] is True

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The results that do not."""
        return [result for result in self.report["results"] if not result["passed"]]


def run_gates(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    request: GateRequest,
    instance: EndpointInstance,
    on_status: Callable[[str], None],
) -> Evidence:
    """Run the gates and wait for what they say. Raises MlError where they could not be judged."""
    name = _job_name(team, request.candidate.model)
    folder = f"{registry_uri(contract, team, request.candidate.model)}/{request.candidate.version}/gates/{name}"
    with readable_errors(environment):
        _put(environment, f"{folder}/{REQUEST_FILE}", request.content())
        image = released(environment, contract, team, contract.registry.serving_image)
        wanted = job_request(contract, team, request, name, folder, instance, image)
        sagemaker = environment.clients.client("sagemaker")
        details = {
            "model": f"{request.candidate.model}/{request.candidate.version}",
            "instance_type": instance.type,
            "instance_count": 1,
            "uploads": [request.data_uri],
        }
        try:
            with creating(environment, contract, team, "processing-job", name, details=details) as creation:
                creation.arn = sagemaker.create_processing_job(**wanted)["ProcessingJobArn"]
        except ClientError as error:
            if is_denied(error):
                raise
            raise MlError(f"SageMaker refused the gates' job: {error_details(error).message}") from error
        described = _wait(sagemaker, name, on_status)
        return read_evidence(environment, described)


def _wait(sagemaker: Any, name: str, on_status: Callable[[str], None]) -> dict[str, Any]:
    pause, seen = Pause(), ""
    while True:
        described: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        if described["ProcessingJobStatus"] != seen:
            seen = described["ProcessingJobStatus"]
            on_status(seen)
        if seen in FINISHED:
            return described
        pause.sleep()


def job_request(
    contract: PlatformContract,
    team: str,
    request: GateRequest,
    name: str,
    folder: str,
    instance: EndpointInstance,
    image: str,
) -> dict[str, Any]:
    """CreateProcessingJob's members. The container has no network: a model that is measured calls nobody."""
    inputs = {
        "request": f"{folder}/{REQUEST_FILE}",
        "candidate": request.candidate.model_data,
        "data": request.data_uri,
    }
    if request.champion:
        inputs["champion"] = request.champion.model_data
    if request.validation_uri:
        inputs["validation"] = request.validation_uri
    cluster: dict[str, Any] = {"InstanceCount": 1, "InstanceType": instance.type, "VolumeSizeInGB": 30}
    if key := volume_key(contract, instance.type):
        cluster["VolumeKmsKeyId"] = key
    network: dict[str, Any] = {"EnableNetworkIsolation": True}
    if contract.training.use_vpc:
        network["VpcConfig"] = vpc_config(contract)
    output = {"S3Uri": folder, "LocalPath": "/opt/ml/processing/report", "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": name,
        "RoleArn": contract.teams[team].execution_role_arn,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ENTRYPOINT,
            "ContainerArguments": ["--request", request.digest],
        },
        "ProcessingInputs": [_input(word, uri) for word, uri in inputs.items()],
        "ProcessingOutputConfig": {
            "KmsKeyId": contract.storage.kms_key_arn,
            "Outputs": [{"OutputName": "report", "S3Output": output}],
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "NetworkConfig": network,
        "StoppingCondition": {"MaxRuntimeInSeconds": min(MAX_RUNTIME_S, contract.training.max_runtime_seconds)},
        "Tags": resource_tags(contract, team),
    }


def _input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def read_evidence(environment: Environment, described: dict[str, Any]) -> Evidence:
    """The report of a job that has ended, checked against what the job said of it to SageMaker. Raises MlError."""
    name = described["ProcessingJobName"]
    said = described.get("ExitMessage", "")
    fields = read_message(said)
    if described["ProcessingJobStatus"] != "Completed" or "report" not in fields:
        reason = said or described.get("FailureReason") or f"it is {described['ProcessingJobStatus']}"
        raise MlError(
            f"The gates' job {name} did not judge them: {reason}\nIts log: CloudWatch Logs, "
            f"/aws/sagemaker/ProcessingJobs, {name}"
        )
    folder = described["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    uri = f"{folder}/{REPORT_FILE}"
    content = read_object(environment, uri)
    digest = hashlib.sha256(content).hexdigest()
    if digest != fields["report"]:
        raise MlError(f"{uri} is not the report that the job {name} wrote: its digest is another one.")
    return Evidence(job=name, uri=uri, digest=digest, report=json.loads(content))


def check(environment: Environment, contract: PlatformContract, package: Package) -> Evidence:
    """What an approver relies on, looked up again in SageMaker and S3, not taken from the author.

    The job ran the platform's image with the platform's program and nothing else, on this very model; its report is
    what it said it was, and every gate passed. Raises MlError saying which of that is not so.
    """
    name = package.metadata.get(GATES_JOB, "")
    with readable_errors(environment):
        try:
            described: dict[str, Any] = environment.clients.client("sagemaker").describe_processing_job(
                ProcessingJobName=name
            )
        except ClientError as error:
            if is_denied(error):
                raise
            raise MlError(f"{package.arn} names the gates' job {name!r}: {error_details(error).message}") from error
        evidence = read_evidence(environment, described)
    ran = described["AppSpecification"]
    problems: list[str] = []
    # Only the platform's builder puts images there, and none is ever replaced.
    ours, theirs = purpose_of(contract, contract.registry.serving_image), purpose_of(contract, ran["ImageUri"])
    if ours is None or theirs is None or ours[0] != theirs[0]:
        problems.append(f"the gates ran in {ran['ImageUri']}, which is no image of the platform's for serving")
    if ran.get("ContainerEntrypoint") != ENTRYPOINT or described.get("Environment"):
        problems.append("the gates' job ran another program, or with variables of its own")
    if evidence.digest != package.metadata.get(REPORT):
        problems.append("the package names another report")
    request = evidence.report["request"]
    candidate = request["candidate"]
    if (candidate["version"], candidate["model_data"]) != (package.version, package.model_data):
        problems.append(f"the gates were about version {candidate['version']} at {candidate['model_data']}")
    inputs = {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in described["ProcessingInputs"]}
    if (inputs.get("candidate"), inputs.get("data")) != (candidate["model_data"], request["data_uri"]):
        problems.append("the gates' job read other files than its request names")
    if described["AppSpecification"].get("ContainerArguments") != ["--request", evidence.report["request_digest"]]:
        problems.append("the report answers another request")
    if not evidence.passed:
        problems.append("not every gate passed")
    if problems:
        raise MlError(f"The evidence for {package.arn} does not hold: {'; '.join(problems)}. Promote it again.")
    return evidence


def read_object(environment: Environment, uri: str) -> bytes:
    """An object's content."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def _put(environment: Environment, uri: str, body: bytes) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    environment.clients.client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def _job_name(team: str, model: str) -> str:
    """63 characters at most: what is too long of the model's name is left out."""
    end = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    room = 63 - len(f"{team}-gates--{end}")
    return "-".join(part for part in (team, "gates", model[: max(room, 0)].strip("-"), end) if part)
