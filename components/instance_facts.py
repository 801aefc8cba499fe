"""What the instance types of EC2 hold, read from `data/instances.json` (which says where it comes from)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

FACTS_FILE = Path(__file__).parent / "data" / "instances.json"
Accelerator = Literal["nvidia", "neuron", "none"]
RESOURCES: dict[Accelerator, str] = {"nvidia": "nvidia.com/gpu", "neuron": "aws.amazon.com/neuron", "none": "cpu"}
"""What a pool of such machines is counted in, by its Kubernetes resource: whole GPUs, Neuron devices, or vCPUs."""
WORDS: dict[Accelerator, str] = {"nvidia": "GPUs", "neuron": "Neuron devices", "none": "vCPUs"}


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One instance type.

    devices: whole NVIDIA GPUs or Neuron devices; 0 without either.
    model: the device's model, such as `A10G`; empty without one.
    device_memory_mib: memory of one device in MiB.
    memory_mib: main memory in MiB.
    usage: how EC2 sells it, of on-demand, spot and capacity-block; told of accelerated types alone.
    efa_cards: indexes of the network cards that take an Elastic Fabric Adapter.
    """

    name: str
    accelerator: Accelerator
    devices: int
    model: str
    device_memory_mib: int
    vcpus: int
    memory_mib: int
    arch: Literal["amd64", "arm64"]
    usage: tuple[str, ...]
    efa_cards: tuple[int, ...]

    @property
    def family(self) -> str:
        """The part of the name before the dot, such as `g5`."""
        return self.name.split(".")[0]

    @property
    def size(self) -> int:
        """How much one machine takes of its pool's limit: devices where it has any, else vCPUs."""
        return self.devices or self.vcpus

    @property
    def described(self) -> str:
        """The machine and its size, as an error message names it."""
        what = f"{self.devices} × {self.model}" if self.devices else f"{self.vcpus} vCPUs"
        return f"{self.name} with {what}"


@cache
def _facts() -> dict[str, Any]:
    return json.loads(FACTS_FILE.read_text())


@cache
def instances() -> tuple[Instance, ...]:
    """Every instance type that a pool may have: NVIDIA, Neuron, and general CPU machines; no bare metal."""
    return tuple(
        Instance(
            name=name,
            accelerator=known.get("accelerator", "none"),
            devices=known.get("count", 0),
            model=known.get("model", ""),
            device_memory_mib=known.get("deviceMemoryMib", 0),
            vcpus=known["vcpus"],
            memory_mib=known["memoryMib"],
            arch=known["arch"],
            usage=tuple(known.get("usage", ())),
            efa_cards=tuple(known.get("efaCards", ())),
        )
        for name, known in _facts()["types"].items()
    )


@cache
def instance(name: str) -> Instance | None:
    """The instance type of this name, None for one that no pool may have."""
    return next((each for each in instances() if each.name == name), None)


@cache
def families(*accelerators: Accelerator) -> tuple[str, ...]:
    """Names of the instance families with these accelerators (of all without any), sorted."""
    return tuple(sorted({each.family for each in instances() if not accelerators or each.accelerator in accelerators}))


@cache
def auto_mode_families() -> tuple[str, ...]:
    """Families that EKS Auto Mode starts: https://docs.aws.amazon.com/eks/latest/userguide/automode-learn-instances.html"""
    return tuple(_facts()["autoModeFamilies"])


@cache
def _of(names: tuple[str, ...]) -> tuple[Instance, ...]:
    chosen = [each for each in instances() if each.family in names]
    return tuple(sorted(chosen, key=lambda each: (each.size, each.vcpus, each.name)))


def instances_of(names: Sequence[str]) -> tuple[Instance, ...]:
    """Instance types of these families, small ones first."""
    return _of(tuple(names))


def accelerators_of(names: Sequence[str]) -> tuple[Accelerator, ...]:
    """The accelerators that machines of these families have, each once."""
    return tuple(dict.fromkeys(each.accelerator for each in instances_of(names)))


def sizes(names: Sequence[str]) -> tuple[int, ...]:
    """How many devices (or vCPUs) one machine of these families can have, ascending."""
    return tuple(sorted({each.size for each in instances_of(names)}))
