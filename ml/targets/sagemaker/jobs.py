"""Training jobs that exist: finding, following, stopping them."""

import difflib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import is_denied
from ml.errors import ExitCode, MlError, NotFoundError
from ml.plan.cost import LIMIT_TAG, MAX_COST_TAG
from ml.targets.sagemaker.logs import JobLog, LogLine
from ml.targets.sagemaker.training import JOB_NAME

STOPPED_TAG = "groundwork:stopped-because"
"""Tag that the platform's spend guard (spend_guard/) puts on a job that it stops."""
FINISHED = frozenset({"Completed", "Failed", "Stopped"})


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job as SageMaker describes it.

    status: InProgress, Stopping, Completed, Failed or Stopped. detail: SageMaker's secondary status.
    seconds: how long it has trained, None before it starts. metrics: last value of each metric that the log gave.
    stopped_because: which limit in dollars stopped it, by the platform's spend guard or by SageMaker; None for none.
    """

    name: str
    status: str
    detail: str
    reason: str | None
    created: str
    seconds: int | None
    metrics: dict[str, float]
    image: str
    model_data: str | None
    stopped_because: str | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINISHED

    @property
    def exit_code(self) -> ExitCode:
        """What a command that waited for this job ends with."""
        if not self.finished:
            return ExitCode.IN_PROGRESS
        if self.status == "Stopped":
            timed_out = self.detail in {"MaxRuntimeExceeded", "MaxWaitTimeExceeded"}
            return ExitCode.TIMED_OUT if timed_out else ExitCode.STOPPED
        return ExitCode.OK if self.status == "Completed" else ExitCode.JOB_FAILED

    def document(self) -> dict[str, Any]:
        """The state as `-o json` prints it."""
        return {**asdict(self), "exit_code": int(self.exit_code)}


def describe(sagemaker: Any, name: str) -> JobState:
    """The state of a job by its full name. Raises NotFoundError."""
    try:
        answer: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    except ClientError as error:
        if is_not_found(error):
            raise NotFoundError(f"There is no training job {name!r}.") from error
        raise
    return JobState(
        name=answer["TrainingJobName"],
        status=answer["TrainingJobStatus"],
        detail=answer.get("SecondaryStatus", ""),
        reason=answer.get("FailureReason") or None,
        created=answer["CreationTime"].astimezone(UTC).isoformat(timespec="seconds"),
        seconds=seconds_of(answer, "Training"),
        metrics={entry["MetricName"]: entry["Value"] for entry in answer.get("FinalMetricDataList", [])},
        image=answer["AlgorithmSpecification"].get("TrainingImage", ""),
        model_data=answer.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        if answer["TrainingJobStatus"] == "Completed"
        else None,
        stopped_because=_stopped_because(sagemaker, answer),
    )


def seconds_of(answer: dict[str, Any], word: str) -> int | None:
    """How long a job has run, None before it starts. word: as in the name of TrainingStartTime."""
    started, ended = answer.get(f"{word}StartTime"), answer.get(f"{word}EndTime")
    if started is None:
        return None
    return round(((ended or datetime.now(UTC)) - started).total_seconds())


def _stopped_because(sagemaker: Any, answer: dict[str, Any]) -> str | None:
    """What the spend guard has written on a job that it stops, or that the time is over which its money pays for."""
    if answer["TrainingJobStatus"] not in {"Stopping", "Stopped"}:
        return None
    try:
        listed = sagemaker.list_tags(ResourceArn=answer["TrainingJobArn"])["Tags"]
    except ClientError as error:
        if is_denied(error):
            return None
        raise
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    if STOPPED_TAG not in tags and answer.get("SecondaryStatus") == "MaxRuntimeExceeded" and LIMIT_TAG in tags:
        seconds = answer["StoppingCondition"]["MaxRuntimeInSeconds"]
        return f"{tags[LIMIT_TAG]} of {tags.get(MAX_COST_TAG)} USD pays for {seconds} s"
    return tags.get(STOPPED_TAG)


def find(sagemaker: Any, name: str) -> JobState:
    """A job by its full name, or the newest run by the name without date and time (`team-name`).

    Raises NotFoundError with the nearest names.
    """
    if JOB_NAME.fullmatch(name):
        try:
            return describe(sagemaker, name)
        except NotFoundError:
            pass
    newest = newest_run(sagemaker, name)
    if newest:
        return describe(sagemaker, newest)
    if not JOB_NAME.fullmatch(name):
        # Jobs that something else submitted have names of any form. A member may not ask about one that does not begin
        # with the team's name, whether it is there or not.
        try:
            return describe(sagemaker, name)
        except NotFoundError:
            pass
        except ClientError as error:
            if not is_denied(error):
                raise
    recent = [summary["TrainingJobName"] for summary in list_jobs(sagemaker, limit=50)]
    close = difflib.get_close_matches(name, [*recent, *{_stem(one) for one in recent}], n=3, cutoff=0.5)
    hint = f" Near: {', '.join(close)}." if close else " `ml status` lists the jobs."
    raise NotFoundError(f"There is no training job {name!r}.{hint}")


def newest_run(sagemaker: Any, stem: str, status: str | None = None) -> str | None:
    """Name of the newest job whose name is `stem` and a time; None where there is none."""
    for summary in list_jobs(sagemaker, contains=f"{stem}-", status=status, limit=100):
        if _stem(summary["TrainingJobName"]) == stem:
            return summary["TrainingJobName"]
    return None


def list_jobs(
    sagemaker: Any, *, contains: str = "", status: str | None = None, limit: int = 20
) -> Iterator[dict[str, Any]]:
    """Summaries of jobs, newest first."""
    request: dict[str, Any] = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": min(limit, 100)}
    if contains:
        request["NameContains"] = contains
    if status:
        request["StatusEquals"] = status
    yield from sagemaker.list_training_jobs(**request)["TrainingJobSummaries"]


def stop(sagemaker: Any, name: str) -> None:
    """Ask a job to stop: its script gets SIGTERM and two minutes. Raises MlError where it has ended."""
    try:
        sagemaker.stop_training_job(TrainingJobName=name)
    except ClientError as error:
        if is_not_found(error):
            raise NotFoundError(f"There is no training job {name!r}.") from error
        raise MlError(f"SageMaker did not stop {name}: {error_details(error).message}") from error


def follow(
    sagemaker: Any,
    log: JobLog | None,
    name: str,
    on_line: Callable[[LogLine], None],
    on_state: Callable[[JobState], None],
) -> JobState:
    """Wait until a job has ended, handing over each log line and each change of its state."""
    return follow_what(lambda: describe(sagemaker, name), log, on_line, on_state)


class Followed(Protocol):
    """A job's state, as far as following it goes."""

    @property
    def status(self) -> str: ...

    @property
    def detail(self) -> str: ...

    @property
    def seconds(self) -> int | None: ...

    @property
    def finished(self) -> bool: ...


AnyState = TypeVar("AnyState", bound=Followed)


def follow_what(
    look: Callable[[], AnyState],
    log: JobLog | None,
    on_line: Callable[[LogLine], None],
    on_state: Callable[[AnyState], None],
) -> AnyState:
    """Wait until what `look` sees has ended, handing over each log line and each change of its state."""
    pause = Pause()
    seen: tuple[str, str] | None = None
    while True:
        state = look()
        if (state.status, state.detail) != seen:
            seen = (state.status, state.detail)
            on_state(state)
        if state.finished:
            break
        # A job has no log before it runs.
        if log is not None and state.seconds is not None:
            for line in log.read():
                on_line(line)
        pause.sleep()
    if log is not None:
        # Lines arrive late by an amount that goes with how the job is run, as its own duration does.
        pause.settle()
        for line in log.read_rest():
            on_line(line)
    return state


class Pause:
    """Pauses between two looks: a twentieth of the time gone by, so that what is quick is seen quickly and what takes
    hours is asked about rarely."""

    SHORTEST_S = 0.02
    LONGEST_S = 10.0

    def __init__(self) -> None:
        self._start = time.monotonic()

    def _fraction(self) -> float:
        return (time.monotonic() - self._start) / 20

    def sleep(self) -> None:
        """Wait until the next look is due."""
        time.sleep(min(max(self._fraction(), self.SHORTEST_S), self.LONGEST_S))

    def settle(self) -> None:
        """Wait for what follows an end, such as its last log lines: not at all for what was quick, 2 s at most."""
        waited = self._fraction() / 2
        if waited > self.SHORTEST_S:
            time.sleep(min(waited, 2.0))


def _stem(name: str) -> str:
    match = JOB_NAME.fullmatch(name)
    return match["stem"] if match else name


def is_not_found(error: ClientError) -> bool:
    """Whether SageMaker knows no job of that name."""
    code, message = error_details(error)
    missing = re.search("not found|could not find|does not exist", message, re.IGNORECASE)
    return code in {"ValidationException", "ResourceNotFound", "ResourceNotFoundException"} and missing is not None
