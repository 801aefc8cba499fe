"""A tag of an image means one image for good."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import UNKNOWN, at, rows

REPOSITORY = "aws:ecr/repository:Repository"
POD_SPECS: Mapping[str, str] = {
    "kubernetes:apps/v1:DaemonSet": "spec.template.spec",
    "kubernetes:apps/v1:Deployment": "spec.template.spec",
    "kubernetes:apps/v1:StatefulSet": "spec.template.spec",
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
    "kubernetes:batch/v1:Job": "spec.template.spec",
    "kubernetes:core/v1:Pod": "spec",
}
"""Resource type to where its pod specification stands."""


@resource_rule(
    "immutable-images",
    "Tags of images do not move, and what runs names the tag or digest that it means.",
    REPOSITORY,
    *POD_SPECS,
)
def immutable_images(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Repositories with mutable tags, and containers that run `latest`."""
    if resource.type == REPOSITORY:
        if at(resource.props, "imageTagMutability") not in ("IMMUTABLE", UNKNOWN):
            yield f"{resource.name} lets tags move. Set imageTagMutability to IMMUTABLE."
        return
    for container in containers(resource):
        image = at(container, "image")
        if isinstance(image, str) and not _is_fixed(image):
            yield (
                f"Container {at(container, 'name')!r} of {resource.name} runs {image!r}, which may be another image "
                f"tomorrow. Name a version's tag, or a digest (@sha256:…)."
            )


def containers(resource: Resource) -> list[Any]:
    """Every container of a workload, initial ones too."""
    pod = at(resource.props, POD_SPECS.get(resource.type, ""))
    return [*rows(pod, "initContainers"), *rows(pod, "containers")]


def _is_fixed(image: str) -> bool:
    if "@sha256:" in image:
        return True
    # The part after the last slash: a registry's port is no tag.
    _, _, tag = image.rpartition("/")[2].partition(":")
    return tag not in ("", "latest")
