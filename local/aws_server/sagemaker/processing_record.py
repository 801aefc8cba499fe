"""A processing job as it is kept: the request, and what happened since."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from local.aws_server.sagemaker.job_record import LONGEST_REASON, JobRecord
from local.aws_server.sagemaker.plane import Plane

KIND = "sagemaker:processing-job"


@dataclass(kw_only=True)
class ProcessingRecord(JobRecord):
    """One processing job.

    processes: a (run folder, shim's pid, its birth mark) a host, once its containers have been started.
    """

    WORD: ClassVar[str] = "Processing"

    exit_message: str = ""
    processes: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])

    def finish(self, status: str, failure: str = "") -> None:
        """The last status."""
        self.move(status)
        self.failure = failure[:LONGEST_REASON]
        self.processes = []
        if self.started:
            self.ended = self.modified

    def description(self) -> dict[str, Any]:
        """DescribeProcessingJob's answer: the request's own members, and what became of it."""
        answer = self.asked() | self.told()
        if self.started:
            answer["ProcessingStartTime"] = self.started
        return answer | self._end()

    def summary(self) -> dict[str, Any]:
        """One entry of ListProcessingJobs."""
        return self.listed() | self._end()

    def _end(self) -> dict[str, Any]:
        members = {
            "ProcessingEndTime": self.ended,
            "FailureReason": self.failure,
            "ExitMessage": self.exit_message,
        }
        return {name: value for name, value in members.items() if value}


def save(plane: Plane, record: ProcessingRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
