"""Runs the commands of a rehearsal: each in its own checkout, led to the rehearsal's stack, with a log of its own."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import psutil

from local.environment import POLICY_PACK
from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.rehearsal.sources import Checkout
from operations.review.redaction import is_secret_name

STACK = "local"
LEADING = ("AWS_", "PULUMI_", "KUBE", "MLFLOW_", "SAGEMAKER_", "GROUNDWORK_ENV", "VIRTUAL_ENV", "MAKE", "PYTEST_")
"""Variables that would lead a command somewhere else."""
GRACE_S = 20.0
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    status: int
    output: str
    log: Path

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object that it printed; empty where it printed something else."""
        try:
            found = json.loads(self.output)
        except ValueError:
            return {}
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Bed:
    """Where a rehearsal happens.

    root: the folder of all that it makes. host: the checkout whose local services everything runs on. leading:
    variables that lead to them, empty before they run.
    """

    root: Path
    host: Checkout
    leading: Mapping[str, str] = field(default_factory=dict[str, str])

    def led(self, leading: Mapping[str, str]) -> "Bed":
        """The same, led to the services that run now."""
        return replace(self, leading=dict(leading))

    def log(self, name: str) -> Path:
        """The log of a step."""
        return self.root / "logs" / f"{name}.log"

    def groundwork(self, program: Checkout, *arguments: str, log: str, tell: Tell) -> Answer:
        """A `groundwork` command of a program's own checkout; whatever it answers."""
        command = [str(program.python), "-c", "from operations.cli import main; main()", *arguments]
        return self.run(program, command, log=log, tell=tell, shown=f"groundwork {' '.join(arguments)}")

    def ml(self, program: Checkout, *arguments: str, log: str, tell: Tell) -> Answer:
        """An `ml` command of a program's own checkout, about the rehearsal's stack; whatever it answers."""
        more = ["--env", STACK, "-o", "json"]
        shown = f"ml {' '.join(arguments)}"
        return self.run(program, [str(program.python), "-m", "ml", *arguments, *more], log=log, tell=tell, shown=shown)

    def must_ml(self, program: Checkout, *arguments: str, log: str, tell: Tell) -> dict[str, Any]:
        """The document of an `ml` command that must succeed. Raises LocalStackError."""
        answer = self.ml(program, *arguments, log=log, tell=tell)
        if answer.status:
            raise LocalStackError(
                f"`ml {' '.join(arguments)}` of the {program.name} ended with exit status {answer.status}.",
                log=answer.log,
            )
        if not answer.document:
            raise LocalStackError(f"`ml {' '.join(arguments)}` of the {program.name} printed no JSON.", log=answer.log)
        return answer.document

    def run(self, program: Checkout, command: list[str], *, log: str, tell: Tell, shown: str) -> Answer:
        """Runs a command in a session of its own: Ctrl-C is for the rehearsal, which then ends it in order."""
        file = self.log(log)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as writing, tempfile.TemporaryFile("w+", errors="replace") as printed:
            writing.write(f"$ {shown}\n")
            process = subprocess.Popen(
                command,
                cwd=program.folder,
                env=self.environment(program),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    writing.write(line)
                    writing.flush()
                    if line.strip():
                        tell(line.strip()[:60])
                status = process.wait()
            finally:
                end(process)
            printed.seek(0)
            output = printed.read()
            writing.write(output)
        return Answer(status, output, file)

    def engine(self, program: Checkout) -> StackEngine:
        """The engine on the rehearsal's stack, with a program and the policy pack that it brings, if it brings one."""
        variables = {**self.environment(program), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
        pack = program.folder / "policies"
        variables.pop(POLICY_PACK, None)
        if (pack / "PulumiPolicy.yaml").is_file():
            variables[POLICY_PACK] = str(pack)
        engine = next(
            (
                Path(each) / "pulumi"
                for each in variables["PATH"].split(os.pathsep)
                if (Path(each) / "pulumi").is_file()
            ),
            None,
        )
        if engine is None:
            raise LocalStackError("The rehearsal's stack has no engine.")
        return StackEngine(program=engine, folder=program.folder, stack=STACK, variables=variables)

    def environment(self, program: Checkout) -> dict[str, str]:
        """The variables of a program's commands: none of this process's identities or tokens, and its own code first.

        What is rehearsed is somebody's change; it gets nothing to take with it.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(LEADING) and not is_secret_name(name)
        }
        return {**kept, **self.leading, "PYTHONPATH": str(program.folder), "PYTHONUNBUFFERED": "1"}

    def living(self) -> list[psutil.Process]:
        """Processes that work in the rehearsal's folder; not those of somebody who looks into it at a terminal."""
        inside = f"{self.root}{os.sep}"
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                works = f"{process.cwd()}{os.sep}".startswith(inside) or any(
                    inside in each for each in process.cmdline()
                )
                if works and not process.terminal() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def end(process: "subprocess.Popen[str]") -> None:
    """Ends a command and what it has started, as Ctrl-C would, and harder where it does not listen."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=GRACE_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def end_all(processes: list[psutil.Process]) -> None:
    """Ends processes that work in the rehearsal's folder."""
    for process in processes:
        try:
            process.terminate()
        except psutil.Error:
            continue
    _, alive = psutil.wait_procs(processes, timeout=GRACE_S)
    for process in alive:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(alive, timeout=GRACE_S)
