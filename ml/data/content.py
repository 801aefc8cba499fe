"""What lies in a folder, by content: the version of a data set, and what a job checks before it reads one.

A version is the SHA-256 over the names and the SHA-256 of all files, as `ml.packaging.inputs` makes it for uploads.
The job's driver computes the same (`ml/driver/driver.py`), and cannot import this.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

_BLOCK = 1024 * 1024


def folder_content(folder: Path) -> dict[str, str]:
    """Name, relative and with slashes, to SHA-256 of every file below a folder, hidden ones too."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: file_digest(folder / name) for name in names}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def version_of(files: Mapping[str, str]) -> str:
    """The version of files by name and SHA-256: SHA-256 in hex."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{files[name]}\n".encode())
    return whole.hexdigest()
