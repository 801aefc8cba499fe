"""A processing job as it is kept: the request, and what happened since."""

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws_server.sagemaker.plane import Plane, now

KIND = "sagemaker:processing-job"
FINAL = frozenset({"Completed", "Failed", "Stopped"})
LONGEST_REASON = 1024
"""Characters of FailureReason and of ExitMessage."""


@dataclass
class ProcessingRecord:
    """One processing job.

    processes: a (run folder, shim's pid, its birth mark) a host, once its containers have been started.
    """

    request: dict[str, Any]
    region: str
    arn: str
    folder: str
    created: datetime
    modified: datetime
    status: str = "InProgress"
    failure: str = ""
    exit_message: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    processes: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    stop_requested: bool = False

    @property
    def name(self) -> str:
        """ProcessingJobName."""
        return self.request["ProcessingJobName"]

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.name}"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL

    def enter(self, status: str) -> None:
        """Moves to a status."""
        self.status = status
        self.modified = now()

    def finish(self, status: str, failure: str = "") -> None:
        """The last status."""
        self.enter(status)
        self.failure = failure[:LONGEST_REASON]
        self.processes = []
        if self.started:
            self.ended = self.modified

    def description(self) -> dict[str, Any]:
        """DescribeProcessingJob's answer: the request's own members, and what became of it."""
        answer = {name: value for name, value in self.request.items() if name != "Tags"}
        answer |= {
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }
        if self.started:
            answer["ProcessingStartTime"] = self.started
        return answer | self._end()

    def summary(self) -> dict[str, Any]:
        """One entry of ListProcessingJobs."""
        return {
            "ProcessingJobName": self.name,
            "ProcessingJobArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "ProcessingJobStatus": self.status,
        } | self._end()

    def _end(self) -> dict[str, Any]:
        members = {
            "ProcessingEndTime": self.ended,
            "FailureReason": self.failure,
            "ExitMessage": self.exit_message,
        }
        return {name: value for name, value in members.items() if value}


def load(plane: Plane, region: str, name: str) -> ProcessingRecord | None:
    """A copy of a job's record, to be changed and saved."""
    return copy.deepcopy(plane.server.records.get(KIND, f"{region}/{name}"))


def save(plane: Plane, record: ProcessingRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
