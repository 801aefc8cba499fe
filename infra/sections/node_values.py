"""Values and groups that the settings of a node pool consist of."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.gpu_sharing import MOST_REPLICAS, Sharing
from components.instance_facts import families, instance
from infra.sections.nearest import nearest
from infra.sections.section import Problem, Section, check
from infra.sections.values import matching


def _known_family(family: str) -> str:
    if family not in families():
        close = nearest(family, families())
        hint = f"; the nearest is {close}" if close else ""
        accelerated = ", ".join(families("nvidia", "neuron"))
        raise ValueError(f"a family of EC2 instances: {accelerated}, or one of the C, M and R families{hint}")
    return family


def _known_type(name: str) -> str:
    if instance(name) is None:
        raise ValueError("an instance type of EC2 with its size, such as p5.48xlarge; no bare metal")
    return name


Family = Annotated[str, AfterValidator(_known_family)]
InstanceType = Annotated[str, AfterValidator(_known_type)]
ReservationId = Annotated[
    str,
    AfterValidator(matching(r"cr-[0-9a-f]{8,17}", "the id of an EC2 capacity reservation or block, cr-0a1b2c3d")),
]
Image = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9][a-z0-9.:-]*(/[a-z0-9._-]+)+(:(?!latest(@|$))[\w][\w.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
            "a container image with its registry and with a digest or a tag other than latest",
        )
    ),
]
_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
LabelKey = Annotated[
    str,
    AfterValidator(
        matching(
            rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}", "a Kubernetes label's key, such as example.com/tier"
        )
    ),
]
LabelValue = Annotated[
    str, AfterValidator(matching(rf"({_NAME})?", "a Kubernetes label's value, 63 characters or less"))
]
RESERVED_KEYS = (
    *("kubernetes.io/", "k8s.io/", "karpenter.sh/", "eks.amazonaws.com/"),
    *("groundwork/", "nvidia.com/", "aws.amazon.com/"),
)
"""Ends of the domains that Kubernetes, Karpenter, EKS, the device plugins and this program keep for themselves."""


class TaintSettings(Section):
    """Keeps pods away that do not tolerate it.

    key: such as example.com/team.
    value: of the taint.
    effect: what happens to pods without the toleration.
    """

    key: LabelKey
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class SharingSettings(Section):
    """Several pods a GPU.

    kind: `mig` cuts it into parts with their own memory, `time-slicing` lets pods take turns.
    profile: the MIG profile, such as 1g.10gb.
    replicas: pods that take turns on one GPU.
    """

    kind: Sharing
    profile: str = ""
    replicas: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0

    @check("kind", "profile", "replicas")
    def each_kind_has_its_own_setting(self) -> Iterator[Problem]:
        """A profile for MIG, replicas for time slices, and not both."""
        if (self.kind == "mig") != bool(self.profile):
            message = "a profile goes together with `kind: mig`, neither without the other"
            yield Problem(key="profile", value=self.profile, message=message)
        if (self.kind == "time-slicing") != bool(self.replicas) or self.replicas == 1:
            message = f"allowed are 2 to {MOST_REPLICAS} replicas with `kind: time-slicing`, and none otherwise"
            yield Problem(key="replicas", value=self.replicas, message=message)
