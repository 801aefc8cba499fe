"""What an endpoint is against what it was to be.

SageMaker takes a version back without a word: the endpoint is InService again, with the configuration from before, and
whoever looks at the status alone takes that for a success (hashicorp/terraform-provider-aws#48997, #46663 and #39099).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ml.targets.sagemaker.variants import Layout, Standing, Variant, standing


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not as it was to be. what: `configuration`, `capture`, or a variant's name and its property."""

    what: str
    wanted: str
    actual: str

    def document(self) -> dict[str, str]:
        """As `-o json` prints it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What an endpoint is to be.

    variants: production and shadow, as they are to run. capture: the DataCaptureConfig, empty for none.
    kept_counts: machines by the configuration, of the variants whose machines are kept as they ran before.
    """

    endpoint: str
    config: str
    variants: tuple[Variant, ...]
    shadows: tuple[Variant, ...]
    capture: Mapping[str, Any]
    kept_counts: Mapping[str, int]

    @staticmethod
    def of(endpoint: str, config: str, layout: Layout, capture: Mapping[str, Any]) -> "Desired":
        """What a deployment wants. capture: the members of CreateEndpointConfig about it."""
        kept = {one.name: one.count for one in layout.production} if layout.keeps_counts else {}
        return Desired(
            endpoint=endpoint,
            config=config,
            variants=layout.expected,
            shadows=layout.shadows,
            capture=capture.get("DataCaptureConfig", {}),
            kept_counts=kept,
        )


def differences(sagemaker: Any, desired: Desired, described: Mapping[str, Any]) -> list[Difference]:
    """What is other than desired. described: DescribeEndpoint's answer."""
    actual = standing(sagemaker, described)
    found = list(_compared("configuration", desired.config, actual.config))
    found += _variants("", desired.variants, actual, actual.configured, desired.kept_counts)
    found += _variants("shadow ", desired.shadows, None, actual.shadows, {})
    captured: Mapping[str, Any] = described.get("DataCaptureConfig") or {}
    return [*found, *_compared("capture", _capture(desired.capture), _capture(captured))]


def _variants(
    word: str,
    wanted: Sequence[Variant],
    running: Standing | None,
    configured: Mapping[str, Variant],
    kept: Mapping[str, int],
) -> Iterable[Difference]:
    names = {one.name: one for one in wanted}
    there = set(configured) | (set(running.running) if running else set[str]())
    for name in sorted(names.keys() | there):
        variant, found = names.get(name), configured.get(name)
        if variant is None or name not in there:
            yield from _compared(
                f"{word}variant {name}", "there" if variant else "none", "there" if name in there else "none"
            )
            continue
        if found is not None:
            yield from _compared(f"{word}{name}: model", variant.model, found.model)
            yield from _compared(f"{word}{name}: instance type", variant.instance_type, found.instance_type)
        now = running.running.get(name) if running else None
        if now is None:
            continue
        # An autoscaler may move a kept count while the rollout goes on; only a reset to the configuration is wrong. One
        # that scales has as many machines as its copies need.
        if not variant.scale and (name not in kept or now.count == kept[name]):
            yield from _compared(f"{name}: instances", str(variant.count), str(now.count))
        yield from _compared(f"{name}: weight", f"{variant.weight:g}", f"{now.weight:g}")


def _compared(what: str, wanted: str, actual: str) -> Iterable[Difference]:
    if wanted != actual:
        yield Difference(what=what, wanted=wanted, actual=actual)


def _capture(document: Mapping[str, Any]) -> str:
    if not document.get("EnableCapture"):
        return "off"
    percent = document.get("InitialSamplingPercentage", document.get("CurrentSamplingPercentage"))
    return f"{percent} % to {document['DestinationS3Uri']}"
