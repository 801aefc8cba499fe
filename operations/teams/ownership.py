"""Whose a resource of the stack is: the team's own, one that holds all teams, or somebody else's.

By literal tables, so that a reader can check them; a test compares them with what a team more changes in the program.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from operations.engine_steps import name_of, type_of

COMPONENTS: Mapping[str, str] = {
    "groundwork:ml:Team": "team-{team}",
    "groundwork:ml:Approvals": "approvals-{team}",
}
"""Components that are a team's: type to name. All that is in one is the team's, too."""
RESOURCES: Mapping[tuple[str, str], str] = {
    ("groundwork:ml:Training", "aws:iam/role:Role"): "{component}-{team}",
    ("groundwork:ml:Training", "aws:iam/rolePolicy:RolePolicy"): "{component}-{team}-policy",
    ("groundwork:platform:Contract", "aws:ssm/parameter:Parameter"): "{component}-team-{team}",
    ("groundwork:compute:Queues", "kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue"): "{component}-team-{team}",
    ("groundwork:compute:Queues", "kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue"): "{component}-entry-{team}",
    ("groundwork:guardrails:Budgets", "aws:budgets/budget:Budget"): "{component}-team-{team}",
    ("groundwork:guardrails:EnvironmentAnomalies", "aws:costexplorer/anomalyMonitor:AnomalyMonitor"): (
        "{component}-team-{team}"
    ),
}
"""What a team has in components of all teams: type of the component and of the resource, to the resource's name."""
INDEX = "{component}-team-index-"
SHARED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("groundwork:platform:Contract", "aws:ssm/parameter:Parameter"): ("index", INDEX),
    ("groundwork:compute:Queues", "kubernetes:kueue.x-k8s.io/v1beta2:Cohort"): ("cohort", "{component}-cohort-"),
    ("groundwork:compute:Queues", "kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue"): ("queue", "{component}-team-"),
    ("groundwork:guardrails:EnvironmentAnomalies", "aws:costexplorer/anomalySubscription:AnomalySubscription"): (
        "anomalies",
        "{component}-subscription",
    ),
}
"""What holds all teams and so changes with one: the kind of change (bound.py), and how the resource's name begins.
Nothing else of the platform may change with a team."""


class Whose(StrEnum):
    """Whose a resource is."""

    OWN = "own"
    SHARED = "shared"
    OTHERS = "others"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a resource is in the stack. parent: the parent's URN, empty for the stack itself."""

    urn: str
    type: str
    parent: str = ""

    @property
    def name(self) -> str:
        """Its name in the program."""
        return name_of(self.urn)


@dataclass(frozen=True)
class Belonging:
    """Whose a resource is, and for a shared one which kind of change a team makes in it."""

    whose: Whose
    kind: str = ""


def belonging(team: str, place: Place, parent_of: Callable[[str], str]) -> Belonging:
    """Whose a resource is, as `team` sees it. parent_of: URN to the parent's, empty where there is none."""
    at, above = place.urn, place.parent
    seen: set[str] = set()
    while at and at not in seen:
        seen.add(at)
        pattern = COMPONENTS.get(type_of(at))
        if pattern is not None:
            own = name_of(at) == pattern.format(team=team)
            return Belonging(Whose.OWN if own else Whose.OTHERS)
        at, above = above, parent_of(above) if above else ""
    if not place.parent:
        return Belonging(Whose.OTHERS)
    component = name_of(place.parent)
    key = (type_of(place.parent), place.type)
    # An index first: a team of that name cannot be (infra/sections/ml.py).
    kind, begins = SHARED.get(key, ("", ""))
    if kind == "index" and place.name.startswith(begins.format(component=component)):
        return Belonging(Whose.SHARED, kind)
    if key in RESOURCES and place.name == RESOURCES[key].format(component=component, team=team):
        return Belonging(Whose.OWN)
    if kind and kind != "index" and place.name.startswith(begins.format(component=component)):
        return Belonging(Whose.SHARED, kind)
    return Belonging(Whose.OTHERS)
