"""A training job as it is kept: the request, and what happened since."""

import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from local.aws_server.sagemaker.job_record import FINAL, LONGEST_REASON, JobRecord
from local.aws_server.sagemaker.plane import Plane, now

KIND = "sagemaker:training-job"

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Interrupted": "The managed spot training job was interrupted",
    "Restarting": "Restarting the training job",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}
"""StatusMessage of each secondary status."""


@dataclass(kw_only=True)
class TrainingRecord(JobRecord):
    """One training job.

    processes: a (run folder, shim's pid, its birth mark) a host, of the attempt that runs.
    attempts: how often its containers have been started.
    trained_s: seconds that ended attempts ran, which count towards MaxRuntimeInSeconds.
    """

    WORD: ClassVar[str] = "Training"

    secondary: str = "Starting"
    transitions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    metrics: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    processes: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    attempts: int = 0
    trained_s: float = 0.0

    def enter(self, secondary: str, message: str = "") -> None:
        """Moves to a secondary status and notes the transition."""
        moment = now()
        if self.transitions:
            self.transitions[-1].setdefault("EndTime", moment)
        self.secondary = secondary
        self.modified = moment
        transition = {
            "Status": secondary,
            "StartTime": moment,
            "StatusMessage": message or MESSAGES[secondary],
        }
        if secondary in FINAL or secondary in ("MaxRuntimeExceeded", "MaxWaitTimeExceeded"):
            transition["EndTime"] = moment
        self.transitions.append(transition)

    def finish(self, status: str, secondary: str, failure: str = "") -> None:
        """The last transition."""
        self.status = status
        self.failure = failure[:LONGEST_REASON]
        self.enter(secondary, f"{MESSAGES[secondary]}. {self.failure}" if failure else "")
        self.processes = []
        if self.started and not self.ended:
            self.ended = now()

    def model_uri(self) -> str:
        """Where the model goes: one archive, or a prefix when the job asks for no compression."""
        base = self.output_uri()
        return f"{base}/model/" if self.uncompressed else f"{base}/model.tar.gz"

    def output_uri(self) -> str:
        """The prefix of everything that the job leaves in S3."""
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    @property
    def uncompressed(self) -> bool:
        """Whether output is uploaded file by file."""
        return self.request["OutputDataConfig"].get("CompressionType") == "NONE"

    def seconds(self) -> int:
        """TrainingTimeInSeconds."""
        if self.started is None:
            return 0
        return max(1, round(((self.ended or now()) - self.started).total_seconds()))

    def description(self) -> dict[str, Any]:
        """DescribeTrainingJob's answer: the request's own members, and what became of it."""
        answer = self.asked() | self.told()
        answer |= {
            "ModelArtifacts": {"S3ModelArtifacts": self.model_uri()},
            "SecondaryStatus": self.secondary,
            "SecondaryStatusTransitions": self.transitions,
            "ProfilingStatus": "Disabled",
        }
        if self.failure:
            answer["FailureReason"] = self.failure
        if self.started:
            answer["TrainingStartTime"] = self.started
        if self.ended:
            answer["TrainingEndTime"] = self.ended
            answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = self.seconds()
        if self.metrics:
            answer["FinalMetricDataList"] = self.metrics
        return answer

    def summary(self) -> dict[str, Any]:
        """One entry of ListTrainingJobs."""
        answer = {**self.listed(), "SecondaryStatus": self.secondary}
        return answer | ({"TrainingEndTime": self.ended} if self.ended else {})


def load(plane: Plane, region: str, name: str) -> TrainingRecord | None:
    """A copy of a job's record, to be changed and saved."""
    record = plane.server.records.get(KIND, f"{region}/{name}")
    return copy.deepcopy(record) if record is not None else None


def save(plane: Plane, record: TrainingRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
