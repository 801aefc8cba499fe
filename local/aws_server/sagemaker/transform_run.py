"""The life of one batch transform job: model servers, requests to them, and their answers in S3."""

import json
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.files import Bucket, DataError, inside, relative_name
from local.aws_server.sagemaker.fleet import DEFAULT_STARTUP_S, MOST_PROCESSES
from local.aws_server.sagemaker.instance import Instance
from local.aws_server.sagemaker.job_run import JobRun, NotStartedError
from local.aws_server.sagemaker.json_path import FilterError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.model_server import credentials_of, fetch_model, serve_command
from local.aws_server.sagemaker.plane import Plane, now, s3_location
from local.aws_server.sagemaker.processes import Command, LogLine
from local.aws_server.sagemaker.training_outcome import JobFailedError, Outcome
from local.aws_server.sagemaker.training_watch import deliver
from local.aws_server.sagemaker.transform_client import Asked, Client, Settings, StoppedError
from local.aws_server.sagemaker.transform_data import DataProcessing, ObjectFailedError, assembled, batches
from local.aws_server.sagemaker.transform_record import TransformRecord, save

LOG_GROUP = "/aws/sagemaker/TransformJobs"


@dataclass(frozen=True)
class Source:
    """An input object, and the name of its output below S3OutputPath."""

    key: str
    size: int
    output: str


class TransformRun(JobRun):
    """Runs a transform job; after a restart of the server it goes on with the objects that were not done."""

    record: TransformRecord

    def __init__(self, plane: Plane, record: TransformRecord, on_end: Callable[[str], None]) -> None:
        super().__init__("transform", plane, record, on_end)
        self._instances: list[Instance] = []
        self._halted = threading.Event()
        self._folder = Path(record.folder)
        self._failures: list[str] = []
        self._uri: str = self._request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        if record.stop_requested:
            self._halted.set()

    def request_stop(self) -> bool:
        """StopTransformJob: nothing that was not answered is asked any more. False for a job that has ended."""
        with self._lock:
            if self.record.final:
                return False
            self.record.stop_requested = True
            self.record.move("Stopping")
            save(self._plane, self.record)
        self._halt()
        return True

    def shut_down(self) -> None:
        """The server stops: the next one goes on with the job."""
        self._commands.shutdown = True
        self._halt()

    def _halt(self) -> None:
        with self._lock:
            self._halted.set()
            for instance in self._instances:
                instance.retire(now=True)

    def _note_the_end(self, outcome: Outcome) -> None:
        self.record.finish(outcome.status, outcome.failure)
        save(self._plane, self.record)

    def _bucket(self) -> Bucket:
        credentials = credentials_of(self._plane, self.record.region, self.record.container)
        return Bucket(self._plane, self.record.region, credentials.access_key_id if credentials else None)

    def _whole(self) -> Outcome:
        try:
            return self._transformed()
        finally:
            with self._lock:
                for instance in self._instances:
                    instance.retire(now=True)
            for instance in self._instances:
                instance.join(5.0)

    def _transformed(self) -> Outcome:
        if not self._halted.is_set():
            with self._lock:
                self.record.started = self.record.started or now()
                save(self._plane, self.record)
            sources = self._sources(self._bucket())
            self._start(min(int(self._request["TransformResources"]["InstanceCount"]), MOST_PROCESSES, len(sources)))
            workers = [
                threading.Thread(
                    target=self._work, args=(instance, sources[number :: len(self._instances)]), daemon=True
                )
                for number, instance in enumerate(self._instances)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        if self._commands.shutdown and not self.record.stop_requested:
            raise NotStartedError
        if self._halted.is_set():
            return Outcome("Stopped", "Stopped")
        self._upload()
        if self._failures:
            return Outcome("Failed", "Failed", "; ".join(self._failures))
        return Outcome("Completed", "Completed")

    def _sources(self, bucket: Bucket) -> list[Source]:
        name, prefix = s3_location(self._uri)
        kind = self._request["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"]
        try:
            if kind == "ManifestFile":
                return self._listed(bucket, name, prefix)
            found = [(key, size) for key, size, _ in bucket.keys(name, prefix) if not key.endswith("/")]
        except ServiceError as error:
            raise DataError(f"ClientError: Failed to list {self._uri}: {error.code}: {error}") from error
        if not found:
            raise DataError(f'ClientError: No S3 objects found under S3 URL "{self._uri}".')
        return [Source(key, size, relative_name(key, prefix)) for key, size in found]

    def _listed(self, bucket: Bucket, name: str, key: str) -> list[Source]:
        """The objects of a manifest: `[{"prefix": "s3://b/p/"}, "name", …]`."""
        try:
            entries: Any = json.loads(bucket.call("GetObject", {"Bucket": name, "Key": key})["Body"])
            own, prefix = s3_location(entries[0]["prefix"])
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(f"ClientError: The manifest {self._uri} does not start with a prefix: {error!r}") from error
        self._uri = entries[0]["prefix"]
        sizes = (
            (entry, bucket.call("HeadObject", {"Bucket": own, "Key": prefix + entry})["ContentLength"])
            for entry in entries[1:]
        )
        return [Source(prefix + entry, int(size), entry) for entry, size in sizes]

    def _start(self, count: int) -> None:
        """The model servers; returns once all answer /ping. Raises JobFailedError."""
        region = self.record.region
        container: dict[str, Any] = {**self.record.container}
        container["Environment"] = {**(container.get("Environment") or {}), **(self._request.get("Environment") or {})}
        environment = self._plane.environment_of(container["Image"])
        if not environment.serve:
            raise JobFailedError(f"ClientError: The image {container['Image']} has no `serve` command here.")
        served = self._folder / "served"
        shutil.rmtree(served, ignore_errors=True)
        try:
            fetch_model(self._plane, region, container, served)
        except DataError as error:
            raise DataError(f"ClientError: {error}") from error
        credentials = credentials_of(self._plane, region, container)
        variables = Settings.variables(self._request)
        for _ in range(count):
            identity = f"i-{secrets.token_hex(9)[:17]}"
            folder = served / identity
            folder.mkdir()

            def command(port: int, folder: Path = folder) -> Command:
                model = served / "model"
                return serve_command(self._plane, region, container, credentials, folder, model, port, variables)

            stream = self._stream(identity)
            if environment.warning:
                deliver(stream, [LogLine(int(time.time() * 1000), False, environment.warning)])
            instance = Instance(f"transform-{self.record.name}", identity, folder, command, stream)
            with self._lock:
                self._instances.append(instance)
                if self._halted.is_set():
                    instance.retire(now=True)
            instance.start()
        for instance in self._instances:
            settled = instance.settled.wait(DEFAULT_STARTUP_S)
            if not self._halted.is_set() and (not settled or instance.failure):
                why = instance.failure or "it did not answer in time"
                raise JobFailedError(
                    "AlgorithmError: The primary container did not pass the ping health check; see job logs for more "
                    f"information. The container: {why}"
                )

    def _stream(self, identity: str, suffix: str = "") -> LogStream:
        name = f"{self.record.name}/{identity}-{int(self.record.created.timestamp())}{suffix}"
        return LogStream(self._plane, self.record.region, LOG_GROUP, name)

    def _work(self, instance: Instance, sources: list[Source]) -> None:
        """One instance's objects, one after the other."""
        log = self._stream(instance.identity, "/data-log")
        # The server is at work from now on: no answer to a ping says nothing about it.
        instance.in_flight = 1
        try:
            client = Client(instance, self._request, self._halted)
            self._say(log, f"[sagemaker logs]: {client.settings.described()}")
            for source in sources:
                self._one(client, source, log)
        except StoppedError:
            return
        except Exception as error:
            self._failures.append(f"InternalServerError: {error!r}")

    def _one(self, client: Client, source: Source, log: LogStream) -> None:
        place = f"{s3_location(self._uri)[0]}/{source.key}"
        target = inside(self._folder / "output", f"{source.output}.out")
        if target.exists():
            return
        file = inside(self._folder / "input", source.output)
        try:
            self._bucket().download(s3_location(self._uri)[0], source.key, source.size, file)
            self._send(client, file, target)
        except (ObjectFailedError, FilterError, ServiceError, OSError) as error:
            self._say(log, f"[sagemaker logs]: {place}: {error}")
            self._failures.append(f"{getattr(error, 'kind', 'ClientError')}: {place}: {error}")
        finally:
            file.unlink(missing_ok=True)

    def _send(self, client: Client, file: Path, target: Path) -> None:
        """A file's mini-batches to the model, so many at once as may be, and its answers in their order."""
        settings = client.settings
        processing = DataProcessing(self._request)
        assemble_with = str((self._request.get("TransformOutput") or {}).get("AssembleWith") or "None")
        partial = target.with_name(target.name + ".part")
        partial.parent.mkdir(parents=True, exist_ok=True)
        waiting: deque[tuple[list[bytes], Future[Asked]]] = deque()
        with partial.open("wb") as out, ThreadPoolExecutor(settings.concurrent) as pool:

            def take() -> None:
                batch, answered = waiting.popleft()
                out.write(assembled(processing.answer(batch, answered.result().body), assemble_with))

            try:
                for batch in batches(file, self._request, single=settings.single, most_bytes=settings.most_bytes):
                    waiting.append((batch, pool.submit(client.ask, processing.payload(batch))))
                    if len(waiting) >= settings.concurrent:
                        take()
                while waiting:
                    take()
            finally:
                for _, left in waiting:
                    left.cancel()
        partial.rename(target)

    def _say(self, log: LogStream, text: str) -> None:
        moment = int(time.time() * 1000)
        deliver(log, [LogLine(moment, False, line) for line in text.splitlines()])

    def _upload(self) -> None:
        """The outputs of the objects that were done, under S3OutputPath."""
        target: Mapping[str, Any] = self._request["TransformOutput"]
        name, prefix = s3_location(target["S3OutputPath"])
        bucket, folder = self._bucket(), self._folder / "output"
        for path in sorted(folder.rglob("*.out")):
            key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/")
            try:
                bucket.upload(path, name, key, target.get("KmsKeyId"))
            except ServiceError as error:
                raise DataError(f"ClientError: Failed to upload s3://{name}/{key}: {error.code}: {error}") from error
