"""Reading a spec: every error at once, each with file, line, column and the nearest right name."""

import difflib
from pathlib import Path

from ml.spec.model import JobSpec
from ml.spec.reading import found_right, read_model, read_text


def load_spec(path: Path) -> JobSpec:
    """The spec in a YAML file. Raises SpecError with one line an error."""
    text = read_text(path, "A job's spec is a YAML file; `ml train --help` shows one.")
    return parse_spec(text, str(path), path.parent)


def parse_spec(text: str, name: str, folder: Path) -> JobSpec:
    """The spec in a text.

    name: what errors call the text. folder: what the spec's paths are relative to; the files that it names must exist.
    """
    read = read_model(text, name, JobSpec, "a job's spec is a mapping of fields; `ml train --help` shows one")
    if read.model is not None:
        read.problems.extend((read.located.position(path), text) for path, text in _missing_files(read.model, folder))
    spec = found_right(name, read)
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
