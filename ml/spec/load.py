"""Reading a spec: every error at once, each with file, line, column and the nearest right name."""

import difflib
from pathlib import Path

import yaml
from pydantic import ValidationError

from ml.errors import SpecError
from ml.spec.model import JobSpec
from ml.spec.problems import dotted, problem
from ml.spec.yaml_lines import load_located


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
    problems = [(place, f"{dotted(path)}: written more than once") for path, place in located.duplicates]
    spec: JobSpec | None = None
    try:
        spec = JobSpec.model_validate(located.data)
    except ValidationError as error:
        problems += [problem(dict(entry), located, JobSpec) for entry in error.errors(include_url=False)]
    if spec is not None:
        problems += [(located.position(path), text) for path, text in _missing_files(spec, folder)]
    if spec is None or problems:
        lines = [f"{name}:{place.line}:{place.column}: {text}" for place, text in sorted(problems)]
        raise SpecError("\n".join(lines))
    if spec.validation:
        from ml.data.load import expectations_of

        expectations_of(spec, folder)
    return spec


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
    if spec.validation and not (folder / spec.validation.expectations).is_file():
        text = f"validation.expectations: no file {spec.validation.expectations!r} beside the spec"
        missing.append((("validation", "expectations"), f"{text}; `ml data infer` drafts one"))
    for name, channel in spec.inputs.items():
        if channel.is_local and not (folder / channel.source).exists():
            missing.append((("inputs", name), f"inputs.{name}: nothing at {channel.source!r} beside the spec"))
    return missing
