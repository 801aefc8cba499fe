"""Reading a spec: every error at once, each with file, line, column and the nearest right name."""

import difflib
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ml.errors import SpecError
from ml.spec.model import JobSpec
from ml.spec.yaml_lines import LocatedYaml, load_located


def load_spec(path: Path) -> JobSpec:
    """The spec in a YAML file. Raises SpecError with one line an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file. A job's spec is a YAML file; `ml train --help` shows one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    return parse_spec(text, str(path), path.parent)


def parse_spec(text: str, name: str, folder: Path) -> JobSpec:
    """The spec in a text.

    name: what errors call the text. folder: what the spec's paths are relative to; the files that it names must exist.
    """
    try:
        located = load_located(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise SpecError(f"{name}{where}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: not YAML: {error}") from error
    if not isinstance(located.data, dict):
        raise SpecError(f"{name}:1:1: a job's spec is a mapping of fields; `ml train --help` shows one")
    problems = [(place, f"{_dotted(path)}: written more than once") for path, place in located.duplicates]
    spec: JobSpec | None = None
    try:
        spec = JobSpec.model_validate(located.data)
    except ValidationError as error:
        problems += [_problem(dict(entry), located) for entry in error.errors(include_url=False)]
    if spec is not None:
        problems += [(located.position(path), text) for path, text in _missing_files(spec, folder)]
    if spec is None or problems:
        lines = [f"{name}:{place.line}:{place.column}: {text}" for place, text in sorted(problems)]
        raise SpecError("\n".join(lines))
    return spec


def _problem(error: dict[str, Any], located: LocatedYaml) -> Any:
    path: tuple[str | int, ...] = tuple(error["loc"])
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return located.position(path, of_key=True), f"{_dotted(path)}: unknown field{_nearest(path)}"
    if kind == "missing":
        return located.position(path[:-1]), f"{_dotted(path)}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "string_pattern_mismatch" and "a-z0-9]+(-" in error["ctx"]["pattern"]:
        message = "may have small letters, digits and single hyphens between them"
    if kind == "string_type" and isinstance(error["input"], int | float | bool):
        message = "should be text: put it in quotes"
    shown = repr(error["input"])
    if path and len(shown) <= 60 and kind != "value_error":
        message += f" (it is {shown})"
    return located.position(path), f"{_dotted(path)}: {message}" if path else message


def _nearest(path: tuple[str | int, ...]) -> str:
    """The nearest name among the fields that the model at this place has; all of them where none is near."""
    fields = _fields_at(path[:-1])
    close = difflib.get_close_matches(str(path[-1]), fields, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}" if fields else ""


def _fields_at(path: tuple[str | int, ...]) -> list[str]:
    annotation: Any = JobSpec
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


def _missing_files(spec: JobSpec, folder: Path) -> list[tuple[tuple[str | int, ...], str]]:
    source = folder / spec.source_dir
    if not source.is_dir():
        return [(("source_dir",), f"source_dir: no folder {spec.source_dir!r} beside the spec")]
    missing: list[tuple[tuple[str | int, ...], str]] = []
    for field, value in (("entry_point", spec.entry_point), ("requirements", spec.requirements)):
        if value is None:
            continue
        if not (source / value).is_file() or not (source / value).resolve().is_relative_to(source.resolve()):
            names = [entry.relative_to(source).as_posix() for entry in sorted(source.glob("*")) if entry.is_file()]
            close = difflib.get_close_matches(value, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            missing.append(((field,), f"{field}: no file {value!r} in source_dir {spec.source_dir!r}{hint}"))
    if not spec.entry_point.endswith((".py", ".sh")):
        missing.append((("entry_point",), f"entry_point: {spec.entry_point!r} is neither a .py nor a .sh file"))
    for name, channel in spec.inputs.items():
        if channel.is_local and not (folder / channel.source).exists():
            missing.append((("inputs", name), f"inputs.{name}: nothing at {channel.source!r} beside the spec"))
    return missing


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
