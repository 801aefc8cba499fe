"""What costs money in SageMaker, read from its API: jobs of three kinds, as one kind of record.

A job belongs to the team whose execution role it runs with: IAM lets a team's members pass that role alone, so nobody's
job counts for somebody else, whatever its name and tags say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from prices import Machines

MAX_COST_TAG = "groundwork:max-cost-usd"
STOPPED_TAG = "groundwork:stopped-because"
RUNNING = ("InProgress", "Stopping")
DEFAULT_MAX_RUNTIME_S = 86_400
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job.

    kind: AWS's word for it in ARNs. role_arn: what it runs with. machines: what it runs on.
    created, started, ended: UTC; None where that has not been yet.
    billable_s: seconds that are charged for it so far, from its start. running: not ended, and nobody has asked it to.
    max_runtime_s: when SageMaker itself stops it. max_cost_usd: its own limit, None without one.
    settled: it has ended and nothing more is charged: its machines do not wait for another job (a warm pool).
    """

    kind: str
    name: str
    arn: str
    role_arn: str
    machines: tuple[Machines, ...]
    created: datetime
    started: datetime | None
    ended: datetime | None
    billable_s: float
    running: bool
    max_runtime_s: int
    max_cost_usd: Decimal | None
    settled: bool = False

    def billable_since(self, moment: datetime) -> float:
        """Seconds that are charged from a moment on: the part of its life that lies after it."""
        end = self.ended or datetime.now(UTC)
        if self.started is None or self.started >= moment:
            return self.billable_s
        life = (end - self.started).total_seconds()
        return self.billable_s * max((end - moment).total_seconds(), 0) / life if life > 0 else 0


@dataclass(frozen=True)
class Kind:
    """How a kind of job is listed, described and stopped. prefix: of the members' names, such as `TrainingJob`."""

    word: str
    prefix: str
    machines: Callable[[Mapping[str, Any]], tuple[Machines, ...]]

    def call(self, verb: str) -> str:
        """The client's method: `describe_training_job`."""
        plural = "s" if verb == "list" else ""
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.prefix)
        return f"{verb}{snake}{plural}"


def _chosen(cluster: Mapping[str, Any]) -> Machines:
    """Where a job names several types, SageMaker says which it took."""
    kind = cluster.get("SelectedInstanceType") or cluster.get("InstanceType") or ""
    return Machines(kind, cluster.get("SelectedInstanceCount") or cluster.get("InstanceCount") or 1)


def _training(job: Mapping[str, Any]) -> tuple[Machines, ...]:
    config: Mapping[str, Any] = job.get("ResourceConfig") or {}
    groups = config.get("InstanceGroups") or [config]
    return tuple(_chosen(group) for group in groups)


KINDS: tuple[Kind, ...] = (
    Kind("training-job", "TrainingJob", _training),
    Kind("processing-job", "ProcessingJob", lambda job: (_chosen(job["ProcessingResources"]["ClusterConfig"]),)),
    Kind("transform-job", "TransformJob", lambda job: (_chosen(job["TransformResources"]),)),
)


def summaries(sagemaker: Any, kind: Kind, since: datetime) -> Iterator[Mapping[str, Any]]:
    """Jobs that have changed since a moment, and jobs that run however long; each once."""
    seen: set[str] = set()
    questions: list[dict[str, Any]] = [{"LastModifiedTimeAfter": since}, *({"StatusEquals": one} for one in RUNNING)]
    for question in questions:
        request: dict[str, Any] = {"MaxResults": 100, **question}
        while True:
            answer = getattr(sagemaker, kind.call("list"))(**request)
            for summary in answer[f"{kind.prefix}Summaries"]:
                if summary[f"{kind.prefix}Arn"] not in seen:
                    seen.add(summary[f"{kind.prefix}Arn"])
                    yield summary
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]


def describe(sagemaker: Any, kind: Kind, name: str) -> Job:
    """A job, with its own limit where it has one and still runs."""
    answer: Mapping[str, Any] = getattr(sagemaker, kind.call("describe"))(**{f"{kind.prefix}Name": name})
    arn = answer[f"{kind.prefix}Arn"]
    status = answer[f"{kind.prefix}Status"]
    start_member, end_member = kind.prefix.replace("Job", "StartTime"), kind.prefix.replace("Job", "EndTime")
    started, ended = answer.get(start_member), answer.get(end_member)
    return Job(
        kind=kind.word,
        name=name,
        arn=arn,
        role_arn=answer.get("RoleArn") or _role_of_model(sagemaker, answer["ModelName"]),
        machines=kind.machines(answer),
        created=answer["CreationTime"],
        started=started,
        ended=ended if status not in RUNNING else None,
        billable_s=_billable(answer, started, ended if status not in RUNNING else None),
        running=status == "InProgress",
        max_runtime_s=_inside(answer, "StoppingCondition").get("MaxRuntimeInSeconds") or DEFAULT_MAX_RUNTIME_S,
        max_cost_usd=_own_limit(sagemaker, arn) if status == "InProgress" else None,
        settled=status not in RUNNING and _inside(answer, "WarmPoolStatus").get("Status") != "Available",
    )


def stop(sagemaker: Any, job: Job, reason: str) -> str:
    """Write on the job why, and stop it: in this order, so that a stopped job says so from the first moment.

    A job that takes no tag (it may have fifty already) is stopped all the same. Why it has none, else empty.
    """
    kind = next(one for one in KINDS if one.word == job.kind)
    untold = ""
    try:
        sagemaker.add_tags(ResourceArn=job.arn, Tags=[{"Key": STOPPED_TAG, "Value": reason[:256]}])
    except ClientError as error:
        untold = str(error)
    getattr(sagemaker, kind.call("stop"))(**{f"{kind.prefix}Name": job.name})
    return untold


def _billable(answer: Mapping[str, Any], started: datetime | None, ended: datetime | None) -> float:
    """Seconds for which each machine is charged: SageMaker's own number once it has one (less than the job's time on
    spare capacity), the time since the start until then; a warm pool is charged while it waits."""
    warm = float(_inside(answer, "WarmPoolStatus").get("ResourceRetainedBillableTimeInSeconds") or 0)
    if ended is not None and answer.get("BillableTimeInSeconds") is not None:
        return float(answer["BillableTimeInSeconds"]) + warm
    if started is None:
        return warm
    return ((ended or datetime.now(UTC)) - started).total_seconds() + warm


def _inside(answer: Mapping[str, Any], structure: str) -> Mapping[str, Any]:
    """A structure of an answer; an empty one where it is not there."""
    return answer.get(structure) or {}


def _own_limit(sagemaker: Any, arn: str) -> Decimal | None:
    for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]:
        if tag["Key"] == MAX_COST_TAG:
            try:
                return Decimal(tag["Value"])
            except InvalidOperation:
                return None
    return None


def _role_of_model(sagemaker: Any, model: str) -> str:
    return sagemaker.describe_model(ModelName=model).get("ExecutionRoleArn", "")
