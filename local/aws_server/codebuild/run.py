"""The life of one build: its source fetched, its commands run as a process, its log and phases told as they come."""

import io
import logging
import shlex
import shutil
import sys
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.aws_server.codebuild import script
from local.aws_server.codebuild.buildspec import parse
from local.aws_server.operations import ACCOUNT_ID, Server, ServiceError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.plane import Credentials, plane_of
from local.aws_server.sagemaker.processes import Command, Container, LogLine
from local.paths import this_checkout

logger = logging.getLogger(__name__)

BUILD = "codebuild-build"
"""Kind of a build's record; the key is `region/id`."""
NUMBER = "codebuild-build-number"
"""Kind of the record with a project's last build number; the key is `region/project`."""
SESSION_S = 12 * 3600
LOOK_S = 0.1
STATUSES = {"timeout": "TIMED_OUT", "stopped": "STOPPED", "killed": "STOPPED", "orphaned": "FAULT", "start": "FAULT"}
_runs: dict[int, "dict[str, BuildRun]"] = {}


class BuildError(Exception):
    """The build cannot go on; the text is what its phase says."""


def runs_of(server: Server) -> "dict[str, BuildRun]":
    """The builds that run now, by id."""
    return _runs.setdefault(id(server), {})


class BuildRun(threading.Thread):
    """Runs one build to its end."""

    def __init__(self, server: Server, region: str, build: dict[str, Any]) -> None:
        super().__init__(name=f"build-{build['id']}", daemon=True)
        self.build = dict(build)
        self._server, self._region = server, region
        self._folder = server.settings.state_dir / "codebuild" / build["id"].partition(":")[2]
        self._container: Container | None = None
        self._stop = threading.Event()
        self._log = LogStream(plane_of(server), region, build["logs"]["groupName"], build["logs"]["streamName"])
        runs_of(server)[build["id"]] = self

    def request_stop(self) -> None:
        """StopBuild: the commands are stopped."""
        self._stop.set()
        if self._container is not None:
            self._container.stop()

    def run(self) -> None:
        """Everything, and whatever happens a last status."""
        status, self.build["phases"] = "FAULT", list(self.build["phases"])
        try:
            status = self._whole()
        except BuildError as error:
            self._close_phase("FAILED", str(error))
            status = "FAILED"
        except Exception as error:
            logger.exception("build %s", self.build["id"])
            self._close_phase("FAULT", f"The local AWS server failed: {error!r}")
        finally:
            now = datetime.now(UTC)
            self.build["phases"].append({"phaseType": "COMPLETED", "startTime": now})
            self.build |= {
                "buildStatus": status,
                "buildComplete": True,
                "endTime": now,
                "currentPhase": "COMPLETED",
            }
            self._save()
            runs_of(self._server).pop(self.build["id"], None)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _whole(self) -> str:
        self._folder.mkdir(mode=0o700, parents=True)
        for phase in ("QUEUED", "PROVISIONING"):
            self._open_phase(phase)
            if phase == "PROVISIONING":
                credentials = self._assume()
            self._close_phase("SUCCEEDED")
        self._open_phase("DOWNLOAD_SOURCE")
        source = self._download(credentials)
        self._close_phase("SUCCEEDED")
        exit_code, cause = self._execute(source, credentials)
        if cause in STATUSES:
            self._close_phase(STATUSES[cause])
            return STATUSES[cause]
        return "SUCCEEDED" if exit_code == 0 else "FAILED"

    def _assume(self) -> Credentials:
        arn = self.build["serviceRole"]
        name = arn.rpartition("/")[2]
        try:
            role = self._server.call("iam", "GetRole", {"RoleName": name})["Role"]
            if "codebuild.amazonaws.com" not in str(role["AssumeRolePolicyDocument"]):
                raise BuildError(f"CodeBuild is not authorized to perform: sts:AssumeRole on {arn}")
            session = {"RoleArn": arn, "RoleSessionName": f"AWSCodeBuild-{self.build['id'][-36:]}"}
            session |= {"DurationSeconds": SESSION_S}
            answer = self._server.call("sts", "AssumeRole", session, region=self._region)["Credentials"]
        except ServiceError as error:
            raise BuildError(f"CodeBuild is not authorized to perform: sts:AssumeRole on {arn}: {error}") from error
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def _download(self, credentials: Credentials) -> Path:
        target = self._folder / "src"
        target.mkdir()
        source = self.build["source"]
        if source["type"] == "NO_SOURCE":
            return target
        bucket, _, key = source.get("location", "").removeprefix("arn:aws:s3:::").partition("/")
        request = {"Bucket": bucket, "Key": key}
        if version := self.build.get("sourceVersion"):
            request["VersionId"] = version
        try:
            answer = self._server.call(
                "s3", "GetObject", request, region=self._region, access_key_id=credentials.access_key_id
            )
            _unpack(answer["Body"], target)
        except ServiceError as error:
            raise BuildError(f"CLIENT_ERROR: {error.code}: {error.message} for source {bucket}/{key}") from error
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise BuildError(f"CLIENT_ERROR: the source {bucket}/{key} cannot be unpacked: {error}") from error
        return target

    def _execute(self, source: Path, credentials: Credentials) -> tuple[int | None, str]:
        spec = parse(self.build["source"]["buildspec"])
        scripts = self._folder / "scripts"
        scripts.mkdir()
        run = script.write(scripts, spec)
        home = self._folder / "home"
        python = sys.executable
        variables = plane_of(self._server).base_variables(python, self._region, credentials, home)
        variables |= spec.variables
        variables |= {each["name"]: each["value"] for each in self.build["environment"]["environmentVariables"]}
        variables |= self._documented(source)
        variables["PATH"] = f"{_engine(home, python)}:{variables['PATH']}"
        command = Command(
            argv=["bash", str(run)],
            environment=variables,
            cwd=str(source),
            max_runtime_s=self.build["timeoutInMinutes"] * 60.0,
            grace_s=5.0,
            dies_with_server=True,
        )
        container = self._container = Container.prepare(self._folder / "run", command)
        container.release()
        if self._stop.is_set():
            container.stop()
        progress = 0
        while True:
            ended = container.ended(LOOK_S)
            self._ship(container.new_lines())
            progress = self._follow(scripts / script.PROGRESS, progress)
            if ended:
                break
        result = container.exit()
        container.close()
        self._exported(scripts / script.EXPORTED)
        return result.exit_code, result.cause

    def _documented(self, source: Path) -> dict[str, str]:
        """https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html"""
        build = self.build
        return {
            "CODEBUILD_BUILD_ARN": build["arn"],
            "CODEBUILD_BUILD_ID": build["id"],
            "CODEBUILD_BUILD_IMAGE": build["environment"]["image"],
            "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
            "CODEBUILD_INITIATOR": build["initiator"],
            "CODEBUILD_LOG_PATH": build["logs"]["streamName"],
            "CODEBUILD_SRC_DIR": str(source),
            "CODEBUILD_START_TIME": str(int(build["startTime"].timestamp() * 1000)),
            "AWS_ACCOUNT_ID": ACCOUNT_ID,
        }

    def _ship(self, lines: list[LogLine]) -> None:
        try:
            self._log.put(lines)
        except ServiceError as error:
            logger.warning("log of build %s: %s", self.build["id"], error)

    def _follow(self, file: Path, seen: int) -> int:
        """Phases as the script tells them; how many lines of its file have been read."""
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        for line in lines[seen:]:
            name, what, seconds = line.split(" ")
            moment = datetime.fromtimestamp(float(seconds), UTC)
            if what == "start":
                self._open_phase(name, moment)
            else:
                self._close_phase(what, at=moment)
        return len(lines)

    def _exported(self, file: Path) -> None:
        pairs = file.read_text().split("\0")[:-1] if file.exists() else []
        self.build["exportedEnvironmentVariables"] = [
            {"name": name, "value": value} for name, _, value in (pair.partition("=") for pair in pairs)
        ]

    def _open_phase(self, name: str, at: datetime | None = None) -> None:
        self.build["phases"].append({"phaseType": name, "startTime": at or datetime.now(UTC)})
        self.build["currentPhase"] = name
        self._save()

    def _close_phase(self, status: str, message: str = "", at: datetime | None = None) -> None:
        phase = dict(self.build["phases"][-1])
        if "phaseStatus" in phase:
            return
        ended = at or datetime.now(UTC)
        phase |= {"phaseStatus": status, "endTime": ended}
        phase["durationInSeconds"] = int((ended - phase["startTime"]).total_seconds())
        if message:
            phase["contexts"] = [{"statusCode": status, "message": message}]
            self._ship([LogLine(int(time.time() * 1000), True, message)])
        self.build["phases"][-1] = phase
        self._save()

    def _save(self) -> None:
        with self._server.records.lock:
            self._server.records.put(BUILD, f"{self._region}/{self.build['id']}", self.build)


def _unpack(body: bytes, target: Path) -> None:
    """A source's files. Raises ValueError for one that would lie outside."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.infolist():
            path = (target / entry.filename).resolve()
            if not path.is_relative_to(target.resolve()):
                raise ValueError(f"{entry.filename} lies outside of the source")
            archive.extract(entry, target)
            if not entry.is_dir():
                path.chmod((entry.external_attr >> 16) & 0o777 or 0o644)


def _engine(home: Path, python: str) -> Path:
    """A folder for PATH in which `docker` is what stands in for a container engine."""
    folder = home / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    checkout = shlex.quote(str(this_checkout().checkout))
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={checkout} exec {shlex.quote(python)} -m local.container_engine "$@"\n')
    command.chmod(0o755)
    return folder
