"""Projects to begin with. `common/` is in each; `project/` is the one that `ml init` makes where nothing else is said.

A file or folder whose name begins with `dot_` begins with a dot in the project: tools leave hidden files of a package
out. What a template is called, and its team, are words of its own that `ml init` replaces, so a template runs as it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent
EXAMPLES = ROOT.parent / "examples"
TEAM = "research"
"""The team of every template."""
_NAMED_IN = (".md", ".yaml", ".yml", ".txt")
_LEFT_OUT = {"__pycache__", "mlruns", "data"}


class Template(NamedTuple):
    """A project to begin with. name: of its job. folder: where its own files are."""

    name: str
    folder: Path


def templates() -> dict[str, Template]:
    """The templates by name; the first is the one for a project of one's own."""
    found = [Template("my-project", ROOT / "project")]
    found += [
        Template(folder.name.replace("_", "-"), folder)
        for folder in sorted(EXAMPLES.iterdir())
        if (folder / "prepare.py").is_file()
    ]
    return {template.name: template for template in found}


def render(template: Template, name: str, team: str) -> Iterator[tuple[Path, bytes, bool]]:
    """The files of a new project: path, content, and whether it is a program.

    name: of the job. A file of the template takes the place of a common one.
    """
    files = {path: file for folder in (ROOT / "common", template.folder) for path, file in _files(folder)}
    for path, file in sorted(files.items()):
        content = file.read_bytes()
        if path.suffix in _NAMED_IN:
            content = _named(content.decode(), template.name, name, team).encode()
        yield path, content, bool(file.stat().st_mode & 0o100)


def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.is_file() and not _LEFT_OUT & set(parts):
            yield Path(*(f".{part.removeprefix('dot_')}" if part.startswith("dot_") else part for part in parts)), file


def _named(text: str, template: str, name: str, team: str) -> str:
    text = re.sub(rf"(?mi)^(\s*team): {TEAM}$", rf"\1: {team}", text)
    text = re.sub(rf"(?<![\w-]){TEAM}-{template}(?![\w-])", f"{team}-{name}", text)
    return re.sub(rf"(?<![\w-]){template}(?![\w-])", name, text)
