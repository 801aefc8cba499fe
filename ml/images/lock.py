"""images.lock: which digest a tag of the platform's registry means, by environment.

A spec names `serving:0.1.0` and so runs unchanged everywhere; the file beside it says which image that is in each
environment. It is written by `ml images build` and kept with the spec in version control.
"""

import json
from pathlib import Path
from typing import Any, cast

from ml.errors import SpecError
from ml.images.registry import purpose_of
from platform_contract import PlatformContract

FILE = "images.lock"


def read_lock(folder: Path) -> dict[str, dict[str, str]]:
    """Environment to `REPOSITORY:TAG` to digest; empty without a file. Raises SpecError for another form."""
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SpecError(f"{file}: is not JSON: {error}") from error
    if not _is_lock(document):
        raise SpecError(f"{file}: is not what `ml images build` writes: environment to image to digest")
    return cast(dict[str, dict[str, str]], document)


def locked_digest(folder: Path, environment: str, image: str) -> str | None:
    """Digest that the lock of a folder has for `REPOSITORY:TAG` in an environment."""
    return read_lock(folder).get(environment, {}).get(image)


def locked_image(folder: Path, environment: str, contract: PlatformContract, uri: str) -> str:
    """A URI of the platform's registry by the digest that the lock of a folder has for it; others as they are."""
    place = purpose_of(contract, uri)
    digest = locked_digest(folder, environment, ":".join(place)) if place else None
    return f"{uri.rpartition(':')[0]}@{digest}" if digest else uri


def write_lock(folder: Path, environment: str, image: str, digest: str) -> Path:
    """Put one digest into the lock of a folder; returns its file."""
    lock = read_lock(folder)
    lock.setdefault(environment, {})[image] = digest
    file = folder / FILE
    draft = file.with_name(f".{FILE}.new")
    draft.write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(file)
    return file


def _is_lock(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return all(
        isinstance(images, dict) and all(isinstance(digest, str) for digest in cast(dict[str, Any], images).values())
        for images in cast(dict[str, Any], document).values()
    )
