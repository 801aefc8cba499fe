"""What the life of a training, a processing and a transform job have in common; one thread a job."""

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.environments import EnvironmentsError
from local.aws_server.sagemaker.files import Bucket, DataError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.processes import Container, kill_leftovers
from local.aws_server.sagemaker.training_contract import Host
from local.aws_server.sagemaker.training_metrics import TrainingMetrics
from local.aws_server.sagemaker.training_outcome import JobFailedError, Outcome
from local.aws_server.sagemaker.training_watch import Commands, deliver_the_rest

logger = logging.getLogger(__name__)

GRACE_S = 120.0
"""Seconds between SIGTERM and SIGKILL, as the StopTrainingJob documentation says; StopProcessingJob shares them."""
SERVER_STOPPED = "InternalServerError: The local AWS server was stopped while the job ran."


class NotStartedError(Exception):
    """The server stops before the job's containers have been started."""


class JobRun(threading.Thread):
    """Runs a job, or carries on with one that an earlier server left behind.

    kind: training, processing or transform. record: the job's, which this thread alone changes from here on.
    on_end: called with the record's key once the job has ended.
    """

    def __init__(self, kind: str, plane: Plane, record: Any, on_end: Callable[[str], None]) -> None:
        super().__init__(name=f"{kind}-{record.name}", daemon=True)
        self.record = record
        self._kind = kind
        self._plane = plane
        self._on_end = on_end
        self._request: dict[str, Any] = record.request
        self._lock = threading.RLock()
        self._commands = Commands(stop=record.stop_requested)
        self._containers: list[Container] = []
        self._streams: list[LogStream] = []

    def shut_down(self) -> None:
        """The server stops: so does the job."""
        self._commands.shutdown = True
        with self._lock:
            self._commands.announce()

    def run(self) -> None:
        """Everything, and whatever happens a last status."""
        try:
            outcome = self._whole()
        except NotStartedError:
            # Nothing has run: the next server starts it, as if it had only now been asked for.
            self._on_end(self.record.key)
            return
        except (JobFailedError, DataError) as failure:
            outcome = Outcome("Failed", "Failed", str(failure))
        except (ServiceError, EnvironmentsError) as error:
            outcome = Outcome("Failed", "Failed", f"ClientError: {error}")
        except OSError as error:
            outcome = Outcome("Failed", "Failed", f"InternalServerError: {error}")
        except Exception as error:
            logger.exception("%s job %s", self._kind, self.record.name)
            outcome = Outcome("Failed", "Failed", f"InternalServerError: {error!r}")
        with self._lock:
            self._note_the_end(outcome)
            self._commands.close()
        for container in self._containers:
            container.close()
        shutil.rmtree(self.record.folder, ignore_errors=True)
        self._on_end(self.record.key)

    def _whole(self) -> Outcome:
        """The job from its start, or from where an earlier server left it, to its outcome."""
        raise NotImplementedError

    def _note_the_end(self, outcome: Outcome) -> None:
        """Writes the last status down."""
        raise NotImplementedError

    def _take_over(self) -> bool:
        """Takes over the containers of an earlier server; False where one was lost with it.

        Those that have ended meanwhile are not lost.
        """
        lost = False
        for run_dir, pid, born in self.record.processes:
            container = Container.adopt(Path(run_dir), pid, born)
            if container is not None:
                self._containers.append(container)
            elif not (Path(run_dir) / "exit.json").exists():
                lost = True
        return not lost

    def _end_what_is_left(self, hosts: Sequence[Host]) -> None:
        """Kills what an earlier server's job still has."""
        for container in self._containers:
            container.kill()
        for host in hosts:
            kill_leftovers(host.home)

    def _deliver_ended(self, hosts: Sequence[Host], metrics: TrainingMetrics | None = None) -> None:
        """The log lines of hosts whose container had ended before anybody watched."""
        watched = {container.run_dir for container in self._containers}
        for host, stream in zip(hosts, self._streams, strict=True):
            if host.run_dir not in watched:
                deliver_the_rest(host.run_dir, stream, metrics)

    def _bucket(self) -> Bucket:
        credentials = self._plane.assume(self._request["RoleArn"], self.record.region)
        return Bucket(self._plane, self.record.region, credentials.access_key_id)
