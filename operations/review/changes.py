"""Each step of a preview as a change that a reviewer can read: what is otherwise, and what forces a replacement."""

import json
from collections.abc import Mapping
from typing import Any, cast

from operations.differences import Difference, Steps, differences, property_path
from operations.engine_run import part
from operations.review.model import Change, Property
from operations.review.radius import component_of
from operations.review.redaction import HIDDEN, is_secret_name, is_secret_property
from operations.review.stream import Step
from operations.stateful import what_is_lost
from policies.values import UNKNOWN_TEXTS

UNKNOWN = "(known after up)"
ALL_TAGS = "tagsAll"
INTERNAL = frozenset({"__defaults", "__internal", "__inputs"})
MOST_PROPERTIES = 60


def change(step: Step, parents: Mapping[str, str]) -> Change:
    """A step as a change. Its radius is not known here."""
    assert step.operation != "same"
    old = step.old
    return Change(
        operation=step.operation,
        type=step.type,
        name=step.name,
        component=component_of(step.urn, parents),
        id=str(old.get("id") or step.new.get("id") or ""),
        properties=tuple(properties(step)),
        loses=what_is_lost(step.type) if step.operation in ("delete", "replace") else "",
        protected=bool(old.get("protect")),
        retained=bool(old.get("retainOnDelete")) and step.operation in ("delete", "replace"),
    )


def properties(step: Step) -> list[Property]:
    """What is otherwise in a resource that is there and stays or is replaced; what forces that comes first."""
    if step.operation not in ("update", "replace") or not step.old or not step.new:
        return []
    detailed = {path: kind for path, kind in step.detailed.items() if _first(path) not in INTERNAL}
    found = differences(step.old, step.new, detailed, step.diffs)
    forcing = {path for path, entry in detailed.items() if str(entry.get("diffKind") or "").endswith("-replace")}
    forcing |= set(step.keys)
    told = {each.path for each in found}
    result = [
        _property(step, each, forcing)
        for each in found
        # The AWS provider repeats each tag among those that it adds to all.
        if not (each.path.startswith(ALL_TAGS) and each.path.replace(ALL_TAGS, "tags", 1) in told)
    ]
    named = {_first(each.path) for each in result}
    result += [
        Property(path=key, kind="changed", before=_recorded(step, key), after=UNKNOWN, replaces=True)
        for key in step.keys
        if _first(key) not in named
    ]
    result.sort(key=lambda each: not each.replaces)
    return result[:MOST_PROPERTIES]


def _property(step: Step, difference: Difference, forcing: set[str]) -> Property:
    path = difference.path
    steps = property_path(path.split(" → ")[0])
    inputs: Mapping[str, Any] = step.state.get("inputs") or {}
    hidden = (
        is_secret_property(step.type, steps, inputs)
        or (" → " in path and is_secret_property(step.type, property_path(path.split(" → ")[-1]), {}))
        or any(_is_variable(part(state, "inputs"), path) for state in (step.old, step.new))
        or any(_is_variable(part(state, "outputs"), path) for state in (step.old, step.new))
    )
    before, after = (
        (HIDDEN if value is not None else None) if hidden else shown(value)
        for value in (difference.recorded, difference.actual)
    )
    replaces = any(path == one or path.startswith((f"{one}.", f"{one}[", f"{one} →")) for one in forcing) or any(
        one.startswith((f"{path}.", f"{path}[")) for one in forcing
    )
    return Property(path=path, kind=difference.kind, before=before, after=after, replaces=replaces)


def shown(value: Any) -> Any:
    """A value with what is unknown named so."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_TEXTS else value
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in cast(Mapping[str, Any], value).items()}
    return [shown(each) for each in cast(list[Any], value)] if isinstance(value, list) else value


def _is_variable(tree: Any, path: str) -> bool:
    """Whether a path leads to the value of a variable that is called like a secret: `env[0].value` beside its name."""
    if not path.lower().endswith(".value"):
        return False
    *documents, last = path.split(" → ")
    for document in documents:
        tree = _parsed(_inside(tree, property_path(document)))
    above = _inside(tree, property_path(last)[:-1])
    if not isinstance(above, Mapping):
        return False
    entries = cast(Mapping[str, Any], above)
    return is_secret_name(str(entries.get("name") or entries.get("Name") or ""))


def _inside(tree: Any, steps: Steps) -> Any:
    for step in steps:
        if isinstance(step, int) and isinstance(tree, list):
            entries = cast(list[Any], tree)
            tree = entries[step] if step < len(entries) else None
        else:
            tree = cast(Mapping[str, Any], tree).get(str(step)) if isinstance(tree, Mapping) else None
    return tree


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _recorded(step: Step, key: str) -> Any:
    """What a property is now, of which the engine says only that it replaces the resource."""
    steps = property_path(key)
    value = _inside(part(step.old, "inputs"), steps)
    if isinstance(value, str | int) and not is_secret_property(step.type, steps, part(step.old, "inputs")):
        return shown(value)
    return None


def _first(path: str) -> str:
    steps = property_path(path)
    return str(steps[0]) if steps else path
