"""What an endpoint's variants do now, and how far a rollout has come, as DescribeEndpoint says it
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One variant. kind: `serving`, `arriving` (of the update under way), or `shadow` and `arriving shadow`.

    share: percent of the requests; None where nobody knows it, and for a shadow. count, wanted: machines that there are
    and that there are to be. says: what is being done with it, in SageMaker's words. scales: whether its machines
    follow the copies of an inference component.
    """

    name: str
    kind: str
    share: float | None
    count: int
    wanted: int
    says: str
    scales: bool = False

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return asdict(self)


def stages(described: Mapping[str, Any]) -> list[Stage]:
    """The variants that serve, then those that are on their way. described: DescribeEndpoint's answer."""
    arriving: Mapping[str, Any] = described.get("PendingDeploymentSummary") or {}
    return [
        *_of(described.get("ProductionVariants", ()), "serving"),
        *_of(described.get("ShadowProductionVariants", ()), "shadow"),
        *_of(arriving.get("ProductionVariants", ()), "arriving"),
        *_of(arriving.get("ShadowProductionVariants", ()), "arriving shadow"),
    ]


def _of(variants: Iterable[Mapping[str, Any]], kind: str) -> Iterable[Stage]:
    known = list(variants)
    total = sum(one.get("CurrentWeight", 0.0) for one in known)
    for one in known:
        weight = one.get("CurrentWeight")
        # What arrives has weights among its own kind alone: how many requests it has is for `says` to tell.
        share = round(100 * weight / total, 1) if kind == "serving" and weight is not None and total else None
        status: list[Mapping[str, Any]] = one.get("VariantStatus") or []
        yield Stage(
            name=one["VariantName"],
            kind=kind,
            share=share,
            count=one.get("CurrentInstanceCount", 0),
            wanted=one.get("DesiredInstanceCount", 0),
            says="; ".join(each.get("StatusMessage") or each["Status"] for each in status),
            scales="ManagedInstanceScaling" in one,
        )
