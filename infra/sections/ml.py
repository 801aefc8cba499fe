"""Settings of teams, training and tracking."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, Principal, matching

LONGEST_JOB_SECONDS = 28 * 24 * 3600
"""SageMaker's own limit: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html"""
Uri = Annotated[str, AfterValidator(matching(r"https?://[^\s/]+(/\S*)?", "an http:// or https:// address"))]
Count = Annotated[int, Field(ge=0)]
SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class QuotaSettings(Section):
    """The most that a team's pods ask for at a time."""

    cpus: Count = 32
    memory_gib: Count = 128
    gpus: Count = 0
    pods: Count = 100


class TeamSettings(Section):
    """An ML team.

    name: also its namespace and the first part of its jobs' names.
    members: IAM roles and users that may submit jobs; without any, the account's own IAM policies decide.
    quota: the most that its pods ask for at a time.
    """

    name: KubernetesName
    members: tuple[Principal, ...] = ()
    quota: QuotaSettings = QuotaSettings()

    @check("name")
    def the_namespace_is_free(self) -> Iterator[Problem]:
        """Names that Kubernetes keeps for itself."""
        if self.name in SYSTEM_NAMESPACES or self.name.startswith("kube-"):
            yield Problem(key="name", value=self.name, message="Kubernetes keeps this name for itself")


class TrainingSettings(Section):
    """What holds for every managed job.

    max_runtime_seconds: the longest time that a job may ask for.
    use_vpc: whether jobs and endpoints attach to the platform's subnets.
    """

    max_runtime_seconds: Annotated[int, Field(ge=60, le=LONGEST_JOB_SECONDS)] = 24 * 3600
    use_vpc: bool = True


class TrackingSettings(Section):
    """Experiment tracking.

    kind: `sagemaker` for a server managed by SageMaker, `existing` for one that is there already.
    uri: address of the existing one.
    size: of the managed one.
    """

    kind: Literal["sagemaker", "existing"] = "sagemaker"
    uri: Uri | None = None
    size: Literal["Small", "Medium", "Large"] = "Small"

    @check("kind", "uri")
    def an_existing_server_has_an_address(self) -> Iterator[Problem]:
        """An address where there is one to give, and only there."""
        if (self.kind == "existing") != (self.uri is not None):
            yield Problem(
                key="uri",
                value=self.uri,
                message="an address goes together with `kind: existing`, neither without the other",
            )
