"""Runs the Pulumi engine on the local stack: prepares its home and backend, `up` and `destroy` with live progress."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from local.acquire.chosen import program
from local.environment import PASSPHRASE, process_environment
from local.errors import LocalStackError, disk_error, is_disk_full
from local.paths import Paths
from local.providers.install import install_plugins

STACK, PROJECT = "local", "groundwork"
VERBS = {
    "create": ("creating", "created"),
    "update": ("updating", "updated"),
    "delete": ("deleting", "deleted"),
    "create-replacement": ("creating its replacement", "replaced"),
    "delete-replaced": ("deleting the replaced one", "deleted"),
    "replace": ("replacing", "replaced"),
    "read": ("reading", "read"),
    "import": ("importing", "imported"),
}
CUT_OFF_HINT = (
    "An earlier run was killed in the middle of an operation, and what came of it could not be told. If the error says "
    "that something exists already or conflicts, start afresh: `groundwork local down --wipe`, then `make local`."
)


@dataclass
class Outcome:
    """What an engine run did.

    changes: operation (create, update, same, …) to number of resources.
    errors: messages of resources that failed.
    """

    changes: dict[str, int] = field(default_factory=dict[str, int])
    errors: list[str] = field(default_factory=list[str])

    def summary(self) -> str:
        """In words: `74 created` or `112 unchanged`."""
        words = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
        done = [f"{self.changes[name]} {word}" for name, word in words.items() if self.changes.get(name)]
        if same := self.changes.get("same"):
            done.append(f"{same} unchanged")
        return ", ".join(done) or "nothing to do"


def has_stack(paths: Paths, project: str = PROJECT) -> bool:
    """True when the backend knows the local stack of a project."""
    return _state_file(paths, project).exists()


def resource_count(paths: Paths) -> int:
    """How many resources the stack's state holds, the stack itself left out."""
    return sum(resource.get("type") != "pulumi:pulumi:Stack" for resource in latest(paths).get("resources") or [])


def latest(paths: Paths) -> dict[str, Any]:
    """The stack's state as it is on disk; empty when there is none."""
    file = _state_file(paths, PROJECT)
    return json.loads(file.read_text())["checkpoint"].get("latest") or {} if file.exists() else {}


def _state_file(paths: Paths, project: str) -> Path:
    return paths.pulumi_state / ".pulumi" / "stacks" / project / f"{STACK}.json"


def prepare(paths: Paths, tell: Callable[[str], None]) -> None:
    """Plugins, passphrase, backend and stack; each only when missing."""
    paths.pulumi_home.mkdir(parents=True, exist_ok=True)
    paths.pulumi_state.mkdir(parents=True, exist_ok=True)
    if not paths.passphrase_file.exists():
        paths.passphrase_file.touch(mode=0o600)
        paths.passphrase_file.write_text(PASSPHRASE)
    install_plugins(paths.pulumi_home)
    wait_for_lock(paths, tell)
    for leftover in (paths.pulumi_state / ".pulumi").rglob("*.tmp"):
        leftover.unlink()
    if not has_stack(paths):
        tell("creating the stack")
        ask_engine(paths, "stack", "init", STACK, "--secrets-provider", "passphrase", "--non-interactive")


def ask_engine(paths: Paths, *command: str) -> str:
    """What a short command of the engine prints. Raises LocalStackError with what it says when it fails."""
    answer = subprocess.run(
        [str(program(paths, "pulumi")), *command],
        cwd=paths.checkout,
        env=process_environment(paths),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise LocalStackError(f"`pulumi {' '.join(command)}` failed: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout


def wait_for_lock(paths: Paths, tell: Callable[[str], None]) -> None:
    """Remove the lock of an engine that is gone; wait for one that still works on the stack."""
    locks = paths.pulumi_state / ".pulumi" / "locks"
    for file in locks.rglob("*.json"):
        while (owner := _living_owner(file)) is not None:
            tell(f"waiting for process {owner}, an engine that an earlier command started")
            time.sleep(0.2)
        file.unlink(missing_ok=True)
        file.with_name(f"{file.name}.attrs").unlink(missing_ok=True)


def _living_owner(lock: Path) -> int | None:
    """Process id of the engine that holds a lock, None when it does not live (any more)."""
    try:
        content = json.loads(lock.read_text())
        pid, host = int(content["pid"]), content["hostname"]
        taken = datetime.fromisoformat(content["timestamp"]).timestamp()
    except (OSError, ValueError, KeyError):
        return None
    try:
        # The process id may belong to a younger process by now.
        alive = host == socket.gethostname() and psutil.Process(pid).create_time() <= taken + 1
    except psutil.Error:
        return None
    return pid if alive else None


def run_engine(paths: Paths, command: str, tell: Callable[[str], None], options: Sequence[str] = ()) -> Outcome:
    """`pulumi up`, `refresh` or `destroy`; `tell` hears what is done and `logs/pulumi-<command>.log` keeps it.

    Ctrl-C lets the operations in flight end, so that the state knows what exists; a second one does not wait.
    Raises LocalStackError with the engine's own diagnostics.
    """
    log, events = paths.log(f"pulumi-{command}"), paths.run / f"pulumi-{command}.events"
    arguments = [command, "--stack", STACK, "--yes", "--skip-preview", "--non-interactive", "--json", *options]
    paths.run.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    # A file and not a pipe: should this process be killed, the engine comes to its end and the next command waits.
    with events.open("wb") as out, log.open("w") as readable:
        process = subprocess.Popen(
            [str(program(paths, "pulumi")), *arguments],
            cwd=paths.checkout,
            env=process_environment(paths) | {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        follower = _Follower(readable, tell)
        with events.open("rb") as stream:
            interrupted = _follow(process, stream, follower, tell)
    if interrupted:
        raise KeyboardInterrupt
    if process.returncode < 0:
        raise LocalStackError(
            f"`pulumi {command} --stack {STACK}` was killed by {signal.Signals(-process.returncode).name}.",
            hint="Run the same command again: it finds out what had been made and goes on from there.",
        )
    if process.returncode:
        # What the program wrote to stderr matters only when no resource says what is wrong.
        text = "\n".join(follower.outcome.errors or follower.stray)
        if is_disk_full(text):
            raise disk_error(paths.pulumi_state, f"`pulumi {command}` ran")
        detail = "\n".join(f"    {line}" for line in (text.strip().splitlines() or ["no message"])[-25:])
        hint = CUT_OFF_HINT if cut_off(paths).exists() else ""
        raise LocalStackError(f"`pulumi {command} --stack {STACK}` failed:\n{detail}\nAll of it: {log}", hint=hint)
    if command != "refresh":
        cut_off(paths).unlink(missing_ok=True)
    return follower.outcome


def cut_off(paths: Paths) -> Path:
    """A file that is there from the recovery of a killed run until the next run that succeeds."""
    return paths.run / "cut-off"


def _follow(
    process: "subprocess.Popen[bytes]", stream: Any, follower: "_Follower", tell: Callable[[str], None]
) -> bool:
    """Hand the engine's output on until it ends; True when the user interrupted it."""
    interrupted, half = False, b""
    while True:
        try:
            ended = process.poll() is not None
            while line := stream.readline():
                half += line
                if half.endswith(b"\n"):
                    follower.line(half.decode(errors="replace"))
                    half = b""
            if ended:
                if half:
                    follower.line(half.decode(errors="replace"))
                return interrupted
            time.sleep(0.05)
        except KeyboardInterrupt:
            tell("stopping once the operations in flight have ended; Ctrl-C again does not wait")
            interrupted = True
            process.send_signal(signal.SIGINT)


class _Follower:
    """Turns the engine's events into progress, a readable log and an outcome."""

    def __init__(self, log: Any, tell: Callable[[str], None]):
        self.outcome = Outcome()
        self.stray: list[str] = []
        self._log = log
        self._tell = tell
        self._working: dict[str, str] = {}
        self._finished = 0

    def line(self, text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            self._write(text.rstrip())
            self.stray.append(text.rstrip())
            return
        if before := event.get("resourcePreEvent"):
            self._before(before["metadata"])
        elif after := event.get("resOutputsEvent"):
            self._after(after["metadata"])
        elif failed := event.get("resOpFailedEvent"):
            self._working.pop(failed["metadata"]["urn"], None)
        elif diagnostic := event.get("diagnosticEvent"):
            self._diagnostic(diagnostic)
        elif broken := event.get("policyEvent"):
            self._policy(broken)
        elif summary := event.get("summaryEvent"):
            self.outcome.changes = summary.get("resourceChanges") or {}
        elif event.get("error"):
            self._write(str(event["error"]))
            self.stray.append(str(event["error"]))

    def _before(self, metadata: dict[str, Any]) -> None:
        verb = VERBS.get(metadata["op"])
        if verb:
            self._working[metadata["urn"]] = f"{verb[0]} {_name(metadata)}"
            self._write(f"{verb[0]} {_name(metadata)}")
        self._show()

    def _after(self, metadata: dict[str, Any]) -> None:
        self._working.pop(metadata["urn"], None)
        self._finished += 1
        verb = VERBS.get(metadata["op"])
        if verb:
            self._write(f"{verb[1]} {_name(metadata)}")
        self._show()

    def _show(self) -> None:
        newest = list(self._working.values())[-1:]
        more = f" and {len(self._working) - 1} more" if len(self._working) > 1 else ""
        self._tell(f"{self._finished} resources done" + (f"; {newest[0]}{more}" if newest else ""))

    def _policy(self, broken: dict[str, Any]) -> None:
        """A rule of the policy pack that a resource, or the stack, breaks."""
        resource = (broken.get("resourceUrn") or "").rsplit("::", 1)[-1]
        message = _without_markup(broken.get("message") or "").strip()
        text = f"{broken.get('policyName')} ({resource or 'stack'}): {message}"
        self._write(text)
        if broken.get("enforcementLevel") == "mandatory":
            self.outcome.errors.append(text)

    def _diagnostic(self, diagnostic: dict[str, Any]) -> None:
        severity = diagnostic.get("severity", "")
        if severity == "debug" or diagnostic.get("ephemeral"):
            return
        message = diagnostic.get("message", "").strip()
        if severity == "info#err":
            # What the program wrote to stderr: a traceback of a failing program arrives this way.
            self.stray.append(message)
        if severity == "error":
            urn = diagnostic.get("urn", "")
            name = f"{urn.split('::')[-2].split('$')[-1]} {urn.split('::')[-1]}: " if urn.count("::") > 2 else ""
            self.outcome.errors.append(f"{name}{message}")
        self._write(f"{severity}: {message}")

    def _write(self, text: str) -> None:
        self._log.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._log.flush()


def _without_markup(text: str) -> str:
    """A message without the engine's marks for colours."""
    return re.sub(r"<\{%[^%]*%\}>", "", text)


def _name(metadata: dict[str, Any]) -> str:
    return f"{metadata['type']} {metadata['urn'].rsplit('::', 1)[1]}"
