"""Resources of an estimate, from what the engine prints."""

from collections.abc import Iterator
from typing import Any, cast

from local.errors import LocalStackError
from operations.engine_steps import PROVIDERS, name_of
from prices import Resource

GOING = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "read-discard"})
"""Steps of a preview after which the resource is no more."""
AWS_PROVIDER = f"{PROVIDERS}aws"
EXPECTED = "what `pulumi preview --json --show-sames` or `pulumi stack export` prints"


def resources_of(document: Any) -> list[Resource]:
    """The resources that a preview leaves there, or that a stack's state holds.

    Raises LocalStackError for a document that is neither.
    """
    if not isinstance(document, dict):
        raise LocalStackError(f"This is not {EXPECTED}.")
    return [_resource(state) for state in _states(cast(dict[str, Any], document)) if state.get("custom", True)]


def region_of(resources: list[Resource]) -> str | None:
    """The region of the program's AWS provider."""
    regions = [resource.inputs.get("region") for resource in resources if resource.type == AWS_PROVIDER]
    return next((str(region) for region in regions if region), None)


def _states(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    deployment = document.get("deployment")
    if isinstance(deployment, dict):
        yield from cast(dict[str, list[dict[str, Any]]], deployment).get("resources") or []
    elif isinstance(document.get("steps"), list):
        for step in cast(list[dict[str, Any]], document["steps"]):
            if step.get("op") not in GOING and step.get("newState"):
                yield step["newState"]
    else:
        raise LocalStackError(f"This is not {EXPECTED}.")


def _resource(state: dict[str, Any]) -> Resource:
    return Resource(state["type"], name_of(state["urn"]), state.get("inputs") or {})
