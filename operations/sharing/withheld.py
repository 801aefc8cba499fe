"""A preview against a shared state: what cannot be compared is told as such, and not as a change."""

from collections.abc import Mapping
from typing import Any, cast

from operations.differences import property_path, value_at
from operations.engine_run import part
from operations.review.stream import Preview, Step
from operations.sharing.model import WITHHELD, SharedState

MOST_NAMED = 20


def settle(preview: Preview) -> list[str]:
    """Takes differences from withheld values out of a preview's steps; type, name and path of each."""
    found: list[str] = []
    for step in preview.steps.values():
        if step.operation not in ("update", "replace"):
            continue
        paths = [path for path in step.detailed if _is_withheld(step, path)]
        found += [f"{step.type} {step.name} {path}" for path in paths]
        if paths and len(paths) == len(step.detailed):
            step.operation, step.keys, step.diffs = "same", [], []
        step.detailed = {path: entry for path, entry in step.detailed.items() if path not in paths}
    return found


def notes(shared: SharedState, incomparable: list[str], *, secret_settings: bool) -> list[str]:
    """What the reader of such a preview must know."""
    at = f" of commit {shared.commit[:10]}" if shared.commit else ""
    told = [
        f"Previewed without an account, against the state{at} that was shared at {shared.taken}: what has been done "
        "since, what drifted and what runs are not seen. The provider plugins are the local stack's.",
    ]
    if incomparable:
        more = f" and {len(incomparable) - MOST_NAMED} more" if len(incomparable) > MOST_NAMED else ""
        told.append(f"Withheld, so not compared: {', '.join(sorted(incomparable)[:MOST_NAMED])}{more}.")
    if secret_settings:
        told.append("Secret settings are withheld: the program was given a stand-in for each.")
    return told


def _is_withheld(step: Step, path: str) -> bool:
    """Whether nothing but withheld values differs there; the outputs say it of what is no input."""
    kind = "inputs" if step.detailed[path].get("inputDiff", True) else "outputs"
    steps = property_path(path)
    old, new = (value_at(part(state, kind), steps) for state in (step.old, step.new))
    return _holds(old) and _alike(old, new)


def _holds(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(each) for each in cast(Mapping[str, Any], value).values())
    if isinstance(value, list):
        return any(_holds(each) for each in cast(list[Any], value))
    return value == WITHHELD


def _alike(old: Any, new: Any) -> bool:
    """Whether the two are the same but for what is withheld."""
    if old == WITHHELD:
        return True
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast(Mapping[str, Any], old), cast(Mapping[str, Any], new)
        return before.keys() == after.keys() and all(_alike(before[key], after[key]) for key in before)
    if isinstance(old, list) and isinstance(new, list):
        pairs = (cast(list[Any], old), cast(list[Any], new))
        return len(pairs[0]) == len(pairs[1]) and all(_alike(*each) for each in zip(*pairs, strict=True))
    return old == new
