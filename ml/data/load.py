"""Reading and writing `expectations.yaml`: every error at once, each with file, line and column."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from ml.data.expectations import Expectations
from ml.errors import SpecError
from ml.spec.problems import dotted, problem
from ml.spec.yaml_lines import load_located

if TYPE_CHECKING:
    from ml.spec import JobSpec

FILE_NAME = "expectations.yaml"


def load_expectations(path: Path) -> Expectations:
    """The expectations in a YAML file. Raises SpecError with one line an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"{path}: no such file. `ml data infer REFERENCE.csv > {path.name}` writes one to review."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    return parse_expectations(text, str(path))


def checked_channels(spec: "JobSpec") -> tuple[str, ...]:
    """The inputs that a spec wants checked; none where it has no validation."""
    if spec.validation is None:
        return ()
    return spec.validation.channels or tuple(spec.inputs)


def expectations_of(spec: "JobSpec", folder: Path) -> Expectations:
    """The expectations that a spec's validation names, found to fit its inputs. Raises SpecError."""
    assert spec.validation is not None
    file = folder / spec.validation.expectations
    expectations = load_expectations(file)
    channels = checked_channels(spec)
    for name in expectations.leakage.between if expectations.leakage else ():
        if name not in channels:
            raise SpecError(
                f"{file}: leakage.between: {name!r} is none of the inputs that are checked ({', '.join(channels)})"
            )
    return expectations


def parse_expectations(text: str, name: str) -> Expectations:
    """The expectations in a text. name: what errors call it."""
    try:
        located = load_located(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise SpecError(f"{name}{where}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: not YAML: {error}") from error
    if not isinstance(located.data, dict):
        raise SpecError(f"{name}:1:1: expectations are a mapping of fields; `ml data infer` writes one")
    problems = [(place, f"{dotted(path)}: written more than once") for path, place in located.duplicates]
    expectations: Expectations | None = None
    try:
        expectations = Expectations.model_validate(located.data)
    except ValidationError as error:
        problems += [problem(dict(entry), located, Expectations) for entry in error.errors(include_url=False)]
    if expectations is None or problems:
        lines = [f"{name}:{place.line}:{place.column}: {text}" for place, text in sorted(problems)]
        raise SpecError("\n".join(lines))
    return expectations
