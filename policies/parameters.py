"""What differs by environment: read from the stack's own settings, never from its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from policies.values import decoded


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The `policy` group of an environment's settings; the defaults are the strict ones.

    regions: AWS regions that anything may be made in; the environment's own where none is named.
    instance_families: EC2 instance families that nodes and machines may have; any where none is named.
    protect_stateful: whatever holds data is protected from a destroy.
    require_budget: an environment with a cluster has a budget.
    settings: every setting of the stack as a text, secrets left out.
    """

    regions: tuple[str, ...] = ()
    instance_families: tuple[str, ...] = ()
    protect_stateful: bool = True
    require_budget: bool = True
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


def from_stack_config(project: str, config: Mapping[str, str], secret_keys: Sequence[str]) -> Parameters:
    """The parameters of a stack, from its configuration as the engine hands it over."""
    group = decoded(config.get(f"{project}:policy", ""))
    given: dict[str, Any] = cast(dict[str, Any], group) if isinstance(group, dict) else {}
    own_region = config.get(f"{project}:region")
    return Parameters(
        regions=tuple(given.get("regions") or ([own_region] if own_region else [])),
        instance_families=tuple(given.get("instanceFamilies") or ()),
        protect_stateful=given.get("protectStateful", True) is not False,
        require_budget=given.get("requireBudget", True) is not False,
        settings={key: value for key, value in config.items() if key not in secret_keys},
    )
