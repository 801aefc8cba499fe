"""What the GPU instance types of EC2 hold, read from `data/gpu_instances.json` (which says where it comes from)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

FACTS_FILE = Path(__file__).parent / "data" / "gpu_instances.json"


@dataclass(frozen=True, kw_only=True)
class GpuInstance:
    """One instance type.

    gpus: whole NVIDIA GPUs.
    gpu: the GPU's model.
    memory_mib: main memory in MiB.
    """

    name: str
    gpus: int
    gpu: str
    vcpus: int
    memory_mib: int
    arch: Literal["amd64", "arm64"]

    @property
    def family(self) -> str:
        """The part of the name before the dot, such as `g5`."""
        return self.name.split(".")[0]


@cache
def gpu_instances() -> tuple[GpuInstance, ...]:
    """Every instance type with whole NVIDIA GPUs, bare metal left out (Auto Mode runs none)."""
    types = json.loads(FACTS_FILE.read_text())["types"]
    return tuple(
        GpuInstance(
            name=name,
            gpus=facts["gpus"],
            gpu=facts["gpu"],
            vcpus=facts["vcpus"],
            memory_mib=facts["memoryMib"],
            arch=facts["arch"],
        )
        for name, facts in types.items()
    )


@cache
def gpu_families() -> tuple[str, ...]:
    """Names of the GPU instance families, sorted."""
    return tuple(sorted({instance.family for instance in gpu_instances()}))


def instances_of(families: tuple[str, ...]) -> tuple[GpuInstance, ...]:
    """Instance types of these families, those with few GPUs first."""
    chosen = [instance for instance in gpu_instances() if instance.family in families]
    return tuple(sorted(chosen, key=lambda instance: (instance.gpus, instance.vcpus, instance.name)))


def gpu_counts(families: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of GPUs that one node of these families can have, ascending."""
    return tuple(sorted({instance.gpus for instance in instances_of(families)}))
