"""What an image is built from: a folder with a Dockerfile, and what its context.yaml names besides."""

import hashlib
import io
import os
import re
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from ml.errors import SpecError
from ml.packaging.ignore import Ignore

BUILT_IN = Path(__file__).parents[2] / "images"
"""The folders of images that the platform has Dockerfiles for."""
CONTEXT_FILE, IGNORE_FILE = "context.yaml", ".mlignore"
MAX_BYTES = 256 * 1024 * 1024


class Context(NamedTuple):
    """A build's files as a zip. digest: SHA-256, in hex, of their names, contents and executable bits."""

    digest: str
    archive: bytes
    files: tuple[str, ...]


def folder_of(purpose: str, chosen: Path | None) -> Path:
    """The folder to build from: the one chosen, or the platform's own for this purpose. Raises SpecError."""
    folder = chosen or BUILT_IN / purpose
    if not (folder / "Dockerfile").is_file():
        built_in = ", ".join(sorted(path.parent.name for path in BUILT_IN.glob("*/Dockerfile")))
        raise SpecError(f"{folder}: has no Dockerfile. The platform has its own for {built_in}; or say --folder PATH.")
    return folder


def read_context(folder: Path) -> Context:
    """The context of a folder. Raises SpecError for a file outside, or a base image without its digest."""
    check_bases((folder / "Dockerfile").read_text(encoding="utf-8"))
    files = dict(sorted({**dict(_own(folder)), **dict(_included(folder))}.items()))
    digest, size = hashlib.sha256(), 0
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in files.items():
            content, executable = path.read_bytes(), os.access(path, os.X_OK)
            size += len(content)
            if size > MAX_BYTES:
                raise SpecError(f"{folder}: the context has more than {MAX_BYTES // 2**20} MB; see {IGNORE_FILE}")
            digest.update(f"{name}\0{executable}\0{hashlib.sha256(content).hexdigest()}\n".encode())
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if executable else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return Context(digest.hexdigest(), buffer.getvalue(), tuple(files))


def check_bases(dockerfile: str) -> None:
    """Raises SpecError for a FROM whose image may be another tomorrow: no digest and no earlier stage.

    An ARG without a default is a value that the platform gives (`BASE_IMAGE`).
    """
    defaults: dict[str, str] = {}
    stages: set[str] = set()
    for number, line in enumerate(dockerfile.splitlines(), start=1):
        word, _, rest = line.strip().partition(" ")
        if word.upper() == "ARG" and not stages:
            name, _, default = rest.partition("=")
            defaults[name.strip()] = "".join(shlex.split(default))
        if word.upper() != "FROM":
            continue
        image, *alias = [part for part in rest.split() if not part.startswith("--")]
        named = re.fullmatch(r"\$\{?(\w+)\}?", image)
        meant = defaults.get(named[1], "") if named else image
        stages |= {alias[1]} if len(alias) == 2 else {str(number)}
        if meant and meant not in stages and meant != "scratch" and "@sha256:" not in meant:
            raise SpecError(
                f"Dockerfile:{number}: FROM {meant} may be another image tomorrow: name its digest "
                f"({meant}@sha256:…), which `docker buildx imagetools inspect` and the registry's page show"
            )


def _own(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _files(folder, folder):
        if name not in (CONTEXT_FILE, IGNORE_FILE, "requirements.in"):
            yield name, path


def _included(folder: Path) -> Iterator[tuple[str, Path]]:
    file = folder / CONTEXT_FILE
    if not file.is_file():
        return
    parsed: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    document = cast(dict[str, Any], parsed) if isinstance(parsed, dict) else {}
    if set(document) != {"root", "include"}:
        raise SpecError(f"{file}: has `root`, a folder, and `include`, paths below it")
    root = (folder / str(document["root"])).resolve()
    for entry in cast(list[str], document["include"]):
        path = (root / entry).resolve()
        if not path.is_relative_to(root) or not path.exists():
            raise SpecError(f"{file}: include: {entry} is not below {root}")
        if path.is_file():
            yield path.relative_to(root).as_posix(), path
        else:
            yield from _files(path, root)


def _files(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    ignore_file = folder / IGNORE_FILE
    ignore = Ignore(ignore_file.read_text(encoding="utf-8").splitlines() if ignore_file.is_file() else [])
    for current, folders, names in os.walk(folder):
        here = Path(current)
        inside = here.relative_to(folder)
        kept = [name for name in folders if not ignore.matches((inside / name).as_posix(), is_folder=True)]
        for name in kept:
            if (here / name).is_symlink():
                raise SpecError(f"{here / name} is a link to a folder: copy it or leave it out")
        folders[:] = sorted(kept)
        for name in sorted(names):
            if not ignore.matches((inside / name).as_posix(), is_folder=False):
                yield (here / name).relative_to(root).as_posix(), here / name
