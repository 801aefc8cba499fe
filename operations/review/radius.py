"""What depends on what, from a stack's state: how far a deletion or a replacement reaches."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from operations.engine_steps import PROVIDERS, STACK, dependencies, name_of, provider_urn, type_of
from operations.review.model import Radius

TEAM = "groundwork:ml:Team"
SHOWN_COMPONENTS = 12


class Reach:
    """The resources of a state, and who depends on whom.

    A resource depends on those that its properties come from, on those that it names (`dependencies`, `deletedWith`),
    on its provider and on its parent: sdk/go/common/apitype/core.go, ResourceV3, of https://github.com/pulumi/pulumi.
    """

    def __init__(self, resources: Sequence[Mapping[str, Any]]):
        self._urns = [str(each["urn"]) for each in resources]
        self._place = {urn: number for number, urn in enumerate(self._urns)}
        self._parents = {str(each["urn"]): str(each.get("parent") or "") for each in resources}
        self._types = [str(each.get("type") or "") for each in resources]
        self._custom = 0
        for number, each in enumerate(resources):
            if each.get("custom") and not self._types[number].startswith(PROVIDERS):
                self._custom |= 1 << number
        self._reach = self._reached(resources)
        self._teams = TeamNames(self._urns)
        self._components = [component_of(urn, self._parents) for urn in self._urns]
        self._owners = [self._teams.of(urn, self._parents) for urn in self._urns]

    def count(self, urn: str) -> int:
        """How many resources depend on one."""
        place = self._place.get(urn)
        return 0 if place is None else (self._reach[place] & self._custom).bit_count()

    def radius(self, urns: Iterable[str], *, themselves: bool = False) -> Radius:
        """What depends on any of these; themselves: these counted as well. What the state does not know has nothing."""
        places = [self._place[urn] for urn in urns if urn in self._place]
        reached = own = 0
        for place in places:
            reached |= self._reach[place]
            own |= 1 << place
        reached = (reached | own) if themselves else reached & ~own
        touched = list(_bits(reached & self._custom))
        components = Counter(self._components[place] for place in touched)
        shown = [f"{name or 'others'} ({number})" for name, number in components.most_common(SHOWN_COMPONENTS)]
        if len(components) > SHOWN_COMPONENTS:
            shown.append(f"and {len(components) - SHOWN_COMPONENTS} more")
        # A team is touched by what is its own, the resource itself included.
        teams = {self._owners[place] for place in [*touched, *places]} - {""}
        return Radius(resources=len(touched), components=tuple(shown), teams=tuple(sorted(teams)))

    def _reached(self, resources: Sequence[Mapping[str, Any]]) -> list[int]:
        """For each resource, those that depend on it, as bits. A state lists a resource after what it depends on."""
        reach = [0] * len(resources)
        for number in range(len(resources) - 1, -1, -1):
            below = reach[number] | 1 << number
            for urn in depends_on(resources[number]):
                place = self._place.get(urn)
                if place is not None and place != number:
                    reach[place] |= below
        return reach


class TeamNames:
    """Tells whose a resource is: a team's own component, or a name such as `training-research-policy`."""

    def __init__(self, urns: Iterable[str]):
        found = {name_of(urn).removeprefix("team-") for urn in urns if type_of(urn) == TEAM}
        longest_first = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
        self.names = frozenset(found)
        self._pattern = re.compile(rf"(?:^|-)(?:team|training|entry)-({longest_first})(?:-|$)") if found else None

    def of(self, urn: str, parents: Mapping[str, str]) -> str:
        """The team's name; empty where it belongs to all."""
        if self._pattern is None:
            return ""
        if found := self._pattern.search(name_of(urn)):
            return found[1]
        seen = 0
        while urn and seen < len(parents):
            if type_of(urn) == TEAM:
                return name_of(urn).removeprefix("team-")
            urn, seen = parents.get(urn, ""), seen + 1
        return ""


def component_of(urn: str, parents: Mapping[str, str]) -> str:
    """The name of the part of the platform that a resource belongs to: its topmost parent below the stack."""
    top, above, seen = "", parents.get(urn, ""), 0
    while above and type_of(above) != STACK and seen < len(parents):
        top, above, seen = above, parents.get(above, ""), seen + 1
    return name_of(top) if top else name_of(urn) if is_component(urn) else ""


def is_component(urn: str) -> bool:
    """Whether a URN is that of a part of the platform."""
    return type_of(urn).startswith("groundwork:")


def depends_on(resource: Mapping[str, Any]) -> set[str]:
    """URNs of what a resource of a state depends on."""
    found = dependencies(resource)
    for key in ("parent", "deletedWith"):
        if resource.get(key):
            found.add(str(resource[key]))
    if provider := str(resource.get("provider") or ""):
        found.add(provider_urn(provider))
    return {urn for urn in found if type_of(urn) != STACK}


def _bits(number: int) -> Iterable[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
