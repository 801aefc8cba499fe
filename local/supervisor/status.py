"""The supervisor's state on disk: who runs, since when and what went wrong. The daemon writes, commands read."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from local.paths import Paths

WORKING = ("waiting", "starting")
"""States that will change by themselves."""
BROKEN = ("failed", "crashed", "blocked")
"""States that `repair` starts again: never became healthy, ended by itself, or needs one that did."""


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now.

    state: waiting, starting, healthy, unhealthy (runs, but its health check fails), failed, crashed, blocked, stopped.
    pid: process id while it runs.
    since: when this state began, seconds since the epoch.
    detail: for a state that is not healthy, why.
    log_offset: where in the log file this run began, bytes.
    on_request: True for one that runs because something asked for it.
    """

    name: str
    state: str
    address: str
    log_file: str
    since: float
    pid: int | None = None
    detail: str = ""
    log_offset: int = 0
    on_request: bool = False


@dataclass(frozen=True)
class SupervisorStatus:
    """The whole stack as the daemon last wrote it.

    fingerprint: of the code and settings that the daemon runs; another one means that it must be restarted.
    repairs: how many repair requests it has taken up.
    """

    pid: int
    started: float
    fingerprint: str
    repairs: int = 0
    stopping: bool = False
    services: tuple[ServiceStatus, ...] = field(default=())

    def service(self, name: str) -> ServiceStatus | None:
        """The service of that name."""
        return next((service for service in self.services if service.name == name), None)


def status_file(paths: Paths) -> Path:
    """Where the daemon writes its status."""
    return paths.run / "status.json"


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Replace a file whole, so that a reader never sees half of it."""
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(file)


def write_status(paths: Paths, status: SupervisorStatus) -> None:
    """Publish the status."""
    write_json(status_file(paths), asdict(status))


def read_status(paths: Paths) -> SupervisorStatus | None:
    """What the daemon last wrote; None when there is nothing to read. Says nothing about whether it still lives."""
    try:
        content = json.loads(status_file(paths).read_text())
        services = tuple(ServiceStatus(**service) for service in content.pop("services"))
        return SupervisorStatus(**content, services=services)
    except (OSError, ValueError, TypeError, KeyError):
        return None


class Lock:
    """A file that one living process holds. The system releases it when that process dies, so it is never stale."""

    def __init__(self, file: Path):
        self.file = file
        self._held: IO[str] | None = None

    def take(self, patience_s: float = 1.0) -> bool:
        """Try to hold the lock; False when another process does.

        patience_s: seconds to keep trying, since whoever asks for the holder is in the way for a moment.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = self.file.open("a+")
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    handle.close()
                    return False
                time.sleep(0.01)
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        self._held = handle
        return True

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def holder(self) -> int | None:
        """Process id of the holder, None when nobody holds it."""
        try:
            with self.file.open("r+") as handle:
                # Shared, so that two who ask at once do not take each other for the holder.
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            try:
                return int(self.file.read_text().strip())
            except ValueError:
                return -1


def supervisor_lock(paths: Paths) -> Lock:
    """Held by the daemon as long as it lives."""
    return Lock(paths.run / "supervisor.lock")


def command_lock(paths: Paths) -> Lock:
    """Held by the one command that changes the stack: up or down."""
    return Lock(paths.run / "command.lock")
