"""Process groups that the supervisor started: recorded, recognised again after a crash, and ended."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from local.supervisor.status import write_json

MARKER = "GROUNDWORK_SUPERVISED"
"""Environment variable that every service carries, with the checkout's folder: how the daemon knows its own again."""


def members(group: int, checkout: Path) -> list[psutil.Process]:
    """Processes of a group that carry this checkout's marker.

    A process id may have been given to a stranger since it was recorded; a stranger has no such marker and is left
    alone.
    """
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, OSError):
            if os.getpgid(process.pid) != group or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARKER) == str(checkout):
                found.append(process)
    return found


def signal_group(group: int, number: signal.Signals) -> bool:
    """Send a signal to a group that is known to be ours; False when it is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_strays(group: int, checkout: Path, grace_s: float) -> int:
    """End what is left of a recorded group whose supervisor is gone; returns how many processes that were."""
    left = members(group, checkout)
    if not left:
        return 0
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(left, timeout=grace_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return len(left)


def holder_of(port: int) -> str:
    """Who listens on a loopback port, in words: `nginx (process 812, started by www-data)`."""
    pids: set[int] = set()
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                pids.add(connection.pid or 0)
    pids.discard(0)
    for pid in sorted(pids):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            words = " ".join(process.cmdline())[:90] or process.name()
            return f"{process.name()} (process {pid} of {process.username()}: {words})"
    return "a process of another user"


class Record:
    """The file of the groups that run, so that a later supervisor can end what a killed one left."""

    def __init__(self, file: Path):
        self._file = file
        self._groups: dict[str, int] = {}

    def add(self, name: str, group: int) -> None:
        """A service has started; written before anything else happens with it."""
        self._groups[name] = group
        write_json(self._file, {"groups": self._groups})

    def remove(self, name: str) -> None:
        """A service's group is gone."""
        if self._groups.pop(name, None) is not None:
            with contextlib.suppress(OSError):
                write_json(self._file, {"groups": self._groups})

    def end_left_over(self, checkout: Path, tell: Callable[[str], None]) -> None:
        """End what an earlier supervisor recorded and could not stop."""
        try:
            groups: dict[str, int] = json.loads(self._file.read_text())["groups"]
        except (OSError, ValueError, KeyError):
            return
        for name, group in groups.items():
            started = time.monotonic()
            if count := end_strays(group, checkout, grace_s=10):
                took = time.monotonic() - started
                tell(f"ended {count} process(es) of {name} that a killed supervisor left, in {took:.1f} s")
        self._file.unlink(missing_ok=True)
