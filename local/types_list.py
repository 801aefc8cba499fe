"""Which AWS resource types the local stack knows."""

from typing import Any

from local.providers.aws.types import RESOURCES


def listing() -> dict[str, Any]:
    """`types`: token of each type that the AWS plugin manages, to its registry page."""
    return {"types": {token: resource.docs for token, resource in sorted(RESOURCES.items())}}


def render(found: dict[str, Any]) -> str:
    """The same for a person."""
    width = max(map(len, found["types"]), default=0)
    lines = [f"{token:<{width}}  {docs}" for token, docs in found["types"].items()]
    return "\n".join([*lines, f"{len(found['types'])} AWS types; the Kubernetes plugin takes any kind."])
