"""Application Auto Scaling's scalable targets, in memory."""

from typing import Any


class MemoryScaling:
    """Targets by resource id; what moves them is not kept."""

    def __init__(self) -> None:
        self.targets: dict[str, dict[str, Any]] = {}

    def register_scalable_target(self, *, ResourceId: str, **call: Any) -> dict[str, Any]:  # noqa: N803
        self.targets[ResourceId] = call
        return {}

    def deregister_scalable_target(self, *, ResourceId: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        del self.targets[ResourceId]
        return {}

    def describe_scalable_targets(self, *, ResourceIds: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"ScalableTargets": [self.targets[each] for each in ResourceIds if each in self.targets]}
