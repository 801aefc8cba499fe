"""What is wrong with a file, in words: where pydantic found it, and the nearest right name."""

import difflib
import typing
from typing import Any

from pydantic import BaseModel

from ml.spec.yaml_lines import LocatedYaml


def problem(error: dict[str, Any], located: LocatedYaml, root: type[BaseModel]) -> Any:
    """Position and text of one of pydantic's errors. root: the model of the whole file."""
    path: tuple[str | int, ...] = tuple(error["loc"])
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return located.position(path, of_key=True), f"{dotted(path)}: unknown field{_nearest(path, root)}"
    if kind == "missing":
        return located.position(path[:-1]), f"{dotted(path)}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "string_pattern_mismatch" and "a-z0-9]+(-" in error["ctx"]["pattern"]:
        message = "may have small letters, digits and single hyphens between them"
    if kind == "string_type" and isinstance(error["input"], int | float | bool):
        message = "should be text: put it in quotes"
    shown = repr(error["input"])
    if path and len(shown) <= 60 and kind != "value_error":
        message += f" (it is {shown})"
    return located.position(path), f"{dotted(path)}: {message}" if path else message


def _nearest(path: tuple[str | int, ...], root: type[BaseModel]) -> str:
    """The nearest name among the fields that the model at this place has; all of them where none is near."""
    fields = _fields_at(path[:-1], root)
    close = difflib.get_close_matches(str(path[-1]), fields, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}" if fields else ""


def _fields_at(path: tuple[str | int, ...], root: type[BaseModel]) -> list[str]:
    annotation: Any = root
    for part in path:
        model = _model_in(annotation)
        if typing.get_origin(annotation) is dict:  # the part is a key of the mapping
            annotation = model
        elif model is not None:
            by_name = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            annotation = by_name.get(str(part))
    model = _model_in(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `Spot | None` or `dict[str, Channel]` is about."""
    candidates = (annotation, *typing.get_args(annotation))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def dotted(path: tuple[str | int, ...]) -> str:
    """A place in a file as people write it: inputs.train.mode, columns.age.range[0]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
