"""Names and shapes of Kubernetes objects as Pulumi resources."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any

AUTONAMED = "pulumi.com/autonamed"
"""Annotation by which the genuine provider tells a name that it chose from one that the program gave."""
FIELD_MANAGER = "__fieldManager"
IMPORTED = "__imported"
"""Marks the state of an object that was read in and that this provider has not applied yet."""


class UnsupportedTypeError(Exception):
    """A type of the Kubernetes package that is no single API object."""


def type_of(urn: str) -> str:
    """The resource's own type token: `kubernetes:apps/v1:Deployment`."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """The resource's logical name."""
    return urn.split("::", 3)[3]


def version_and_kind(token: str) -> tuple[str, str]:
    """apiVersion and kind that a type token stands for. Raises UnsupportedTypeError."""
    parts = token.split(":")
    if len(parts) != 3 or ("/" not in parts[1] and not parts[1].startswith("v")):
        raise UnsupportedTypeError(f"{token} is not a Kubernetes object: the local provider has no such type.")
    version, kind = parts[1].removeprefix("core/"), parts[2]
    if version.startswith("helm.sh/"):
        raise UnsupportedTypeError(f"{token}: the local Kubernetes provider does not install Helm charts.")
    if kind.endswith("Patch"):
        raise UnsupportedTypeError(f"{token}: the local Kubernetes provider does not know Patch resources.")
    if kind.endswith("List") and kind != "List":
        raise UnsupportedTypeError(f"{token}: a list is no object; declare its items as resources of their own.")
    return version, kind


def resource_id(namespace: str | None, name: str) -> str:
    """`namespace/name`, or `name` alone for a kind without namespaces."""
    return f"{namespace}/{name}" if namespace else name


def split_id(text: str) -> tuple[str | None, str]:
    """The reverse of `resource_id`."""
    namespace, slash, name = text.rpartition("/")
    return (namespace if slash else None), name


def field_manager(urn: str) -> str:
    """The manager that applies this resource's fields.

    Always the same for the same resource: an `up` that was killed after the object was made, before that was written
    down, finds it again by its manager.
    """
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"


def manifest(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent to the API server: the inputs without Pulumi's own entries."""
    return {key: copy.deepcopy(value) for key, value in inputs.items() if not key.startswith("__") and key != "id"}


def outputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a live object: all but what changes with every touch by anybody."""
    kept = {key: value for key, value in live.items() if key != "metadata"}
    dropped = ("managedFields", "resourceVersion", "selfLink")
    kept["metadata"] = {key: value for key, value in live.get("metadata", {}).items() if key not in dropped}
    return kept


def title(kind: str, namespace: str | None, name: str) -> str:
    """How messages call an object: `Role team-a/runner`."""
    return f"{kind} {resource_id(namespace, name)}"


def is_annotated(inputs: Mapping[str, Any], annotation: str) -> bool:
    """Whether the object carries the annotation with the value `true`."""
    metadata = inputs.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return isinstance(annotations, Mapping) and annotations.get(annotation) == "true"
