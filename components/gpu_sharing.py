"""One NVIDIA GPU for several pods: MIG partitions or time slices, set on Bottlerocket nodes by their user data.

Bottlerocket brings NVIDIA's device plugin and its MIG manager, and takes both settings
(https://bottlerocket.dev/en/os/1.54.x/api/settings/kubelet-device-plugins/). So nothing is installed on the cluster for
it. Only MIG's `single` strategy exists there: all GPUs of a node are cut alike, and each part counts as one
`nvidia.com/gpu` (https://github.com/bottlerocket-os/bottlerocket/issues/4483).
"""

from dataclasses import dataclass
from typing import Literal

from components.instance_facts import Instance

Sharing = Literal["mig", "time-slicing"]
MIG_MODELS: dict[tuple[str, int], str] = {
    ("A100", 40960): "a100.40gb",
    ("A100", 81920): "a100.80gb",
    ("H100", 81920): "h100.80gb",
    ("H200", 144384): "h200.141gb",
}
"""EC2's model and memory in MiB of a GPU that Bottlerocket's MIG manager cuts, to the name that it goes by there
(https://github.com/bottlerocket-os/bottlerocket-core-kit, sources/nvidia-migmanager)."""
_EIGHTIES = {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "7g.80gb": 1}
MIG_PROFILES: dict[str, dict[str, int]] = {
    "a100.40gb": {"1g.5gb": 7, "1g.10gb": 4, "2g.10gb": 3, "3g.20gb": 2, "7g.40gb": 1},
    "a100.80gb": _EIGHTIES,
    "h100.80gb": _EIGHTIES,
    "h200.141gb": {"1g.18gb": 7, "1g.35gb": 4, "2g.35gb": 3, "3g.71gb": 2, "7g.141gb": 1},
}
"""Parts that one GPU is cut into, by profile: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-mig-profiles.html"""
MOST_REPLICAS = 48
"""A bound of our own: that many contexts of one GPU already starve each other of memory."""


@dataclass(frozen=True, kw_only=True)
class GpuSharing:
    """How a GPU is shared.

    profile: the MIG profile, such as `1g.10gb`; of mig alone.
    replicas: pods that take turns on one GPU, without a wall between their memories; of time-slicing alone.
    """

    kind: Sharing
    profile: str = ""
    replicas: int = 0

    def parts(self, machine: Instance) -> int:
        """What one GPU of this machine counts as. Raises ValueError where it cannot be shared like that."""
        if self.kind == "time-slicing":
            return self.replicas
        return mig_profiles(machine)[self.profile]

    def settings(self, machine: Instance) -> list[str]:
        """Lines of Bottlerocket's user data (TOML)."""
        if self.kind == "time-slicing":
            return [
                "[settings.kubelet-device-plugins.nvidia]",
                'device-sharing-strategy = "time-slicing"',
                "",
                "[settings.kubelet-device-plugins.nvidia.time-slicing]",
                f"replicas = {self.replicas}",
                # A slice then counts as nvidia.com/gpu, so that the quotas of teams hold for slices too.
                "rename-by-default = false",
                # Two slices may be of one GPU: a pod that asks for two would not get twice as much.
                "fail-requests-greater-than-one = true",
            ]
        return [
            "[settings.kubelet-device-plugins.nvidia]",
            'device-partitioning-strategy = "mig"',
            "",
            "[settings.kubelet-device-plugins.nvidia.mig.profile]",
            f'"{MIG_MODELS[machine.model, machine.device_memory_mib]}" = "{self.profile}"',
        ]


def mig_profiles(machine: Instance) -> dict[str, int]:
    """Profiles that the machine's GPUs can be cut by, with the parts of one GPU; none where they cannot."""
    model = MIG_MODELS.get((machine.model, machine.device_memory_mib))
    return MIG_PROFILES[model] if model else {}
