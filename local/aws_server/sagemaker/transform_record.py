"""A batch transform job as it is kept: the request, the model's container, and what happened since."""

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.aws_server.sagemaker.plane import Plane, now

KIND = "sagemaker:transform-job"
FINAL = frozenset({"Completed", "Failed", "Stopped"})
LONGEST_REASON = 1024
"""Characters of FailureReason."""


@dataclass
class TransformRecord:
    """One transform job.

    container: the model's as it was when the job was asked for, with ExecutionRoleArn, so that deleting the model
        changes nothing.
    """

    request: dict[str, Any]
    container: dict[str, Any]
    region: str
    arn: str
    folder: str
    created: datetime
    modified: datetime
    status: str = "InProgress"
    failure: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    stop_requested: bool = False

    @property
    def name(self) -> str:
        """TransformJobName."""
        return self.request["TransformJobName"]

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
        self.ended = self.modified

    def description(self) -> dict[str, Any]:
        """DescribeTransformJob's answer: the request's own members, and what became of it."""
        answer = {name: value for name, value in self.request.items() if name != "Tags"}
        answer |= {
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "CreationTime": self.created,
        }
        if self.started:
            answer["TransformStartTime"] = self.started
        return answer | self._end()

    def summary(self) -> dict[str, Any]:
        """One entry of ListTransformJobs."""
        return {
            "TransformJobName": self.name,
            "TransformJobArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "TransformJobStatus": self.status,
        } | self._end()

    def _end(self) -> dict[str, Any]:
        members = {"TransformEndTime": self.ended, "FailureReason": self.failure}
        return {name: value for name, value in members.items() if value}


def load(plane: Plane, region: str, name: str) -> TransformRecord | None:
    """A copy of a job's record, to be changed and saved."""
    return copy.deepcopy(plane.server.records.get(KIND, f"{region}/{name}"))


def save(plane: Plane, record: TransformRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
