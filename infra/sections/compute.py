"""Settings of the cluster and its GPU pools."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.gpu_pool import counts_within
from components.instance_facts import gpu_counts, gpu_families
from infra.principals import logical_name
from infra.sections.nearest import nearest
from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, LogRetention, Principal, SourceCidr, matching


def _known_family(family: str) -> str:
    if family not in gpu_families():
        close = nearest(family, gpu_families())
        hint = f"; the nearest is {close}" if close else ""
        raise ValueError(f"a GPU instance family of EC2: {', '.join(gpu_families())}{hint}")
    return family


Family = Annotated[str, AfterValidator(_known_family)]
Version = Annotated[str, AfterValidator(matching(r"1\.\d{2}", 'a Kubernetes version of EKS in quotes, such as "1.35"'))]
ReservationId = Annotated[
    str, AfterValidator(matching(r"cr-[0-9a-f]{8,17}", "the id of an EC2 capacity reservation, cr-0a1b2c3d"))
]


class ClusterSettings(Section):
    """The EKS cluster.

    version: Kubernetes version.
    admins: who administers the cluster; whoever runs `pulumi up` must be among them.
    public_access_cidrs: ranges that reach its API from outside of the VPC; none makes it private.
    log_days: days that the control plane's logs are kept.
    """

    version: Version = "1.35"
    admins: Annotated[tuple[Principal, ...], Field(min_length=1)] = ("role/groundwork-deployer",)
    public_access_cidrs: tuple[SourceCidr, ...] = ()
    log_days: LogRetention = 90

    @check("admins")
    def admins_are_named_once(self) -> Iterator[Problem]:
        """Admins named twice."""
        if len({logical_name(admin) for admin in self.admins}) != len(self.admins):
            yield Problem(key="admins", value=list(self.admins), message="allowed is each role or user name once")


class GpuPoolSettings(Section):
    """A pool of GPU nodes.

    name: of the NodePool.
    families: EC2 instance families.
    capacity: how nodes are bought.
    max_gpus: the most GPUs that the pool ever holds. Every pool has such a limit.
    gpus_per_node: numbers of GPUs that a node may have; all that fit by default.
    idle_seconds: time after which an empty node goes.
    reservation_ids: EC2 capacity reservations, for reserved capacity.
    disk_gib: a node's ephemeral storage in GiB; EKS Auto Mode's own size by default.
    """

    name: Annotated[KubernetesName, Field(max_length=63)]
    families: Annotated[tuple[Family, ...], Field(min_length=1)]
    capacity: Annotated[tuple[Literal["spot", "on-demand", "reserved"], ...], Field(min_length=1)] = ("on-demand",)
    max_gpus: Annotated[int, Field(ge=1, le=10_000)]
    gpus_per_node: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    idle_seconds: Annotated[int, Field(ge=30)] = 300
    reservation_ids: tuple[ReservationId, ...] = ()
    disk_gib: Annotated[int, Field(ge=20, le=16_384)] | None = None

    @check("families", "max_gpus", "gpus_per_node")
    def the_limit_holds_a_node(self) -> Iterator[Problem]:
        """A limit below one node, and node sizes that do not exist, with the arithmetic."""
        offered = gpu_counts(self.families)
        unknown = [count for count in self.gpus_per_node or () if count not in offered]
        if unknown:
            sizes = ", ".join(str(count) for count in offered)
            yield Problem(
                key="gpusPerNode",
                value=list(self.gpus_per_node or ()),
                message=f"allowed are the numbers of GPUs that machines of {', '.join(self.families)} have: {sizes}",
            )
            return
        try:
            counts_within(self.families, self.max_gpus, self.gpus_per_node)
        except ValueError as error:
            yield Problem(key="maxGpus", value=self.max_gpus, message=str(error))

    @check("capacity", "reservation_ids")
    def reserved_capacity_is_reserved(self) -> Iterator[Problem]:
        """Reserved capacity without a reservation, and the other way round."""
        if ("reserved" in self.capacity) != bool(self.reservation_ids):
            yield Problem(
                key="reservationIds",
                value=list(self.reservation_ids),
                message="reservations go together with `capacity: [reserved]`, neither without the other",
            )

    @check("name")
    def the_name_is_free(self) -> Iterator[Problem]:
        """Names of EKS's own pools."""
        if self.name in ("general-purpose", "system", "default"):
            yield Problem(key="name", value=self.name, message="EKS uses this name itself")
