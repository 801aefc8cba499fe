"""The bound of a team's update: what may change with one team, and what may not whoever asks.

A team's own resources may. Of those that hold all teams (ownership.py), only the part that is about the team may. All
else is refused, by name, before anything is done.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from operations.engine_steps import ENDS
from operations.stateful import what_is_lost
from operations.teams.ownership import Whose
from operations.teams.steps import Step

NAMESPACE = "kubernetes:core/v1:Namespace"
SHARES = ("spec", "resourceGroups")
"""Where a ClusterQueue and a Cohort have their quotas (https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/)."""
CPUS = ("cpu", "memory")
"""Of every machine; no pool bounds them, so they are nobody's share."""
MONITORS = "monitorArnLists"
_ABSENT = object()


@dataclass(frozen=True)
class Violation:
    """A step that the bound does not allow.

    why: as the end of a sentence that begins with the resource. recount: whether `--recount` would allow it.
    """

    step: Step
    why: str
    recount: bool = False


def violations(team: str, steps: Sequence[Step], *, removing: bool = False, recount: bool = False) -> list[Violation]:
    """What of these steps may not be done for `team`.

    removing: the team goes, with its namespace and all that is in it. recount: the shares of other teams, which follow
    from all quotas together, may be counted anew.
    """
    found = [
        Violation(step, why, of_shares)
        for step in steps
        for why, of_shares in _wrong(team, step, removing=removing)
        if not (of_shares and recount)
    ]
    return [*found, *_wrong_index(team, [step for step in steps if step.kind == "index"])]


def _wrong(team: str, step: Step, *, removing: bool) -> Iterator[tuple[str, bool]]:
    if step.whose is Whose.OTHERS:
        yield f"is none of {team}'s, and would be {_done(step)}", False
    elif step.whose is Whose.OWN:
        if step.operation in ENDS and step.type == NAMESPACE and not removing:
            yield f"would be {_done(step)}, with {what_is_lost(NAMESPACE)}", False
    elif step.kind != "index" and step.operation != "update":
        yield f"holds all teams, and would be {_done(step)}", False
    elif step.kind in ("cohort", "queue"):
        wrong = sorted({_shown(path) for path, _, _ in changes(step.old, step.new) if path[:2] != SHARES})
        if wrong:
            yield f"holds all teams, and more than shares would change in it: {', '.join(wrong)}", False
        elif step.kind == "queue":
            numbers = ", ".join(f"{flavor} {before} → {after}" for flavor, before, after in _owned(step))
            yield f"is another team's, whose share would be counted anew{f' ({numbers})' if numbers else ''}", True
    elif step.kind == "anomalies":
        yield from _wrong_monitors(team, step)


def _owned(step: Step) -> Iterator[tuple[str, str, str]]:
    """What a queue owns of each class of machines, before and after, where that differs."""
    before, after = (
        {
            str(flavor["name"]): str(resource["nominalQuota"])
            for group in state.get("spec", {}).get("resourceGroups") or ()
            for flavor in group.get("flavors") or ()
            for resource in flavor.get("resources") or ()
            if resource.get("name") not in CPUS
        }
        for state in (step.old, step.new)
    )
    for flavor in dict.fromkeys([*before, *after]):
        if before.get(flavor) != after.get(flavor):
            yield flavor, before.get(flavor, "0"), after.get(flavor, "0")


def _wrong_monitors(team: str, step: Step) -> Iterator[tuple[str, bool]]:
    wrong = sorted({str(path[0]) for path, _, _ in changes(step.old, step.new) if path[0] != MONITORS})
    if wrong:
        yield f"holds all teams, and more than its monitors would change: {', '.join(wrong)}", False
        return
    before, after = (set(cast(list[str], state.get(MONITORS) or [])) for state in (step.old, step.new))
    if len(before - after) > 1 or len(after - before) > 1:
        yield f"would change by more monitors than {team}'s", False


def _wrong_index(team: str, steps: Sequence[Step]) -> Iterator[Violation]:
    """The index is one list over all of its parameters: only the team itself may come or go."""
    if not steps:
        return
    keys = {key for step in steps for (key, *_), _, _ in changes(step.old, step.new) if step.old and step.new}
    if strange := sorted(str(key) for key in keys - {"insecureValue"}):
        yield Violation(steps[0], f"holds all teams, and more than its list would change: {', '.join(strange)}")
    before = {name for step in steps for name in _names(step.old)}
    after = {name for step in steps for name in _names(step.new)}
    if others := sorted((before ^ after) - {team}):
        yield Violation(steps[0], f"would change for {', '.join(others)} as well")


def _names(state: Mapping[str, Any]) -> set[str]:
    try:
        return set(json.loads(state.get("insecureValue") or "[]"))
    except ValueError:
        return set()


def changes(old: Any, new: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    """Each value that differs, by its path, before and after (None where there is none); lists entry by entry."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast(Mapping[str, Any], old), cast(Mapping[str, Any], new)
        for key in dict.fromkeys([*before, *after]):
            yield from changes(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        ours, theirs = cast(list[Any], old), cast(list[Any], new)
        for index in range(max(len(ours), len(theirs))):
            before, after = (entries[index] if index < len(entries) else _ABSENT for entries in (ours, theirs))
            yield from changes(before, after, (*path, index))
    elif old != new:
        yield path, None if old is _ABSENT else old, None if new is _ABSENT else new


def _shown(path: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in path)


def _done(step: Step) -> str:
    return {
        "create": "created",
        "update": "updated",
        "delete": "deleted",
        "replace": "replaced",
    }.get(step.operation, step.operation)
