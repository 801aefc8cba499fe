"""The engine's own words: what its steps are called, which entries of a state are its own, and what a URN says.

Steps: sdk/go/common/apitype/history.go of https://github.com/pulumi/pulumi. URNs:
https://www.pulumi.com/docs/iac/concepts/resources/names/#urns.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SAME = frozenset({"same", "refresh", "read", "read-replacement"})
"""Steps that change nothing."""
DELETE = "delete"
REPLACE = "replace"
REPLACING = frozenset({REPLACE, "create-replacement", "delete-replaced"})
"""The steps that one replacement takes."""
ENDS = REPLACING | {DELETE}
"""Steps after which something that is there now is there no more."""
STACK = "pulumi:pulumi:Stack"
PROVIDERS = "pulumi:providers:"
"""How the type of each provider begins."""
LOGICAL = (STACK, PROVIDERS)
"""How the types of the engine's own entries begin, which exist nowhere else and are never held back by a target
(isImplicitlyTargetedResource in pkg/resource/deploy/step_generator.go)."""


def name_of(urn: str) -> str:
    """The resource's name in the program, which ends a URN and may hold `::` itself; a text without is all name."""
    return urn.split("::", 3)[-1]


def type_of(urn: str) -> str:
    """The resource's own type, of `urn:pulumi:stack::project::parent$type::name`; empty where the text is no URN."""
    parts = urn.split("::", 3)
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else ""


def provider_urn(reference: str) -> str:
    """The URN in a state's `provider`, which is URN::id."""
    return reference.rsplit("::", 1)[0]


def dependencies(resource: Mapping[str, Any]) -> set[str]:
    """URNs of what the resource of a state names and of what its properties come from."""
    found = {str(urn) for urn in resource.get("dependencies") or ()}
    by_property: Mapping[str, Sequence[str] | None] = resource.get("propertyDependencies") or {}
    return found.union(*(map(str, urns or ()) for urns in by_property.values()))


def targets(urns: Iterable[str]) -> list[str]:
    """The options that hold the engine to these resources, each named once."""
    return [option for urn in dict.fromkeys(urns) for option in ("--target", urn)]
