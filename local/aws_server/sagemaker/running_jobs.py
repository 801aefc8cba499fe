"""The jobs of one kind that run on each server: started, found, carried on with after a restart, and ended with it."""

import copy
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker.plane import Plane

STOP_WAIT_S = 5.0


class Run(Protocol):
    """The thread of one job."""

    def start(self) -> None: ...

    def shut_down(self) -> None:
        """Asks it to end, because the server does."""
        ...

    def join(self, timeout: float | None = None) -> None: ...


AnyRun = TypeVar("AnyRun", bound=Run)


class RunningJobs(Generic[AnyRun]):
    """The jobs of one server that have not ended yet.

    kind: of their records. make: a record's thread, which calls back with the record's key once it has ended.
    """

    def __init__(self, plane: Plane, kind: str, make: Callable[[Plane, Any, Callable[[str], None]], AnyRun]) -> None:
        self.plane = plane
        self._kind = kind
        self._make = make
        self._runs: dict[str, AnyRun] = {}
        self._lock = threading.RLock()

    def start(self, record: Any) -> None:
        """Starts a job's thread, for a new job or for one of an earlier server."""
        run = self._make(self.plane, record, self._ended)
        with self._lock:
            self._runs[record.key] = run
        run.start()

    def run_of(self, key: str) -> AnyRun | None:
        """The thread of a job that has not ended."""
        with self._lock:
            return self._runs.get(key)

    def resume(self) -> None:
        """Carries on with what an earlier server left."""
        for _, record in self.plane.server.records.items(self._kind):
            if not record.final:
                self.start(copy.deepcopy(record))

    def shut_down(self) -> None:
        """Ends every job's processes and notes it."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.shut_down()
        for run in runs:
            run.join(STOP_WAIT_S)

    def _ended(self, key: str) -> None:
        with self._lock:
            self._runs.pop(key, None)


class JobsOfServers(Generic[AnyRun]):
    """The running jobs of one kind, by the server that runs them."""

    def __init__(self, kind: str, make: Callable[[Plane, Any, Callable[[str], None]], AnyRun]) -> None:
        self._kind = kind
        self._make = make
        self._jobs: dict[int, RunningJobs[AnyRun]] = {}

    def of(self, server: Server) -> RunningJobs[AnyRun]:
        """The running jobs of a server; raises ServiceUnavailable once it stops."""
        jobs = self._jobs.get(id(server))
        if jobs is None:
            raise ServiceError("ServiceUnavailable", "The local AWS server is stopping.", 503)
        return jobs

    def start(self, server: Server, plane: Plane) -> None:
        """For a server that starts."""
        jobs = self._jobs[id(server)] = RunningJobs(plane, self._kind, self._make)
        jobs.resume()

    def stop(self, server: Server) -> None:
        """For a server that stops: jobs end with it, as `make local-down` leaves nothing running."""
        self._jobs.pop(id(server)).shut_down()
