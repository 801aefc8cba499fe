"""A batch transform job as it is kept: the request, the model's container, and what happened since."""

from dataclasses import dataclass
from typing import Any, ClassVar

from local.aws_server.sagemaker.job_record import LONGEST_REASON, JobRecord
from local.aws_server.sagemaker.plane import Plane

KIND = "sagemaker:transform-job"


@dataclass(kw_only=True)
class TransformRecord(JobRecord):
    """One transform job.

    container: the model's as it was when the job was asked for, with ExecutionRoleArn, so that deleting the model
        changes nothing.
    """

    WORD: ClassVar[str] = "Transform"

    container: dict[str, Any]

    def finish(self, status: str, failure: str = "") -> None:
        """The last status."""
        self.move(status)
        self.failure = failure[:LONGEST_REASON]
        self.ended = self.modified

    def description(self) -> dict[str, Any]:
        """DescribeTransformJob's answer: the request's own members, and what became of it."""
        answer = self.asked() | self.told()
        del answer["LastModifiedTime"]
        if self.started:
            answer["TransformStartTime"] = self.started
        return answer | self._end()

    def summary(self) -> dict[str, Any]:
        """One entry of ListTransformJobs."""
        return self.listed() | self._end()

    def _end(self) -> dict[str, Any]:
        members = {"TransformEndTime": self.ended, "FailureReason": self.failure}
        return {name: value for name, value in members.items() if value}


def save(plane: Plane, record: TransformRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
