"""A team's update, for people and for programs."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from local.progress import clock
from operations.differences import SIGNATURE_KEY
from operations.engine_steps import type_of
from operations.teams.bound import changes
from operations.teams.steps import Step
from operations.teams.update import Planned
from policies.values import UNKNOWN_TEXT

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
WIDEST = 100
PENDING_SHOWN = 5


def as_text(environment: str, planned: Planned, kept: Sequence[str] = ()) -> str:
    """What would change, the team's own first; what waits; what is kept."""
    own, shared = planned.own, planned.shared
    if not planned.steps:
        lines = [f"{planned.team} in {environment}: nothing to change."]
    else:
        lines = [f"{planned.team} in {environment}: {counted(own)} of its own", *_lines(own)]
        if shared:
            lines += [f"  and in what holds all teams: {counted(shared)}", *_lines(shared)]
        lines.append(f"  {planned.untouched} resources of the stack are not touched")
    if planned.pending:
        names = ", ".join(step.name for step in planned.pending[:PENDING_SHOWN])
        more = len(planned.pending) - PENDING_SHOWN
        names += f" and {more} more" if more > 0 else ""
        lines.append(f"  not done here, waits for `groundwork stack up {environment}`: {names}")
    return "\n".join([*lines, *(f"  kept: {line}" for line in kept)])


def as_result(environment: str, planned: Planned, kept: Sequence[str], seconds: float) -> str:
    """What was done."""
    done = [f"{word} {number}" for word, number in _done(planned.own).items() if number]
    shared = f", and {len(planned.shared)} that hold all teams updated" if planned.shared else ""
    what = f"{', '.join(done) or 'nothing'} of its own{shared}, {planned.untouched} not touched"
    lines = [f"{planned.team} in {environment}: done in {clock(seconds)}: {what}."]
    return "\n".join([*lines, *(f"  kept: {line}" for line in kept)])


def _done(steps: Sequence[Step]) -> dict[str, int]:
    words = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
    return {word: sum(step.operation == operation for step in steps) for operation, word in words.items()}


def as_document(
    environment: str, planned: Planned, outcome: str, kept: Sequence[str] = (), seconds: float | None = None
) -> dict[str, Any]:
    """The same for a program. outcome: `planned`, `nothing`, `declined` or `done`."""
    return {
        "environment": environment,
        "team": planned.team,
        "outcome": outcome,
        "steps": [_entry(step) for step in planned.steps if not step.component],
        "pending": [_entry(step) for step in planned.pending],
        "untouched": planned.untouched,
        "kept": list(kept),
        "seconds": seconds,
    }


def counted(steps: Sequence[Step]) -> str:
    """`3 to create, 1 to update`."""
    numbers = {operation: sum(step.operation == operation for step in steps) for operation in SIGNS}
    return ", ".join(f"{number} to {operation}" for operation, number in numbers.items() if number) or "nothing"


def _lines(steps: Sequence[Step]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        lines.append(f"    {SIGNS.get(step.operation, '?')} {step.name}  ({_kind(step.urn)})")
        if step.operation in ("update", "replace"):
            lines += [f"        {_shown(path)}: {before} → {after}" for path, before, after in _differences(step)]
    return lines


def _kind(urn: str) -> str:
    return type_of(urn).rsplit(":", 1)[-1]


def _differences(step: Step) -> list[tuple[tuple[str | int, ...], str, str]]:
    return [(path, _value(before), _value(after)) for path, before, after in changes(step.old, step.new)]


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if value == UNKNOWN_TEXT:
        return "known later"
    if _is_secret(value):
        return "[secret]"
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _is_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        inner = cast(Mapping[str, Any], value)
        return SIGNATURE_KEY in inner or any(_is_secret(each) for each in inner.values())
    return isinstance(value, list) and any(_is_secret(each) for each in cast(list[Any], value))


def _shown(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path)


def _entry(step: Step) -> dict[str, Any]:
    updated = step.operation in ("update", "replace")
    return {
        "urn": step.urn,
        "name": step.name,
        "type": step.type,
        "operation": step.operation,
        "whose": step.whose.value,
        "changes": [
            {"path": _shown(path), "before": before, "after": after} for path, before, after in _differences(step)
        ]
        if updated
        else [],
    }
