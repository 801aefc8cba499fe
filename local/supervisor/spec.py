"""What the supervisor needs to know of a service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """A process that the supervisor starts, checks and stops.

    name: how people and logs call it; unique in a stack.
    command: argument vector; the first entry is an absolute path.
    environment: added to the supervisor's own environment.
    health: an http(s) URL that answers 200 when the service is ready (certificates are not checked: it is loopback), or
        a function that says so; an exception counts as not ready.
    address: what to show a user (`http://127.0.0.1:…`).
    log_file: receives stdout and stderr.
    depends_on: names of services that must be healthy before this one starts; they stop after it.
    start_timeout_s: seconds from start to the first healthy answer, after which the start has failed.
    stop_grace_s: seconds between SIGTERM and SIGKILL, to the whole process group.
    ready_file: when given, must exist besides the health answer (a file that the service writes once it is ready).
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: Callable[[], bool] | str
    address: str
    log_file: Path
    depends_on: tuple[str, ...] = ()
    start_timeout_s: float = 60
    stop_grace_s: float = 10
    ready_file: Path | None = None
