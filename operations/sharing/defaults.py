"""Inputs that the genuine AWS provider adds by itself, which the local stack's plugin does not.

A bridged provider writes the defaults of its schema into the inputs and names them in `__defaults`
(pkg/tfbridge/schema.go of https://github.com/pulumi/pulumi-terraform-bridge). The program never said them, so a
comparison with what the program says must not see them go. A name that the provider made up stays: the plugin keeps it.
"""

from collections.abc import Mapping
from typing import Any, cast

from local.providers.aws.types import RESOURCES

_DEFAULTS = "__defaults"


def without_defaults(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The deployment with such inputs taken out."""
    resources = cast(list[dict[str, Any]], deployment.get("resources") or [])
    return {**deployment, "resources": [_resource(each) for each in resources]}


def _resource(resource: dict[str, Any]) -> dict[str, Any]:
    known = RESOURCES.get(str(resource.get("type")))
    if known is None or "inputs" not in resource:
        return resource
    names = {prop.name for prop in known.properties if prop.autoname}
    return {**resource, "inputs": _inputs(resource["inputs"], names)}


def _inputs(value: Any, kept: set[str]) -> Any:
    if isinstance(value, list):
        return [_inputs(each, set()) for each in cast(list[Any], value)]
    if not isinstance(value, Mapping):
        return value
    entries = cast(Mapping[str, Any], value)
    added = set(cast(list[str], entries.get(_DEFAULTS) or [])) - kept
    left = {key: _inputs(each, set()) for key, each in entries.items() if key not in added and key != _DEFAULTS}
    names = [name for name in cast(list[str], entries.get(_DEFAULTS) or []) if name in kept]
    return {**left, _DEFAULTS: names} if names else left
