"""How commands start, repair, watch and stop the supervisor of a checkout."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalStackError, disk_error, is_disk_full, tail
from local.paths import Paths
from local.supervisor.status import (
    BROKEN,
    WORKING,
    ServiceStatus,
    SupervisorStatus,
    command_lock,
    read_status,
    supervisor_lock,
)

DEFAULT_STACK = "local.stack:stack"
SOURCE = Path(__file__).resolve().parent.parent
NOT_IN_SERVICES = ("providers", "language_host", "acquire")
"""Parts of local/ that no service runs; changing them needs no restart."""


def code_fingerprint(*settings: Path) -> str:
    """A hash of the code that the services run, and of the settings files given."""
    digest = hashlib.sha256(sys.executable.encode())
    for file in sorted(SOURCE.rglob("*")):
        inside = file.relative_to(SOURCE)
        if file.suffix in (".py", ".yaml", ".json") and inside.parts[0] not in NOT_IN_SERVICES:
            digest.update(f"{inside}\0".encode() + file.read_bytes())
    for file in settings:
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class SupervisorClient:
    """Talks to the supervisor of one checkout.

    stack: `module:function` that builds the Stack; tests pass one of their own.
    """

    paths: Paths
    stack: str = DEFAULT_STACK

    @property
    def log(self) -> Path:
        """The supervisor's own log."""
        return self.paths.log("supervisor")

    def alive(self) -> SupervisorStatus | None:
        """The status when a supervisor lives, else None. A status file that a killed one left counts for nothing."""
        holder = supervisor_lock(self.paths).holder()
        status = read_status(self.paths)
        return status if holder is not None and status is not None and status.pid == holder else None

    def ensure(
        self, tell: Callable[[str], None], *, settings: tuple[Path, ...] = (), as_it_is: bool = False
    ) -> SupervisorStatus:
        """Bring every service to health: start a supervisor, or have the one that runs start again what is broken.

        A supervisor that runs other code or settings than this checkout has now is stopped and started anew, unless
        `as_it_is`.
        Returns once every service but those on request is healthy; raises LocalStackError that names the service and
        its log.
        """
        fingerprint = code_fingerprint(*settings)
        running = self.alive()
        outdated = running is not None and running.fingerprint != fingerprint and not as_it_is
        if running is not None and (running.stopping or outdated):
            tell("stopping the supervisor: its code or settings have changed" if outdated else "waiting for its end")
            self.stop(tell)
            running = None
        if running is None:
            self._spawn(fingerprint, tell)
        elif any(service.state not in (*WORKING, "healthy") for service in running.services):
            self._repair(running)
        return self.wait_until_healthy(tell)

    def wait_until_healthy(self, tell: Callable[[str], None], *, on_request: bool = False) -> SupervisorStatus:
        """Follow the services until all are healthy or one is broken; those on request only when told to."""
        while True:
            status = self.alive()
            if status is None:
                raise LocalStackError("The supervisor of the local services ended.", log=self.log)
            services = [service for service in status.services if on_request or not service.on_request]
            broken = [service for service in services if service.state in BROKEN]
            waiting = [service for service in services if service.state in WORKING]
            if not waiting:
                if broken:
                    raise failure(broken)
                return status
            well = [service.name for service in services if service.state == "healthy"]
            names = ", ".join(service.name for service in waiting)
            tell(f"waiting for {names}; healthy: {', '.join(well) or 'none yet'}")
            time.sleep(0.05)

    def stop(self, tell: Callable[[str], None]) -> bool:
        """Stop every service and the supervisor; False when none ran.

        The wait has no end of its own: the supervisor kills what does not stop within its grace.
        """
        lock = supervisor_lock(self.paths)
        holder = lock.holder()
        if holder is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, signal.SIGTERM)
        while lock.holder() == holder:
            if status := read_status(self.paths):
                left = [service.name for service in status.services if service.state != "stopped"]
                tell(f"stopping {', '.join(left)}")
            time.sleep(0.05)
        return True

    def _spawn(self, fingerprint: str, tell: Callable[[str], None]) -> None:
        self.paths.run.mkdir(parents=True, exist_ok=True)
        self.paths.logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "local.supervisor", "--checkout", str(self.paths.checkout)]
        command += ["--stack", self.stack, "--fingerprint", fingerprint]
        tell("starting the supervisor")
        try:
            with self.log.open("ab") as out:
                since = out.tell()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=SOURCE.parent,
                    start_new_session=True,
                )
        except OSError as error:
            if is_disk_full(error):
                raise disk_error(self.log.parent, "starting the supervisor") from error
            raise
        while (status := self.alive()) is None or status.pid != process.pid:
            if process.poll() is not None:
                if is_disk_full("\n".join(tail(self.log, since=since))):
                    raise disk_error(self.log.parent, "starting the supervisor")
                raise LocalStackError("The supervisor of the local services could not start.", log=self.log)
            time.sleep(0.02)

    def _repair(self, running: SupervisorStatus) -> None:
        os.kill(running.pid, signal.SIGHUP)
        while (status := self.alive()) is not None and status.repairs == running.repairs:
            time.sleep(0.02)


def failure(broken: list[ServiceStatus]) -> LocalStackError:
    """The error that names each broken service, with the last lines of the first one that failed by itself."""
    causes = [service for service in broken if service.state != "blocked"] or broken
    names = "\n".join(f"    {service.name}: {service.state}, {service.detail}" for service in (*causes,))
    blocked = [service.name for service in broken if service.state == "blocked"]
    message = f"Not all local services run:\n{names}"
    if blocked and causes != broken:
        message += f"\n    waiting for it: {', '.join(blocked)}"
    first = causes[0]
    hint = "Once the cause is gone, run `make local` again: it starts what is missing and keeps the rest."
    if " is taken by " in first.detail:
        hint = "Stop that process and run `make local` again, or choose other ports: `groundwork local up --new-ports`."
    lines = tail(Path(first.log_file), since=first.log_offset)
    if lines and "port" not in first.detail:
        message += "\n" + "\n".join([f"The last lines of {first.log_file}:", *(f"    {line}" for line in lines)])
    return LocalStackError(message, hint=hint)


@contextlib.contextmanager
def one_command(paths: Paths, name: str):
    """Let one command at a time change the stack. The lock of a command that was killed is free by itself."""
    lock = command_lock(paths)
    if not lock.take():
        raise LocalStackError(
            f"Another command is changing this checkout's local stack: process {lock.holder()}.",
            hint=f"Wait until it ends, or stop it (Ctrl-C in its terminal), then run `{name}` again.",
        )
    try:
        yield
    finally:
        lock.release()
