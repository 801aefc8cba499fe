"""What a training job runs, and what its containers' ends mean for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws_server.sagemaker import training_contract as contract
from local.aws_server.sagemaker.environments import Environment
from local.aws_server.sagemaker.job_record import LONGEST_REASON
from local.aws_server.sagemaker.processes import Container, Exit, LogLine, read_exit, shipped_lines

KILLED = 137
"""128 + SIGKILL."""


class JobFailedError(Exception):
    """The job cannot go on; the message is its FailureReason."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of a job: its two statuses and FailureReason; `again` when the service may start it once more."""

    status: str
    secondary: str
    failure: str = ""
    again: bool = False


def command_of(request: Mapping[str, Any], environment: Environment) -> list[str]:
    """The command of a job's container. Raises JobFailedError where neither the job nor the image brings one."""
    algorithm = request["AlgorithmSpecification"]
    arguments = list(algorithm.get("ContainerArguments") or [])
    if entrypoint := algorithm.get("ContainerEntrypoint"):
        return [*entrypoint, *arguments]
    hyperparameters = contract.decoded_hyperparameters(request)
    if program := hyperparameters.get(contract.PROGRAM):
        return contract.script_command(
            environment.python, str(program), [*contract.command_arguments(hyperparameters), *arguments]
        )
    if environment.train:
        return [*environment.train, *arguments]
    raise JobFailedError(
        f"ClientError: The image {algorithm.get('TrainingImage', '')} has no training command here: give the job "
        f"ContainerEntrypoint, the hyperparameters sagemaker_program and sagemaker_submit_directory, or a `train` "
        f"command in environments.yaml."
    )


def judge(exits: Sequence[Exit], hosts: Sequence[contract.Host]) -> Outcome:
    """What the ends of a job's containers, one a host, mean."""
    causes = {each.cause for each in exits}
    unstarted = next((each for each in exits if each.cause == "start"), None)
    if unstarted is not None:
        return Outcome(
            "Failed", "Failed", f"InternalServerError: The container could not be started: {unstarted.error}"
        )
    if causes & {"lost", "orphaned"}:
        reason = "InternalServerError: The container's supervisor was killed; how the job ended is not known."
        return Outcome("Failed", "Restarting", reason, again=True)
    if "interrupted" in causes:
        return Outcome("Stopped", "Interrupted", again=True)
    if "timeout" in causes:
        return Outcome("Stopped", "MaxRuntimeExceeded")
    failed = [(each, host) for each, host in zip(exits, hosts, strict=True) if each.exit_code != 0]
    # Hosts that were stopped because another one failed did not fail by themselves.
    own = [(each, host) for each, host in failed if each.cause == "exit"]
    if own:
        return Outcome("Failed", "Failed", failure_reason(own[0][0], own[0][1].ml / "output" / "failure"))
    if causes & {"stopped", "killed"}:
        return Outcome("Stopped", "Stopped")
    return Outcome("Completed", "Completed")


def failure_reason(end: Exit, failure_file: Path) -> str:
    """FailureReason of a command that ended with an error: the start of its failure file, or the tail of stderr."""
    suffix = f", exit code: {end.exit_code}"
    room = LONGEST_REASON - len("AlgorithmError: ") - len(suffix)
    text = ""
    if failure_file.is_file():
        text = failure_file.read_text(errors="replace").strip()[:room]
    if not text:
        text = tail(end.stderr, room)
    if not text and end.exit_code == KILLED:
        text = "the process was killed (SIGKILL), which is what a machine without free memory does"
    return f"AlgorithmError: {text}{suffix}"


def tail(text: str, length: int) -> str:
    """The end of a text, from the start of a line where one fits."""
    text = text.strip()
    if len(text) <= length:
        return text
    text = text[-length:]
    _, newline, rest = text.partition("\n")
    return rest if newline and rest else text


def exit_of(run_dir: Path, containers: Sequence[Container]) -> Exit:
    """How the container of a run folder ended; the shim has been waited for where it is this process's child."""
    for container in containers:
        if container.run_dir == run_dir:
            return container.exit()
    return read_exit(run_dir)


def lines_before(run_dir: Path) -> list[LogLine]:
    """Lines that an earlier server has delivered already."""
    return shipped_lines(run_dir)
