"""Local inputs: files that are uploaded once, under a prefix that their content names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = 1024 * 1024


class InputFile(NamedTuple):
    """One file of an input. name: relative to the channel, with slashes. digest: SHA-256 of its content, in hex."""

    path: Path
    name: str
    digest: str


class LocalInput(NamedTuple):
    """A file or folder that becomes a channel. digest: SHA-256 over the names and contents of its files, in hex."""

    digest: str
    files: tuple[InputFile, ...]


def read_input(source: Path) -> LocalInput:
    """Names and digests of what lies at `source`: one file, or all files of a folder but hidden ones."""
    if source.is_file():
        files: tuple[InputFile, ...] = (InputFile(source, source.name, _digest(source)),)
    else:
        files = tuple(InputFile(path, path.relative_to(source).as_posix(), _digest(path)) for path in _visible(source))
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        whole.update(f"{file.name}\0{file.digest}\n".encode())
    return LocalInput(whole.hexdigest(), files)


def _visible(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
