"""A part of a report without what must not be shown, whichever of its texts holds it."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from operations.review.model import Part
from operations.review.redaction import Redactor

LONGEST_TEXT = 4_000
"""Characters of a text in a report."""
OWN_WORDS = frozenset({"format", "verdict", "operation", "kind", "level", "happened"})
"""Members that hold one of a few words of ours: somebody's password may be `update`."""

P = TypeVar("P", bound=Part)


def redacted(part: P, redactor: Redactor) -> P:
    """The same part; every text in it has been through the redactor, and is no longer than anybody reads."""
    names = [name for name in type(part).model_fields if name not in OWN_WORDS]
    return part.model_copy(update={name: _member(getattr(part, name), redactor) for name in names})


def _member(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, Part):
        return redacted(value, redactor)
    if isinstance(value, tuple):
        return tuple(_member(each, redactor) for each in cast(tuple[Any, ...], value))
    return value if isinstance(value, Enum | bool) else _clipped(redactor.tree(value))


def _clipped(value: Any) -> Any:
    """Cut only now: half a secret would not have been known as one."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _clipped(each) for name, each in cast(Mapping[str, Any], value).items()}
    return [_clipped(each) for each in cast(list[Any], value)] if isinstance(value, list) else value
