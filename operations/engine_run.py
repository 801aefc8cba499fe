"""Runs the Pulumi engine on one stack and reads its events, where a command must know what the engine found."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from local.environment import POLICY_PACK
from local.errors import LocalStackError
from local.paths import Paths
from operations.engine import find_engine
from operations.engine_steps import name_of
from operations.environments import OperatedEnvironment, engine_variables

STREAMED = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"}
"""With it a preview's events come one a line, as an update's do: sdk/go/common/env/env.go of the engine."""
SHOWN_LINES = 25


@dataclass(frozen=True, kw_only=True)
class StackEngine:
    """The engine on one stack.

    program: its binary. folder: of the project. variables: the process's environment.
    """

    program: Path
    folder: Path
    stack: str
    variables: Mapping[str, str] = field(repr=False)

    def events(self, command: str, *options: str) -> Generator[dict[str, Any]]:
        """The engine's events as they come.

        Raises LocalStackError with the engine's own diagnostics when it fails; leaving early ends the engine.
        """
        arguments = [command, "--stack", self.stack, "--non-interactive", "--json", *options]
        process = subprocess.Popen(
            [str(self.program), *arguments],
            cwd=self.folder,
            env={**self.variables, **STREAMED},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        said = _Said()
        try:
            yield from said.events(process.stdout)
            if process.wait():
                raise said.failure(f"pulumi {' '.join(arguments[:3])}")
        finally:
            if process.poll() is None:
                # Ctrl-C has reached the engine too: it is in this process's group, and undoes nothing half-way.
                process.terminate()
                process.wait()

    def document(self) -> dict[str, Any]:
        """What is recorded of the stack, its state under `deployment`, secrets encrypted. Raises LocalStackError."""
        return json.loads(self._done("stack", "export"))

    def put(self, document: Mapping[str, Any]) -> None:
        """Puts a document in the place of the stack's; the engine checks and locks. Raises LocalStackError."""
        self._done("stack", "import", stdin=json.dumps(document))

    def state(self) -> dict[str, Any]:
        """The stack's state as it is recorded, secrets encrypted. Raises LocalStackError."""
        return self.document()["deployment"]

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the state, in the engine's order. Raises LocalStackError."""
        return self.state().get("resources") or []

    def _done(self, *command: str, stdin: str = "") -> str:
        done = self.quiet(*command, stdin=stdin)
        if done.returncode:
            raise LocalStackError(f"`pulumi {' '.join(command)} --stack {self.stack}` failed: {done.stderr.strip()}")
        return done.stdout

    def quiet(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command on the stack that shows nothing and asks nobody; what it printed is in the answer.

        stdin: what the command reads.
        """
        return subprocess.run(
            [str(self.program), *command, "--stack", self.stack, "--non-interactive"],
            cwd=self.folder,
            env=dict(self.variables),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def show(self, command: str, *options: str) -> None:
        """Runs a command that changes things and lets the engine's own display through, on stderr.

        The caller has asked: the engine does not. Raises LocalStackError when it fails. Ctrl-C lets the operations in
        flight end, so that the state knows what exists.
        """
        arguments = [command, "--stack", self.stack, "--non-interactive", "--yes", "--skip-preview", *options]
        process = subprocess.Popen(
            [str(self.program), *arguments],
            cwd=self.folder,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        interrupted = False
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        if status:
            raise LocalStackError(f"`pulumi {command} --stack {self.stack}` failed.", hint="What it says is above.")


def stack_engine(environment: OperatedEnvironment) -> StackEngine:
    """The engine on an environment's stack, led by groundwork.yaml. Raises LocalStackError."""
    paths = Paths(environment.checkout)
    program = find_engine(paths)
    variables = engine_variables(environment)
    variables["PATH"] = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), variables["PATH"]])
    variables[POLICY_PACK] = str(paths.policies)
    return StackEngine(program=program, folder=environment.folder, stack=environment.name, variables=variables)


def part(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member of an event that is an object; empty where the event has none."""
    return event.get(name) or {}


def step_of(event: Mapping[str, Any], kind: str = "resourcePreEvent") -> dict[str, Any]:
    """The step that an event tells of; empty where it is of another kind.

    kind: resourcePreEvent before the step, resOutputsEvent and resOpFailedEvent after it
    (sdk/go/common/apitype/events.go of https://github.com/pulumi/pulumi).
    """
    return part(part(event, kind), "metadata")


class _Said:
    """What the engine prints: events, and words between them where something goes wrong."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._stray: list[str] = []

    def events(self, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict):
                self._note(cast(dict[str, Any], event))
                yield cast(dict[str, Any], event)
            else:
                self._stray.append(line.rstrip())

    def _note(self, event: dict[str, Any]) -> None:
        diagnostic, failed, broken = (part(event, name) for name in ("diagnosticEvent", "errorEvent", "policyEvent"))
        if diagnostic:
            message = str(diagnostic.get("message") or "").strip()
            if diagnostic.get("severity") == "error":
                name = name_of(str(diagnostic.get("urn") or ""))
                self._errors.append(f"{name}: {message}" if name else message)
            elif diagnostic.get("severity") == "info#err" and not diagnostic.get("ephemeral"):
                self._stray.append(message)
        elif failed:
            self._stray.append(str(failed.get("error")))
        elif broken.get("enforcementLevel") == "mandatory":
            name = name_of(str(broken.get("resourceUrn") or "")) or "stack"
            self._errors.append(f"{broken.get('policyName')} ({name}): {str(broken.get('message') or '').strip()}")
        elif isinstance(event.get("error"), str):
            self._stray.append(event["error"])

    def failure(self, command: str) -> LocalStackError:
        text = "\n".join(self._errors or self._stray).strip() or "no message"
        detail = "\n".join(f"    {line}" for line in text.splitlines()[-SHOWN_LINES:])
        return LocalStackError(f"`{command}` failed:\n{detail}")
