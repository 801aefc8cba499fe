"""The life of one processing job, from its start to its last status; one thread a job, which waits for events alone."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker import monitoring_metrics, processing_data
from local.aws_server.sagemaker import processing_contract as contract
from local.aws_server.sagemaker.environments import Environment
from local.aws_server.sagemaker.files import Bucket, DataError
from local.aws_server.sagemaker.job_run import GRACE_S, SERVER_STOPPED, JobRun, NotStartedError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.plane import Credentials, Plane, now
from local.aws_server.sagemaker.processes import Command, Container, LogLine, namespace_kind
from local.aws_server.sagemaker.processing_record import ProcessingRecord, save
from local.aws_server.sagemaker.training_contract import Host, host_names, hosts_file
from local.aws_server.sagemaker.training_outcome import JobFailedError, Outcome, exit_of
from local.aws_server.sagemaker.training_watch import Watch

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
SERVER_DIED = "InternalServerError: The local AWS server died while the job ran, and the job was lost with it."


class ProcessingRun(JobRun):
    """Runs a processing job, or carries on with one that an earlier server left behind."""

    record: ProcessingRecord

    def __init__(self, plane: Plane, record: ProcessingRecord, on_end: Callable[[str], None]) -> None:
        super().__init__("processing", plane, record, on_end)
        isolated = namespace_kind() != "none"
        self._hosts: list[Host] = []
        for rank, name in enumerate(host_names(contract.cluster_of(self._request)[1])):
            folder = Path(record.folder) / name
            self._hosts.append(Host(name, rank, folder, contract.CONTAINER_ROOT if isolated else str(folder / "ml")))
        suffix = int(record.created.timestamp())
        self._streams = [
            LogStream(plane, record.region, LOG_GROUP, f"{record.name}/{host.name}-{suffix}") for host in self._hosts
        ]

    def request_stop(self) -> bool:
        """StopProcessingJob: the container gets SIGTERM, then GRACE_S, then SIGKILL. False for a job that has ended."""
        with self._lock:
            if self.record.final:
                return False
            self._commands.stop = self.record.stop_requested = True
            self.record.move("Stopping")
            save(self._plane, self.record)
            self._commands.announce()
        return True

    def _note_the_end(self, outcome: Outcome) -> None:
        self.record.finish(outcome.status, outcome.failure)
        save(self._plane, self.record)

    def _whole(self) -> Outcome:
        if self.record.processes:
            self._adopt()
        elif not self._begin():
            return Outcome("Stopped", "Stopped")
        outputs = [processing_data.Outputs(self._request, host) for host in self._hosts]
        self._deliver_ended(self._hosts)
        streams = {host.run_dir: stream for host, stream in zip(self._hosts, self._streams, strict=True)}
        on_time = (lambda: self._upload(outputs)) if any(each.continuous for each in outputs) else None
        Watch(self._containers, streams, None, self._commands, on_time).run()
        outcome = contract.judge([exit_of(host.run_dir, self._containers) for host in self._hosts])
        if self._commands.shutdown and outcome.status != "Completed":
            outcome = Outcome("Failed", "Failed", SERVER_STOPPED)
        self.record.exit_message = contract.exit_message(self._hosts)
        if monitoring_metrics.wanted(self._request):
            for host in self._hosts:
                monitoring_metrics.publish(self._plane, self.record.region, host.ml / monitoring_metrics.FOLDER)
        # With credentials of this moment: those of the start may have expired.
        bucket = self._bucket()
        for each in outputs:
            each.upload(bucket, completed=outcome.status == "Completed")
        return outcome

    def _begin(self) -> bool:
        """Starts the containers; False where the job was stopped before."""
        with self._lock:
            self.record.started = now()
            save(self._plane, self.record)
        environment = self._plane.environment_of(self._request["AppSpecification"]["ImageUri"])
        credentials = self._plane.assume(self._request["RoleArn"], self.record.region)
        bucket = Bucket(self._plane, self.record.region, credentials.access_key_id)
        names = [host.name for host in self._hosts]
        for host in self._hosts:
            contract.make_folders(host, self._request)
            if monitoring_metrics.wanted(self._request):
                (host.ml / monitoring_metrics.FOLDER).mkdir(parents=True, exist_ok=True)
            contract.write_configuration(host, self._request, names, self.record.arn)
            (host.folder / "hosts").write_text(hosts_file(self.record.key, names))
            processing_data.download(bucket, self._request, host, len(names))
        if self._commands.shutdown:
            raise NotStartedError
        if self._commands.stop:
            return False
        if environment.warning:
            self._streams[0].put([LogLine(int(time.time() * 1000), False, environment.warning)])
        for host in self._hosts:
            self._containers.append(Container.prepare(host.run_dir, self._command(host, environment, credentials)))
        with self._lock:
            self.record.processes = [(str(each.run_dir), each.pid, each.born) for each in self._containers]
            save(self._plane, self.record)
        # Only now: a container that this process did not note could not be found again after a kill -9.
        for container in self._containers:
            container.release()
        return True

    def _adopt(self) -> None:
        """Goes on with the containers of an earlier server; fails where one was lost with it."""
        if not self._take_over():
            self._end_what_is_left(self._hosts)
            self._deliver_ended(self._hosts)
            raise JobFailedError(SERVER_DIED)

    def _upload(self, outputs: Sequence[processing_data.Outputs]) -> None:
        try:
            bucket = self._bucket()
            for each in outputs:
                each.upload(bucket, completed=False)
        except (DataError, ServiceError, OSError) as error:
            # Once the container has ended it is tried again, and counts.
            logger.warning("outputs of processing job %s: %s", self.record.name, error)

    def _command(self, host: Host, environment: Environment, credentials: Credentials) -> Command:
        variables = self._plane.base_variables(environment.python, self.record.region, credentials, host.home)
        variables |= self._plane.job_packages(environment.python, host.folder / "packages", host.root)
        argv = contract.command_of(self._request, environment)
        mounts: list[tuple[str, str]] = []
        if host.root == contract.CONTAINER_ROOT:
            mounts = [(str(host.ml), host.root), (str(host.folder / "hosts"), "/etc/hosts")]
        else:
            variables["SAGEMAKER_BASE_DIR"] = host.root
            argv = [word.replace(contract.CONTAINER_ROOT, host.root) for word in argv]
        variables |= self._request.get("Environment") or {}
        return Command(
            argv=argv,
            environment=variables,
            cwd=str(contract.working_folder(host)),
            mounts=mounts,
            max_runtime_s=self._request["StoppingCondition"]["MaxRuntimeInSeconds"],
            grace_s=GRACE_S,
        )
