"""Settings of node pools."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.gpu_sharing import GpuSharing, mig_profiles
from components.instance_facts import (
    RESOURCES,
    WORDS,
    Accelerator,
    Instance,
    accelerators_of,
    auto_mode_families,
    instance,
    instances_of,
    sizes,
)
from components.node_pool import DEFAULT_NODE_HOURS, GRACE_HOURS, LONGEST_NODE_HOURS, Capacity
from components.node_pool_limits import either, nodes_within, sizes_within
from infra.sections.network import Zone
from infra.sections.node_values import (
    RESERVED_KEYS,
    Family,
    Image,
    InstanceType,
    LabelKey,
    LabelValue,
    ReservationId,
    SharingSettings,
    TaintSettings,
)
from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName

LONGEST_POOL_NAME = 40
"""Room for what is made of it: a namespace (63 characters) and names at EC2."""
_LIMITS: dict[Accelerator, str] = {"nvidia": "maxGpus", "neuron": "maxNeuronDevices", "none": "maxVcpus"}
_MANAGED_ONLY = ("instance_type", "sharing", "efa", "min_nodes")
_AUTO_ONLY = ("families", "per_node", "max_node_hours")


class NodePoolSettings(Section):
    """A pool of nodes.

    name: of the NodePool or node group.
    kind: `auto` for nodes of EKS Auto Mode, `managed` for a node group with MIG, time slices or EFA.
    families: EC2 instance families of an auto pool, all with the same kind of accelerator.
    instance_type: the one machine of a managed pool.
    capacity: how nodes are bought.
    max_gpus: the most GPUs that the pool ever holds. Every pool has such a limit.
    max_neuron_devices: the same for machines with AWS Trainium or Inferentia.
    max_vcpus: the same for machines without an accelerator.
    per_node: numbers of GPUs, Neuron devices or vCPUs that a node of an auto pool may have; all that fit by default.
    zones: of its nodes; all of the network's by default.
    idle_seconds: time after which an empty node goes.
    max_node_hours: age at which a node of an auto pool is replaced.
    taints: besides those that every pool has.
    labels: of its nodes.
    disk_gib: a node's disk for images and pods in GiB.
    reservation_ids: EC2 capacity reservations or capacity blocks, for capacity reserved or capacity-block.
    warm_images: container images that are pulled onto a node as it comes.
    sharing: several pods a GPU, in a managed pool.
    efa: Elastic Fabric Adapters and nodes close to each other, in a managed pool, for training on several nodes.
    min_nodes: nodes of a managed pool that stay when there is nothing to do.
    """

    name: Annotated[KubernetesName, Field(max_length=LONGEST_POOL_NAME)]
    kind: Literal["auto", "managed"] = "auto"
    families: tuple[Family, ...] = ()
    instance_type: InstanceType | None = None
    capacity: Annotated[tuple[Capacity, ...], Field(min_length=1)] = ("on-demand",)
    max_gpus: Annotated[int, Field(ge=1, le=10_000)] | None = None
    max_neuron_devices: Annotated[int, Field(ge=1, le=10_000)] | None = None
    max_vcpus: Annotated[int, Field(ge=2, le=100_000)] | None = None
    per_node: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    zones: tuple[Zone, ...] = ()
    idle_seconds: Annotated[int, Field(ge=30)] = 300
    max_node_hours: Annotated[int, Field(ge=1)] = DEFAULT_NODE_HOURS
    taints: tuple[TaintSettings, ...] = ()
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    disk_gib: Annotated[int, Field(ge=20, le=16_384)] | None = None
    reservation_ids: tuple[ReservationId, ...] = ()
    warm_images: tuple[Image, ...] = ()
    sharing: SharingSettings | None = None
    efa: bool = False
    min_nodes: Annotated[int, Field(ge=0)] = 0

    @property
    def machine(self) -> Instance | None:
        """The one machine of a managed pool."""
        return instance(self.instance_type) if self.instance_type else None

    @property
    def machine_families(self) -> tuple[str, ...]:
        """Families of its machines, whatever kind it is."""
        return (self.machine.family,) if self.machine else self.families

    @property
    def accelerator(self) -> Accelerator:
        """What its machines have."""
        return accelerators_of(self.machine_families)[0]

    @property
    def resource(self) -> str:
        """The Kubernetes resource that its limit counts."""
        return RESOURCES[self.accelerator]

    @property
    def limit(self) -> int:
        """The most of `resource` that its machines ever have."""
        return self.max_gpus or self.max_neuron_devices or self.max_vcpus or 0

    @property
    def gpu_sharing(self) -> GpuSharing | None:
        """How its GPUs are shared."""
        chosen = self.sharing
        return GpuSharing(kind=chosen.kind, profile=chosen.profile, replicas=chosen.replicas) if chosen else None

    @property
    def advertised(self) -> int:
        """The most of `resource` that Kubernetes ever counts in it: more than `limit` where GPUs are shared."""
        if self.machine is None or self.gpu_sharing is None:
            return self.limit
        return nodes_within(self.machine, self.limit) * self.machine.devices * self.gpu_sharing.parts(self.machine)

    @check("kind", "families", "instance_type")
    def each_kind_has_its_own_settings(self) -> Iterator[Problem]:
        """Settings of the other kind, and what each kind cannot do without."""
        spelling = {name: key for key, name in self.spelling().items()}
        for name in _MANAGED_ONLY if self.kind == "auto" else _AUTO_ONLY:
            if name in self.model_fields_set:
                other = "managed" if self.kind == "auto" else "auto"
                message = f"a pool of kind {self.kind} has no such setting; it belongs to `kind: {other}`"
                yield Problem(key=spelling[name], value=getattr(self, name, None), message=message)
        if self.kind == "managed":
            if self.instance_type is None:
                message = "allowed is the instance type of the pool's machines, such as p5.48xlarge"
                yield Problem(key="instanceType", value=None, message=message)
            elif self.accelerator == "neuron":
                message = "machines with Neuron devices come in a pool of `kind: auto`, which brings their driver"
                yield Problem(key="instanceType", value=self.instance_type, message=message)
            return
        unknown = [family for family in self.families if family not in auto_mode_families()]
        if not self.families:
            message = "allowed is a list of one or more families of EC2 instances, such as [g6]"
            yield Problem(key="families", value=[], message=message)
        elif unknown:
            message = f"EKS Auto Mode does not list {', '.join(unknown)}; a pool of `kind: managed` takes such machines"
            yield Problem(key="families", value=list(self.families), message=message)
        elif len(accelerators_of(self.families)) > 1:
            message = "allowed are families with one kind of accelerator; make a pool of each kind"
            yield Problem(key="families", value=list(self.families), message=message)

    @check("kind", "families", "instance_type", "max_gpus", "max_neuron_devices", "max_vcpus", "per_node")
    def the_limit_holds_a_node(self) -> Iterator[Problem]:
        """No limit, one that counts something else, one below a node (with the arithmetic), unknown node sizes."""
        if len(accelerators_of(self.machine_families)) != 1:
            return
        key = _LIMITS[self.accelerator]
        given = {"maxGpus": self.max_gpus, "maxNeuronDevices": self.max_neuron_devices, "maxVcpus": self.max_vcpus}
        for other, value in given.items():
            if other != key and value is not None:
                message = f"machines of {', '.join(self.machine_families)} are limited by {key}"
                yield Problem(key=other, value=value, message=message)
        limit = given[key]
        if limit is None:
            message = f"every pool has a hard limit: give the most {WORDS[self.accelerator]} that it may ever hold"
            yield Problem(key=key, value=None, message=message)
            return
        offered = sizes(self.machine_families)
        if self.per_node is not None and (unknown := [size for size in self.per_node if size not in offered]):
            what = f"{', '.join(self.families)} have: {', '.join(str(size) for size in offered)}"
            message = (
                f"no machine has {either(unknown)}; allowed are the numbers of {WORDS[self.accelerator]} that {what}"
            )
            yield Problem(key="perNode", value=list(self.per_node), message=message)
            return
        try:
            if self.machine is not None:
                nodes_within(self.machine, limit)
            else:
                sizes_within(self.families, limit, self.per_node)
        except ValueError as error:
            yield Problem(key=key, value=limit, message=str(error))

    @check("kind", "capacity", "reservation_ids", "families", "instance_type")
    def reserved_capacity_is_reserved(self) -> Iterator[Problem]:
        """Reserved capacity without a reservation, the other way round, and machines that are not sold so."""
        reserved = [each for each in self.capacity if each in ("reserved", "capacity-block")]
        if bool(reserved) != bool(self.reservation_ids):
            yield Problem(
                key="reservationIds",
                value=list(self.reservation_ids),
                message="reservations go together with `capacity: [reserved]` or `[capacity-block]`, "
                "neither without the other",
            )
        if self.kind == "managed" and (len(self.capacity) > 1 or len(self.reservation_ids) > 1):
            key, value = (
                ("capacity", self.capacity) if len(self.capacity) > 1 else ("reservationIds", self.reservation_ids)
            )
            yield Problem(key=key, value=list(value), message="a managed pool takes one of them")
        machines = (self.machine,) if self.machine else instances_of(self.families)
        if "capacity-block" in self.capacity and not any("capacity-block" in each.usage for each in machines):
            what = self.machine.name if self.machine else ", ".join(self.families)
            message = f"EC2 sells no capacity blocks of {what}"
            yield Problem(key="capacity", value=list(self.capacity), message=message)

    @check("kind", "sharing", "instance_type")
    def the_gpu_can_be_shared(self) -> Iterator[Problem]:
        """Sharing without a GPU, and MIG profiles that the GPU does not have."""
        if self.sharing is None or self.machine is None:
            return
        if self.machine.accelerator != "nvidia":
            message = f"{self.machine.name} has no NVIDIA GPU to share"
            yield Problem(key="sharing", value=self.sharing.kind, message=message)
        elif self.sharing.kind == "mig" and self.sharing.profile not in (known := mig_profiles(self.machine)):
            has = f"has the profiles {', '.join(known)}" if known else "cannot be cut by MIG here"
            message = f"the {self.machine.model} of {self.machine.name} {has}"
            yield Problem(key="sharing.profile", value=self.sharing.profile, message=message)

    @check("efa", "instance_type", "zones", "min_nodes", "max_gpus", "max_neuron_devices", "max_vcpus")
    def a_managed_pool_can_be_placed(self) -> Iterator[Problem]:
        """EFA without adapters or in several zones, and more nodes kept than the limit holds."""
        machine = self.machine
        if machine is None:
            return
        if self.efa and not machine.efa_cards:
            yield Problem(key="efa", value=True, message=f"{machine.name} takes no Elastic Fabric Adapter")
        if self.efa and len(self.zones) != 1:
            message = "with `efa: true` allowed is one zone: adapters and placement groups do not reach another"
            yield Problem(key="zones", value=list(self.zones), message=message)
        if self.limit >= machine.size and self.min_nodes > (most := nodes_within(machine, self.limit)):
            message = f"the limit holds {self.limit} // {machine.size} = {most} nodes of {machine.name}"
            yield Problem(key="minNodes", value=self.min_nodes, message=message)

    @check("kind", "max_node_hours")
    def a_node_ends_in_time(self) -> Iterator[Problem]:
        """Ages that Auto Mode does not let a node reach."""
        longest = LONGEST_NODE_HOURS - GRACE_HOURS
        if self.kind == "auto" and self.max_node_hours > longest:
            message = (
                f"allowed is {longest} or less: Auto Mode ends a node after {LONGEST_NODE_HOURS} hours (21 days), "
                f"less the {GRACE_HOURS} that its pods get to finish"
            )
            yield Problem(key="maxNodeHours", value=self.max_node_hours, message=message)

    @check("labels", "taints")
    def keys_are_the_users_own(self) -> Iterator[Problem]:
        """Labels and taints in domains that others write."""
        keys = [*((f"labels.{key}", key) for key in self.labels)]
        keys += [(f"taints[{index}].key", taint.key) for index, taint in enumerate(self.taints)]
        for place, key in keys:
            domain = f"{key.partition('/')[0]}/" if "/" in key else ""
            if domain.endswith(RESERVED_KEYS):
                yield Problem(key=place, value=key, message="this domain is reserved; take one of your own")

    @check("name")
    def the_name_is_free(self) -> Iterator[Problem]:
        """Names of EKS's own pools."""
        if self.name in ("general-purpose", "system", "default"):
            yield Problem(key="name", value=self.name, message="EKS uses this name itself")
