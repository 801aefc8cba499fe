"""Who works on a stack: the locks that the engine leaves in its state, and whether their owners live.

A lock is a file in `.pulumi/locks/organization/<project>/<stack>/` with the process, its user and its machine
(pkg/backend/diy/lock.go of the engine). An engine that is killed leaves its own behind, and `pulumi cancel` deletes all
of them, also those of the living.
"""

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalStackError
from operations.environments import BACKEND_URL, OperatedEnvironment, boto_session
from operations.state_store import PROJECT, Store, store_of

AMBIGUOUS_HOSTS = ("", "localhost", "localhost.localdomain")
"""Names that many machines have: a process of one is not found on another."""
CLOCK_S = 60.0
"""How much later than its lock a process may seem to have begun: setting the clock moves the one and not the other.
A number that is used again within it counts as alive, which at worst is a message."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who works on a stack, as the engine wrote it down.

    path: of its file in the backend. pid: process id on `host`. since: local time of that host, with its offset, to the
    second. taken: the same as seconds of the epoch; None where the file does not say.
    """

    path: str
    user: str
    host: str
    pid: int
    since: str
    taken: float | None = None

    def owner_is_dead(self) -> bool | None:
        """Whether its process is gone, also where a younger one has got its number; None: on a machine not this one."""
        if self.host != socket.gethostname() or self.host in AMBIGUOUS_HOSTS or self.pid <= 0:
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            return self.taken is not None and process.create_time() > self.taken + CLOCK_S
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return None

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid}) since {self.since}"


def locks(environment: OperatedEnvironment) -> tuple[Lock, ...]:
    """Every lock of the environment's stack; none where the backend keeps no files, such as Pulumi Cloud.

    Raises LocalStackError where the backend cannot be read.
    """
    with reading(environment):
        store = store_for(environment)
        return tuple(locks_in(store, environment.name, environment.project.name)) if store else ()


def break_dead_locks(environment: OperatedEnvironment) -> tuple[Lock, ...]:
    """Deletes the locks whose owners are dead, and no other; gives them. Raises LocalStackError."""
    dead = tuple(lock for lock in locks(environment) if lock.owner_is_dead())
    with reading(environment):
        store = store_for(environment)
        for lock in dead:
            assert store is not None
            store.delete(lock.path)
    return dead


def require_unlocked(environment: OperatedEnvironment) -> tuple[Lock, ...]:
    """Breaks the locks of the dead, gives them, and raises LocalStackError where another is held."""
    broken = break_dead_locks(environment)
    if held := locks(environment):
        raise LocalStackError(
            f"The stack {environment.name} is held by {', '.join(str(lock) for lock in held)}.",
            hint=f"Wait for its end. {hint_for(environment, held[0])}",
        )
    return broken


def hint_for(environment: OperatedEnvironment, lock: Lock) -> str:
    """What to do about a lock whose owner is not known to be dead."""
    folder = environment.project.folder
    command = f"pulumi cancel --stack {environment.name}" + (f" -C {folder}" if folder else "")
    if lock.owner_is_dead() is None:
        return f"Whether it still lives cannot be seen from this machine; if it is dead: `{command}`."
    return f"It lives, on this machine; if it hangs: `kill {lock.pid}`, and the next command goes on from there."


def store_for(environment: OperatedEnvironment) -> Store | None:
    """Where the environment's state is kept; None for a backend without files. Raises LocalStackError.

    Where no file names a backend it is $PULUMI_BACKEND_URL, or what `pulumi login` has said.
    """
    return store_of(backend_url(environment), lambda: boto_session(environment))


def backend_url(environment: OperatedEnvironment) -> str:
    """The address of the environment's backend; empty where nobody has chosen one."""
    if environment.backend:
        return environment.backend
    if said := os.environ.get(BACKEND_URL):
        return said
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return str(json.loads((home / "credentials.json").read_text()).get("current") or "")
    except (OSError, ValueError):
        return ""


def locks_in(store: Store, stack: str, project: str = PROJECT) -> list[Lock]:
    """Every lock of a stack."""
    found: list[Lock] = []
    for path in store.names(f".pulumi/locks/organization/{project}/{stack}"):
        if not path.endswith(".json"):
            continue
        content = store.read(path)
        if content is None:  # let go of in this moment
            continue
        try:
            told: dict[str, Any] = json.loads(content)
            pid = int(told.get("pid", 0))
        except (ValueError, TypeError, AttributeError):
            told, pid = {}, 0
        when = str(told.get("timestamp", ""))
        found.append(
            Lock(
                path=path,
                user=str(told.get("username", "somebody")),
                host=str(told.get("hostname", "an unknown machine")),
                pid=pid,
                since=when[:19],
                taken=_seconds(when),
            )
        )
    return found


def _seconds(timestamp: str) -> float | None:
    """Of the epoch, of a time as Go writes it: RFC 3339 with up to nine digits of a second."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None


@contextmanager
def reading(environment: OperatedEnvironment) -> Generator[None]:
    """A backend that cannot be read or written becomes words that name it."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        raise LocalStackError(
            f"The state of {environment.name} in {backend_url(environment)} cannot be reached: {error}",
            hint=f"`groundwork doctor {environment.name}` says what stands in the way.",
        ) from None
