"""Turns what pydantic found into sentences that name the key, the value and what is allowed."""

import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from infra.sections.nearest import nearest
from infra.sections.section import SettingProblemsError

NAMESPACE = "groundwork"
PHRASES: Mapping[str, str] = {
    "missing": "is needed",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
    "dict_type": "a group of keys and values",
    "model_type": "a group of settings",
    "model_attributes_type": "a group of settings",
}


class SettingsError(Exception):
    """The settings are not valid. The message is the whole list of what is wrong, ready to be shown."""

    def __init__(self, lines: Sequence[str]):
        self.lines = tuple(lines)
        count = "1 setting is" if len(lines) == 1 else f"{len(lines)} settings are"
        super().__init__("\n".join([f"{count} not valid; nothing has been changed.", *(f"  {x}" for x in lines)]))


def line(key: str, value: Any, allowed: str) -> str:
    """One problem, as it is shown."""
    return f"{NAMESPACE}:{key}: {_shown(value)} is not allowed; allowed is {allowed}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """A key that does not exist, with the nearest that does."""
    names = sorted(known)
    parent, _, last = key.rpartition(".")
    close = nearest(last, names)
    right = f"{parent}.{close}" if parent else close
    hint = f"did you mean {NAMESPACE}:{right}?" if close else f"there are {', '.join(names)}"
    return f"{NAMESPACE}:{key}: there is no such setting; {hint}"


def lines_of(error: ValidationError, key: str, annotation: Any) -> list[str]:
    """The problems of one setting (`key`, of type `annotation`) as they are shown."""
    lines: list[str] = []
    misspelt: set[str] = set()
    details = error.errors(include_url=False)
    for detail in details:
        path = _path(key, detail["loc"])
        if detail["type"] == "extra_forbidden":
            model = _model_at(annotation, detail["loc"][:-1])
            names = [field.alias or name for name, field in model.model_fields.items()] if model else []
            lines.append(unknown_key(path, names))
            close = nearest(str(detail["loc"][-1]), names)
            if close:
                misspelt.add(_path(key, (*detail["loc"][:-1], close)))
    for detail in details:
        path, kind = _path(key, detail["loc"]), detail["type"]
        context: dict[str, Any] = detail.get("ctx", {})
        cause = context.get("error")
        if kind == "extra_forbidden" or (kind == "missing" and path in misspelt):
            continue
        if kind == "missing":
            lines.append(f"{NAMESPACE}:{path}: is missing{_need(annotation, detail['loc'])}")
        elif isinstance(cause, SettingProblemsError):
            lines += [line(f"{path}.{item.key}", item.value, item.allowed) for item in cause.problems]
        elif kind == "value_error" and cause is not None:
            lines.append(line(path, detail["input"], str(cause)))
        else:
            lines.append(line(path, detail["input"], _allowed(kind, context, detail["msg"])))
    return list(dict.fromkeys(lines))


def _allowed(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "literal_error":
            return str(context["expected"])
        case "greater_than_equal":
            return f"{context['ge']} or more"
        case "less_than_equal":
            return f"{context['le']} or less"
        case "too_short":
            return f"a list of at least {context['min_length']}"
        case "too_long":
            return f"a list of at most {context['max_length']}"
        case "string_too_long":
            return f"a text of at most {context['max_length']} characters"
        case "string_too_short":
            return f"a text of at least {context['min_length']} characters"
        case _:
            return PHRASES.get(kind, message)


def _path(key: str, location: Sequence[str | int]) -> str:
    path = key
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


def _need(annotation: Any, location: Sequence[str | int]) -> str:
    """Why a missing key is needed, from the docstring of its model: the line that starts with its name."""
    model = _model_at(annotation, location[:-1])
    if model is None:
        return ""
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    name = names.get(str(location[-1]), "")
    for text in (model.__doc__ or "").splitlines():
        if text.strip().startswith(f"{name}:"):
            return f"; it says: {text.strip().removeprefix(f'{name}:').strip()}"
    return ""


def _model_at(annotation: Any, location: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that a path through the settings leads to."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _model_at(typing.get_args(annotation)[0], location)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        found = (_model_at(choice, location) for choice in typing.get_args(annotation))
        return next((model for model in found if model is not None), None)
    if typing.get_origin(annotation) in (tuple, list):
        if location and isinstance(location[0], int):
            return _model_at(typing.get_args(annotation)[0], location[1:])
        return None
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return None
    if not location:
        return annotation
    for name, field in annotation.model_fields.items():
        if (field.alias or name) == location[0]:
            return _model_at(field.rebuild_annotation(), location[1:])
    return None


def _shown(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True)
    if isinstance(value, tuple):
        value = list(cast(tuple[Any, ...], value))
    return json.dumps(value, default=str)
