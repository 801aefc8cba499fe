"""What a processing container finds, what it leaves, and what its end means.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.aws_server.sagemaker.environments import Environment
from local.aws_server.sagemaker.files import DataError
from local.aws_server.sagemaker.job_record import LONGEST_REASON
from local.aws_server.sagemaker.processes import Exit
from local.aws_server.sagemaker.training_contract import Host
from local.aws_server.sagemaker.training_outcome import JobFailedError, Outcome

CONTAINER_ROOT = "/opt/ml"
DATA_ROOT = "/opt/ml/processing/"
"""Below it lie all inputs and outputs."""
MESSAGE_FILE = "output/message"
ALGORITHM_ERROR = "AlgorithmError: See job logs for more information"
"""FailureReason of a container that ended with an error, as AWS's own Spark image tests for it:
https://github.com/aws/sagemaker-spark-container, test/integration/sagemaker."""


def cluster_of(request: Mapping[str, Any]) -> tuple[str, int]:
    """Instance type and count that a job asks for; of InstancePreferences the first."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    preferred = (cluster.get("InstancePreferences") or [{}])[0]
    count = cluster.get("InstanceCount") or preferred.get("InstanceCount") or 1
    return cluster.get("InstanceType") or preferred.get("InstanceType") or "", int(count)


def inputs_of(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The inputs that SageMaker downloads; those that are AppManaged are the application's own business."""
    return [each for each in request.get("ProcessingInputs") or [] if not each.get("AppManaged")]


def outputs_of(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The outputs that SageMaker uploads."""
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return [each for each in outputs if not each.get("AppManaged")]


def folder_of(host: Host, local_path: str) -> Path:
    """Where a LocalPath lies on this machine."""
    return host.ml / local_path.removeprefix(f"{CONTAINER_ROOT}/")


def make_folders(host: Host, request: Mapping[str, Any]) -> None:
    """The folders that exist when the container starts: its configuration, its inputs and its outputs."""
    for name in ("config", "output", "processing"):
        (host.ml / name).mkdir(parents=True, exist_ok=True)
    for each in inputs_of(request):
        folder_of(host, each["S3Input"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    for each in outputs_of(request):
        folder_of(host, each["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    for folder in (host.home, working_folder(host)):
        folder.mkdir(exist_ok=True)


def working_folder(host: Host) -> Path:
    """The container's working directory, in place of the image's WORKDIR."""
    return host.folder / "work"


def write_configuration(host: Host, request: Mapping[str, Any], names: Sequence[str], arn: str) -> None:
    """processingjobconfig.json, which is the request with the job's ARN, and resourceconfig.json."""
    application = request["AppSpecification"]
    job = {
        "ProcessingJobArn": arn,
        **{name: value for name, value in request.items() if name != "Tags"},
        "AppSpecification": {
            "ImageUri": application["ImageUri"],
            "ContainerEntrypoint": application.get("ContainerEntrypoint"),
            "ContainerArguments": application.get("ContainerArguments"),
        },
        "Environment": request.get("Environment") or {},
        "ProcessingInputs": request.get("ProcessingInputs") or [],
        "ProcessingOutputConfig": request.get("ProcessingOutputConfig") or {"Outputs": []},
    }
    resources = {"current_host": host.name, "hosts": list(names)}
    for name, document in (("processingjobconfig.json", job), ("resourceconfig.json", resources)):
        (host.ml / "config" / name).write_text(json.dumps(document))


def command_of(request: Mapping[str, Any], environment: Environment) -> list[str]:
    """The container's command. Raises JobFailedError where neither the job nor the image brings one."""
    application = request["AppSpecification"]
    entrypoint = application.get("ContainerEntrypoint") or environment.process
    if not entrypoint:
        raise JobFailedError(
            f"ClientError: The image {application['ImageUri']} has no entry point here: give the job a "
            f"ContainerEntrypoint, or the image a `process` command in environments.yaml."
        )
    return [*entrypoint, *(application.get("ContainerArguments") or [])]


def exit_message(hosts: Sequence[Host]) -> str:
    """ExitMessage: what the containers wrote to /opt/ml/output/message. Raises DataError where it is not UTF-8."""
    texts: list[str] = []
    for host in hosts:
        file = host.ml / MESSAGE_FILE
        if not file.is_file():
            continue
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(f"ClientError: {CONTAINER_ROOT}/{MESSAGE_FILE} is not UTF-8: {error.reason}") from error
    return "".join(texts)[:LONGEST_REASON]


def judge(exits: Sequence[Exit]) -> Outcome:
    """What the ends of a job's containers, one a host, mean. A job that ran out of time is Stopped, not Failed.

    That is how the SDK reads it (sagemaker.core.common_utils, _check_job_status: "the job timed out or stopped early").
    """
    causes = {each.cause for each in exits}
    unstarted = next((each for each in exits if each.cause == "start"), None)
    if unstarted is not None:
        reason = f"InternalServerError: The container could not be started: {unstarted.error}"
        return Outcome("Failed", "Failed", reason)
    if causes & {"lost", "orphaned"}:
        reason = "InternalServerError: The container's supervisor was killed; how the job ended is not known."
        return Outcome("Failed", "Failed", reason)
    if "timeout" in causes:
        return Outcome("Stopped", "Stopped")
    # Hosts that were stopped because another one failed did not fail by themselves.
    if any(each.cause == "exit" and each.exit_code != 0 for each in exits):
        return Outcome("Failed", "Failed", ALGORITHM_ERROR)
    if causes & {"stopped", "killed"}:
        return Outcome("Stopped", "Stopped")
    return Outcome("Completed", "Completed")
