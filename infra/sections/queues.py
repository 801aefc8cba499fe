"""Settings of the queues that teams wait in for the pools."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, matching

Framework = Literal[
    "batch/job",
    "jobset.x-k8s.io/jobset",
    "kubeflow.org/pytorchjob",
    "ray.io/raycluster",
    "ray.io/rayjob",
    "trainer.kubeflow.org/trainjob",
]
Image = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+(:(?!latest$)[\w.-]{1,128}|@sha256:[0-9a-f]{64})",
            "an image with its registry and a tag other than latest, or with its digest",
        )
    ),
]
Count = Annotated[int, Field(ge=0)]


class PrioritySettings(Section):
    """A priority that a job may ask for.

    name: what the job's label kueue.x-k8s.io/priority-class says.
    value: those with a higher one go first, and may end others.
    """

    name: KubernetesName
    value: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
    description: str = ""


class QueuesSettings(Section):
    """The queues.

    enabled: whether jobs on the cluster wait in queues; without, they start when their team's quota lets them.
    image: of the controller; by default the release that its API is from.
    replicas: of the controller; with two, one may go while jobs keep coming.
    frameworks: kinds of jobs that wait in queues. Their definitions must be on the cluster.
    priorities: what jobs may ask for.
    reclaim: whose jobs end when a team takes back what it lent.
    preempt: whether a job ends others of lower priority in its own team's queue.
    order: strict lets nothing overtake the first job of a queue that does not fit yet.
    """

    enabled: bool = True
    image: Image | None = None
    replicas: Annotated[int, Field(ge=1, le=3)] = 1
    frameworks: Annotated[tuple[Framework, ...], Field(min_length=1)] = ("batch/job",)
    priorities: tuple[PrioritySettings, ...] = (
        PrioritySettings(name="low", value=-100, description="Work that may wait, and end for any other"),
        PrioritySettings(name="normal", value=0, description="Work of no particular haste"),
        PrioritySettings(name="high", value=100, description="Work that goes before the rest of its team's"),
    )
    reclaim: Literal["any", "lower-priority", "never"] = "any"
    preempt: Literal["lower-priority", "never"] = "lower-priority"
    order: Literal["best-effort", "strict"] = "best-effort"

    @check("priorities")
    def priorities_are_named_once(self) -> Iterator[Problem]:
        """Two priorities of one name."""
        names = [priority.name for priority in self.priorities]
        for index, name in enumerate(names):
            if name in names[:index]:
                message = f"priorities[{names.index(name)}] has this name already"
                yield Problem(key=f"priorities[{index}].name", value=name, message=message)


class TeamQueueSettings(Section):
    """A team's share of the pools.

    guaranteed: instance class (the pool's families, such as g5-g6) to what of it is the team's own; by default its
        quota's part of what there is.
    borrow: the most of one class beyond that; by default what its quota leaves.
    lend: the most of one class that others may use while it is idle; by default all.
    """

    guaranteed: dict[str, Count] = Field(default_factory=dict)
    borrow: Count | None = None
    lend: Count | None = None
