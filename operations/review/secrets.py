"""The secrets that a preview's own events give away: what a report hides wherever it stands.

The engine marks what it knows. A provider may read the same value back without the mark, and a program may have it in
the clear under a name such as `password`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from operations.differences import SECRET_SIGNATURE, SIGNATURE_KEY
from operations.engine_run import part
from operations.review.redaction import HIDDEN, is_secret_name, is_secret_property
from operations.review.stream import Step
from policies.values import UNKNOWN_TEXTS

DEEPEST = 24


def secret_values(steps: Iterable[Step]) -> set[str]:
    """Texts that are secrets by a mark of another copy, by their type or by their name."""
    found: set[str] = set()
    for step in steps:
        copies: list[Any] = [part(state, name) for state in (step.old, step.new) for name in ("inputs", "outputs")]
        # What stays as it is gets into no report, but for what somebody prints.
        stays = step.operation == "same"
        _unmarked(copies, found, depth=1 if stays else DEEPEST)
        if not stays:
            for state in (step.old, step.new):
                inputs = part(state, "inputs")
                for copy in (inputs, part(state, "outputs")):
                    for name, value in copy.items():
                        found.update(_texts(value) if is_secret_property(step.type, (name,), inputs) else _named(value))
    return {each for each in found - UNKNOWN_TEXTS if not each.startswith(("arn:", "/"))}


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


def _named(value: Any, depth: int = DEEPEST) -> Iterator[str]:
    """Texts under a secret's name, in JSON documents too; and the value of a variable that is called like one."""
    if isinstance(value, str):
        if value.lstrip()[:1] in ("{", "[") and depth:
            try:
                yield from _named(json.loads(value), depth - 1)
            except (ValueError, RecursionError):
                return
    elif isinstance(value, Mapping) and depth:
        entries = cast(Mapping[str, Any], value)
        is_variable = is_secret_name(str(entries.get("name") or entries.get("Name") or ""))
        for name, each in entries.items():
            if is_secret_name(name) or (is_variable and name.lower() == "value"):
                # `secret: {secretName: …}` says where one is, and not what it is.
                yield from () if isinstance(each, Mapping) else _texts(each)
            else:
                yield from _named(each, depth - 1)
    elif isinstance(value, list) and depth:
        for each in cast(list[Any], value):
            yield from _named(each, depth - 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast(Mapping[str, Any], value).values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _texts(each)


def _is_marked(value: Any) -> bool:
    return value == HIDDEN or (
        isinstance(value, Mapping) and cast(Mapping[str, Any], value).get(SIGNATURE_KEY) == SECRET_SIGNATURE
    )
