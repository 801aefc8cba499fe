"""A YAML file as a typed model: every error at once, each with file, line and column."""

from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ml.errors import SpecError
from ml.spec.problems import dotted, problem
from ml.spec.yaml_lines import LocatedYaml, Position, load_located

Model = TypeVar("Model", bound=BaseModel)


class Read(NamedTuple, Generic[Model]):
    """What a text says. model: None where it is not one; then there is at least one problem, a place and its text."""

    model: Model | None
    problems: list[tuple[Position, str]]
    located: LocatedYaml


def read_text(path: Path, hint: str) -> str:
    """The text of a file. hint: what to do where there is none. Raises SpecError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file. {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error


def read_model(text: str, name: str, model: type[Model], otherwise: str) -> Read[Model]:
    """A text as a model, with all that is wrong in it.

    name: what errors call the text. otherwise: what to say of a text that is no mapping. Raises SpecError for a text
    that is not YAML, or no mapping.
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
        raise SpecError(f"{name}:1:1: {otherwise}")
    problems = [(place, f"{dotted(path)}: written more than once") for path, place in located.duplicates]
    try:
        return Read(model.model_validate(located.data), problems, located)
    except ValidationError as error:
        problems += [problem(dict(entry), located, model) for entry in error.errors(include_url=False)]
        return Read(None, problems, located)


def found_right(name: str, read: Read[Model]) -> Model:
    """The model of a text that nothing is wrong with. Raises SpecError with one line a problem."""
    if read.model is None or read.problems:
        lines = [f"{name}:{place.line}:{place.column}: {text}" for place, text in sorted(read.problems)]
        raise SpecError("\n".join(lines))
    return read.model
