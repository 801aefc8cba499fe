"""The life of one training job, from Starting to its last status; one thread a job, which waits for events alone."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker import training_contract as contract
from local.aws_server.sagemaker import training_data, training_outcome
from local.aws_server.sagemaker.environments import Environment
from local.aws_server.sagemaker.files import Bucket
from local.aws_server.sagemaker.job_run import GRACE_S, SERVER_STOPPED, JobRun, NotStartedError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.plane import Credentials, Plane, now
from local.aws_server.sagemaker.processes import (
    Command,
    Container,
    Exit,
    LogLine,
    namespace_kind,
)
from local.aws_server.sagemaker.training_metrics import TrainingMetrics
from local.aws_server.sagemaker.training_outcome import JobFailedError, Outcome
from local.aws_server.sagemaker.training_record import TrainingRecord, save
from local.aws_server.sagemaker.training_watch import Watch

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
SERVER_DIED = "InternalServerError: The local AWS server died while the job was {}, and the job was lost with it."


class TrainingRun(JobRun):
    """Runs a training job, or carries on with one that an earlier server left behind."""

    record: TrainingRecord

    def __init__(self, plane: Plane, record: TrainingRecord, on_end: Callable[[str], None]) -> None:
        super().__init__("training", plane, record, on_end)
        self._created_s = record.created.timestamp()
        self._sent: dict[str, int] = {}
        self.metrics = TrainingMetrics(
            plane, record.region, record.name, self._request["AlgorithmSpecification"].get("MetricDefinitions") or []
        )

    def request_stop(self) -> bool:
        """StopTrainingJob: the container gets SIGTERM, then GRACE_S, then SIGKILL. False for a job that has ended."""
        with self._lock:
            if self.record.final:
                return False
            self._commands.stop = self.record.stop_requested = True
            self.record.enter("Stopping")
            self.record.status = "Stopping"
            self._save()
            self._commands.announce()
        return True

    @property
    def interruptible(self) -> bool:
        """Whether it is a managed spot job whose containers run."""
        return bool(self._request.get("EnableManagedSpotTraining")) and self.record.secondary == "Training"

    def interrupt(self, *, warning: bool = True) -> None:
        """Takes a spot job's instances away, as EC2 does; without a warning the processes are killed where they are.

        What had not been sent to S3 by then is gone, as with the machine.
        """
        self._commands.abrupt = not warning
        self._commands.interrupt = True
        with self._lock:
            self._commands.announce()

    def _note_the_end(self, outcome: Outcome) -> None:
        self.record.metrics = self.metrics.final
        self.record.finish(outcome.status, outcome.secondary, outcome.failure)
        self._save()

    def _whole(self) -> Outcome:
        carried = self._adopt() if self.record.processes else None
        while True:
            if carried is not None:
                hosts, carried = carried, None
            else:
                hosts = self._begin()
                if hosts is None:
                    return Outcome("Stopped", "Stopped")
            started = time.monotonic()
            exits = self._watch(hosts)
            self.record.trained_s += time.monotonic() - started
            outcome = training_outcome.judge(exits, hosts)
            if (
                outcome.again
                and not self._commands.stop
                and not self._commands.shutdown
                and self._may_run_again(outcome)
            ):
                self._enter(outcome.secondary)
                if outcome.secondary == "Interrupted" and not self._commands.abrupt:
                    self._sync_checkpoints(hosts[0], self._sent)
                continue
            if self._commands.shutdown and outcome.status != "Completed":
                outcome = Outcome("Failed", "Failed", SERVER_STOPPED)
            self._finish_files(hosts[0], outcome)
            return outcome

    def _may_run_again(self, outcome: Outcome) -> bool:
        if outcome.secondary == "Interrupted":
            return True
        retries = (self._request.get("RetryStrategy") or {}).get("MaximumRetryAttempts", 0)
        return self.record.attempts <= retries

    def _begin(self) -> list[contract.Host] | None:
        """Starts the containers of an attempt; None where the job was stopped before."""
        if self.record.attempts:
            self._enter("Starting")
        if self.record.started is None:
            self.record.started = now()
        image = self._request["AlgorithmSpecification"].get("TrainingImage", "")
        environment = self._plane.environment_of(image)
        credentials = self._plane.assume(self._request["RoleArn"], self.record.region)
        bucket = Bucket(self._plane, self.record.region, credentials.access_key_id)
        hosts = self._hosts(self.record.attempts + 1)
        names = [host.name for host in hosts]
        channels = [channel["ChannelName"] for channel in self._request.get("InputDataConfig") or []]
        for host in hosts:
            contract.make_folders(host, channels)
            contract.write_configuration(host, self._request, names)
            (host.folder / "hosts").write_text(contract.hosts_file(self.record.key, names))
        if self.record.attempts:
            shutil.rmtree(Path(self.record.folder) / f"attempt-{self.record.attempts}", ignore_errors=True)
        if self._commands.shutdown:
            raise NotStartedError
        if self._commands.stop:
            return None
        if channels or self._request.get("CheckpointConfig") or contract.PROGRAM in self._hyperparameters:
            self._enter("Downloading")
            for host in hosts:
                training_data.download(bucket, self._request, host, len(hosts))
        if self._commands.shutdown:
            raise NotStartedError
        if self._commands.stop:
            return None
        limit = (self._request.get("StoppingCondition") or {})["MaxRuntimeInSeconds"] - self.record.trained_s
        for container in self._containers:
            container.close()
        self._containers = []
        self._streams = self._log_streams(names)
        if environment.warning:
            self._streams[0].put([LogLine(int(time.time() * 1000), False, environment.warning)])
        for host in hosts:
            command = self._command(host, names, environment, credentials, max(1.0, limit))
            self._containers.append(Container.prepare(host.run_dir, command))
        with self._lock:
            self.record.attempts += 1
            self.record.processes = [(str(each.run_dir), each.pid, each.born) for each in self._containers]
            if not self._commands.stop:
                self.record.enter("Training")
            self._save()
        # Only now: a container that this process did not note could not be found again after a kill -9.
        for container in self._containers:
            container.release()
        return hosts

    def _adopt(self) -> list[contract.Host] | None:
        """Takes over the containers of an earlier server, those that have ended meanwhile included."""
        hosts = self._hosts(self.record.attempts)
        self._streams = self._log_streams([host.name for host in hosts])
        whole = self._take_over()
        for host in hosts:
            self.metrics.read(training_outcome.lines_before(host.run_dir), send=False)
        if not whole:
            self._end_what_is_left(hosts)
            self._deliver_ended(hosts, self.metrics)
            if self._request.get("EnableManagedSpotTraining"):
                self._enter("Interrupted")
                self._sync_checkpoints(hosts[0], {})
            elif self._may_run_again(Outcome("Failed", "Restarting", again=True)):
                self._enter("Restarting")
            else:
                raise JobFailedError(SERVER_DIED.format("training"))
            return None
        return hosts

    def _watch(self, hosts: Sequence[contract.Host]) -> list[Exit]:
        """Until every container has ended: how each did."""
        self._deliver_ended(hosts, self.metrics)
        self._sent = sent = {}
        checkpoints = (
            (lambda: self._sync_checkpoints(hosts[0], sent)) if self._request.get("CheckpointConfig") else None
        )
        streams = {host.run_dir: stream for host, stream in zip(hosts, self._streams, strict=True)}
        Watch(self._containers, streams, self.metrics, self._commands, checkpoints).run()
        return [training_outcome.exit_of(host.run_dir, self._containers) for host in hosts]

    def _sync_checkpoints(self, host: contract.Host, sent: dict[str, int]) -> None:
        try:
            training_data.upload_checkpoints(self._bucket(), self._request, host, sent)
        except (ServiceError, OSError) as error:
            logger.warning("checkpoints of training job %s: %s", self.record.name, error)

    def _finish_files(self, host: contract.Host, outcome: Outcome) -> None:
        if outcome.status != "Failed":
            self._enter("Uploading")
        bucket = self._bucket()
        training_data.upload_checkpoints(bucket, self._request, host, self._sent)
        training_data.upload_output(bucket, self.record, host, with_model=outcome.status != "Failed")

    def _command(
        self,
        host: contract.Host,
        names: Sequence[str],
        environment: Environment,
        credentials: Credentials,
        limit_s: float,
    ) -> Command:
        variables = self._plane.base_variables(environment.python, self.record.region, credentials, host.home)
        variables |= contract.variables(host, self._request, names, self.record.arn)
        variables |= self._plane.job_packages(environment.python, host.folder / "packages", host.root)
        mounts: list[tuple[str, str]] = []
        if host.root == str(host.ml):
            variables["SAGEMAKER_BASE_DIR"] = host.root
        else:
            mounts = [(str(host.ml), host.root), (str(host.folder / "hosts"), "/etc/hosts")]
            mounts += training_data.checkpoint_mounts(self._request, host)
        variables |= self._request.get("Environment") or {}
        argv = training_outcome.command_of(self._request, environment)
        if not mounts:
            argv = [word.replace("/opt/ml", host.root) for word in argv]
        return Command(
            argv=argv,
            environment=variables,
            cwd=f"{host.root}/code",
            mounts=mounts,
            max_runtime_s=limit_s,
            grace_s=GRACE_S,
        )

    def _hosts(self, attempt: int) -> list[contract.Host]:
        names = contract.host_names(contract.instance_of(self._request)[1])
        isolated = namespace_kind() != "none"
        folders = [Path(self.record.folder) / f"attempt-{attempt}" / name for name in names]
        return [
            contract.Host(name, rank, folder, "/opt/ml" if isolated else str(folder / "ml"))
            for rank, (name, folder) in enumerate(zip(names, folders, strict=True))
        ]

    def _log_streams(self, names: Sequence[str]) -> list[LogStream]:
        suffix = int(self._created_s)
        return [
            LogStream(self._plane, self.record.region, LOG_GROUP, f"{self.record.name}/{name}-{suffix}")
            for name in names
        ]

    @property
    def _hyperparameters(self) -> dict[str, Any]:
        return self._request.get("HyperParameters") or {}

    def _enter(self, secondary: str) -> None:
        with self._lock:
            if not self._commands.stop or secondary == "Uploading":
                self.record.enter(secondary)
                self._save()

    def _save(self) -> None:
        save(self._plane, self.record)
