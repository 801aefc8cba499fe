"""What a preview of the engine would do, each step with whose resource it is about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from operations.engine_run import part, step_of
from operations.engine_steps import LOGICAL, REPLACE, REPLACING, SAME, name_of
from operations.teams.ownership import Belonging, Place, Whose, belonging


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource that would change.

    operation: create, update, replace or delete. whose, kind: of ownership.py. old, new: its inputs before and after.
    component: whether it is a group in the stack, which exists nowhere else.
    """

    urn: str
    type: str
    name: str
    operation: str
    whose: Whose
    kind: str = ""
    component: bool = False
    old: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    new: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True)
class Foreseen:
    """What a preview foresees: the steps that change something, and the parent of every resource, by URN."""

    steps: tuple[Step, ...]
    parents: Mapping[str, str] = field(repr=False)


def foreseen(team: str, events: Iterable[Mapping[str, Any]], tell: Callable[[str], None]) -> Foreseen:
    """Reads a preview's events, as `team` sees them. `tell` hears how far the engine is."""
    parents: dict[str, str] = {}
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        metadata = step_of(event)
        if not metadata:
            continue
        urn = str(metadata["urn"])
        old, new = part(metadata, "old"), part(metadata, "new")
        parents[urn] = str(new.get("parent") or old.get("parent") or "")
        if metadata["op"] not in SAME and not str(metadata["type"]).startswith(LOGICAL):
            found[urn] = metadata
        tell(f"{len(parents)} resources looked at" + (f", {len(found)} to change" if found else ""))

    def parent_of(urn: str) -> str:
        return parents.get(urn, "")

    steps = tuple(
        _step(metadata, belonging(team, Place(urn=urn, type=metadata["type"], parent=parents[urn]), parent_of))
        for urn, metadata in found.items()
    )
    return Foreseen(steps, parents)


def _step(metadata: Mapping[str, Any], whose: Belonging) -> Step:
    old, new = part(metadata, "old"), part(metadata, "new")
    return Step(
        urn=metadata["urn"],
        type=metadata["type"],
        name=name_of(metadata["urn"]),
        operation=REPLACE if metadata["op"] in REPLACING else metadata["op"],
        whose=whose.whose,
        kind=whose.kind,
        component=not (new or old).get("custom"),
        old=part(old, "inputs"),
        new=part(new, "inputs"),
    )
