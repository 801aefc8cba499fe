"""Each step of a preview as a change that a reviewer can read: what is otherwise, and what forces a replacement."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from operations.differences import SECRET_SIGNATURE, SIGNATURE_KEY, Difference, differences, property_path
from operations.engine_run import part
from operations.review.model import Change, Property
from operations.review.radius import component_of
from operations.review.redaction import HIDDEN, is_secret_property
from operations.review.stream import Step
from operations.stateful import what_is_lost

UNKNOWN = "(known after up)"
UNKNOWN_VALUES = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What stands for a value that only the update tells: sdk/go/common/resource/plugin/rpc.go of
https://github.com/pulumi/pulumi."""
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
        Property(path=key, kind="changed", before=None, after=UNKNOWN, replaces=True)
        for key in step.keys
        if _first(key) not in named
    ]
    result.sort(key=lambda each: not each.replaces)
    return result[:MOST_PROPERTIES]


def _property(step: Step, difference: Difference, forcing: set[str]) -> Property:
    steps = property_path(difference.path.split(" → ")[0])
    inputs: Mapping[str, Any] = step.state.get("inputs") or {}
    hidden = is_secret_property(step.type, steps, inputs) or (
        " → " in difference.path and is_secret_property(step.type, property_path(difference.path.split(" → ")[-1]), {})
    )
    before, after = (
        (HIDDEN if value is not None else None) if hidden else shown(value)
        for value in (difference.recorded, difference.actual)
    )
    path = difference.path
    replaces = any(path == one or path.startswith((f"{one}.", f"{one}[", f"{one} →")) for one in forcing) or any(
        one.startswith((f"{path}.", f"{path}[")) for one in forcing
    )
    return Property(path=path, kind=difference.kind, before=before, after=after, replaces=replaces)


def shown(value: Any) -> Any:
    """A value with what is unknown named so."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_VALUES else value
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in cast(Mapping[str, Any], value).items()}
    return [shown(each) for each in cast(list[Any], value)] if isinstance(value, list) else value


def secret_values(steps: Iterable[Step]) -> set[str]:
    """Texts that stand somewhere without a mark in the place where another copy of the resource has a secret."""
    found: set[str] = set()
    for step in steps:
        copies: list[Any] = [part(state, name) for state in (step.old, step.new) for name in ("inputs", "outputs")]
        # What stays as it is gets into no report, but for what somebody prints.
        _unmarked(copies, found, depth=1 if step.operation == "same" else 24)
    return found - UNKNOWN_VALUES


def _unmarked(copies: list[Any], found: set[str], depth: int) -> None:
    """Collects the plain texts of copies of one value of which any is marked as a secret."""
    if any(map(_is_marked, copies)):
        for copy in copies:
            if not _is_marked(copy):
                found.update(_texts(copy))
    elif depth:
        mappings = [cast(Mapping[str, Any], copy) for copy in copies if isinstance(copy, Mapping)]
        lists = [cast(list[Any], copy) for copy in copies if isinstance(copy, list)]
        for name in {name for each in mappings for name in each}:
            _unmarked([each[name] for each in mappings if name in each], found, depth - 1)
        for number in range(max(map(len, lists), default=0)):
            _unmarked([each[number] for each in lists if number < len(each)], found, depth - 1)


def _is_marked(value: Any) -> bool:
    return value == HIDDEN or (
        isinstance(value, Mapping) and cast(Mapping[str, Any], value).get(SIGNATURE_KEY) == SECRET_SIGNATURE
    )


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast(Mapping[str, Any], value).values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _texts(each)


def _first(path: str) -> str:
    steps = property_path(path)
    return str(steps[0]) if steps else path
