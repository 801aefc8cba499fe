"""Walks through raw settings beside their types and collects every problem, instead of stopping at the first.

pydantic checks the single values. The walk over sections is our own, because pydantic checks values taken together only
when each of a model's values is right, and would so show one half of the problems after the other.
"""

import json
import types
import typing
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import TypeAdapter, ValidationError

from infra.references.values import CommaSeparated, Unresolved
from infra.sections.nearest import nearest
from infra.sections.section import Section

NAMESPACE = "groundwork"
_namespace = ContextVar("namespace", default=NAMESPACE)
_origins: ContextVar[Mapping[str, str]] = ContextVar("origins", default=types.MappingProxyType({}))
WRONG = object()
"""Stands for a value that is not valid."""
PHRASES: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text, in quotes",
    "dict_type": "a group of keys and values",
}


@dataclass(frozen=True)
class Walked:
    """What came out of one value: itself, typed (or WRONG), and the problems found in it."""

    value: Any
    lines: Sequence[str] = ()


@contextmanager
def in_namespace(name: str) -> Generator[None]:
    """Messages spell keys with this namespace: settings of another Pulumi project are walked through alike."""
    token = _namespace.set(name)
    try:
        yield
    finally:
        _namespace.reset(token)


@contextmanager
def coming_from(origins: Mapping[str, str]) -> Generator[None]:
    """Messages say of values that stand elsewhere where they came from: path in the settings to reference."""
    token = _origins.set(origins)
    try:
        yield
    finally:
        _origins.reset(token)


def not_allowed(path: str, value: Any, message: str) -> str:
    """One problem with a value, as it is shown."""
    return f"{_namespace.get()}:{path}: {json.dumps(value, default=str)}{_origin(path)} is not allowed; {message}"


def _origin(path: str) -> str:
    """The reference that a value, or what it is a part of, came from."""
    for origin, reference in _origins.get().items():
        if path == origin or path.startswith((f"{origin}.", f"{origin}[")):
            return f" (from {reference})"
    return ""


def walk(annotation: Any, raw: Any, path: str) -> Walked:
    """The typed value of `raw`, which stands at `path` in the settings, with everything that is wrong in it."""
    if isinstance(raw, Unresolved):
        return Walked(WRONG, list(unresolved(raw, path)))
    metadata: tuple[Any, ...] = ()
    inner = annotation
    if typing.get_origin(annotation) is Annotated:
        inner, *rest = typing.get_args(annotation)
        metadata = tuple(rest)
    if typing.get_origin(inner) in (types.UnionType, typing.Union):
        sections = [choice for choice in typing.get_args(inner) if _is_section(choice)]
        if sections and raw is not None:
            return walk(sections[0], raw, path)
    if _is_section(inner):
        return _walk_section(inner, raw, path)
    if typing.get_origin(inner) is tuple:
        return _walk_list(typing.get_args(inner)[0], metadata, raw, path)
    return _leaf(annotation, raw, path)


def _is_section(annotation: Any) -> typing.TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _walk_section(section: type[Section], raw: Any, path: str) -> Walked:
    if not isinstance(raw, dict):
        return Walked(WRONG, [not_allowed(path, raw, f"allowed is a group with {', '.join(section.spelling())}")])
    given = cast(dict[str, Any], raw)
    keys = section.spelling()
    lines: list[str] = []
    values: dict[str, Any] = {}
    misspelt: set[str] = set()
    for key in given:
        if key not in keys:
            lines.append(_unknown(path, key, keys))
            misspelt.add(nearest(key, keys) or "")
    for key, name in keys.items():
        field = section.model_fields[name]
        below = f"{path}.{key}" if path else key
        if key in given:
            walked = walk(field.rebuild_annotation(), given[key], below)
            lines += walked.lines
            values[name] = walked.value
        elif not field.is_required():
            values[name] = field.get_default(call_default_factory=True, validated_data={})
        else:
            values[name] = WRONG
            if key not in misspelt:
                lines.append(f"{_namespace.get()}:{below}: is missing{_meaning(section, name)}")
    right = {name: value for name, value in values.items() if value is not WRONG}
    partial = section.model_construct({keys[key] for key in given if key in keys}, **right)
    for needs, function in section.checks():
        if all(name in right for name in needs):
            for problem in function(partial):
                below = f"{path}.{problem.key}" if path else problem.key
                if problem.value is not None:
                    lines.append(not_allowed(below, problem.value, problem.message))
                elif problem.key not in misspelt:
                    lines.append(f"{NAMESPACE}:{below}: is missing; {problem.message}")
    return Walked(partial if len(right) == len(values) else WRONG, lines)


def unresolved(raw: Any, path: str) -> Iterator[str]:
    """What is to be said of every reference in a value that led nowhere."""
    match raw:
        case Unresolved(text=text, message=message):
            yield f"{_namespace.get()}:{path}: {json.dumps(text)} {message}"
        case dict():
            for key, each in cast(dict[str, Any], raw).items():
                yield from unresolved(each, f"{path}.{key}")
        case list():
            for index, each in enumerate(cast(list[Any], raw)):
                yield from unresolved(each, f"{path}[{index}]")
        case _:
            return


def _walk_list(item: Any, metadata: tuple[Any, ...], raw: Any, path: str) -> Walked:
    if isinstance(raw, CommaSeparated):
        raw = raw.parts()
    if not isinstance(raw, list):
        return Walked(WRONG, [not_allowed(path, raw, "allowed is a list")])
    elements = [walk(item, element, f"{path}[{index}]") for index, element in enumerate(cast(list[Any], raw))]
    lines = [line for element in elements for line in element.lines]
    if lines:
        return Walked(WRONG, lines)
    values = tuple(element.value for element in elements)
    if not metadata:
        return Walked(values)
    # What holds for the list as a whole is asked only of a list whose entries are right.
    return _leaf(Annotated[tuple[Any, ...], *metadata], values, path)


def _leaf(annotation: Any, raw: Any, path: str) -> Walked:
    if lost := list(unresolved(raw, path)):
        return Walked(WRONG, lost)
    try:
        return Walked(TypeAdapter[Any](annotation).validate_python(raw))
    except ValidationError as error:
        # A union reports each of its choices; the value is wrong once, so the choices make one sentence.
        allowed = [
            _allowed(detail["type"], detail.get("ctx", {}), detail["msg"]) for detail in error.errors(include_url=False)
        ]
        return Walked(WRONG, [not_allowed(path, raw, f"allowed is {' or '.join(dict.fromkeys(allowed))}")])


def _allowed(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return str(context["expected"])
        case "greater_than_equal":
            return f"{context['ge']} or more"
        case "less_than_equal":
            return f"{context['le']} or less"
        case "too_short":
            return f"a list of {context['min_length']} or more"
        case "too_long":
            return f"a list of {context['max_length']} or fewer"
        case "string_too_long":
            return f"a text of {context['max_length']} characters or fewer"
        case _:
            return PHRASES.get(kind, message)


def _unknown(path: str, key: str, keys: Mapping[str, str]) -> str:
    prefix = f"{_namespace.get()}:{path}." if path else f"{_namespace.get()}:"
    close = nearest(key, keys)
    hint = f"did you mean {prefix}{close}?" if close else f"there are {', '.join(keys)}"
    return f"{prefix}{key}: there is no such setting; {hint}"


def _meaning(section: type[Section], name: str) -> str:
    """What a field is for, from its line in the section's docstring."""
    for text in (section.__doc__ or "").splitlines():
        if text.strip().startswith(f"{name}: "):
            return f" ({text.strip().removeprefix(f'{name}: ').rstrip('.')})"
    return ""
