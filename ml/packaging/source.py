"""The job's source code as one archive whose bytes depend on the files' names, contents and executable bits alone."""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ml.errors import SpecError
from ml.packaging.helpers import helper_archive
from ml.packaging.ignore import Ignore

IGNORE_FILE = ".mlignore"
DRIVER = Path(__file__).parents[1] / "driver" / "driver.py"
MAX_BYTES = 256 * 1024 * 1024


class SourcePackage(NamedTuple):
    """A job's code, ready to upload.

    digest: SHA-256, in hex, of the archive, of the driver that unpacks and runs it, and of the modules that go with it.
    """

    digest: str
    archive: bytes
    driver: bytes
    helpers: bytes
    files: int


def pack_source(folder: Path, exclude: Iterable[str] = ()) -> SourcePackage:
    """Pack a folder, less what its .mlignore and `exclude` leave out.

    Raises SpecError where it holds more than MAX_BYTES or a link to a folder.
    """
    ignore_file = folder / IGNORE_FILE
    patterns = ignore_file.read_text(encoding="utf-8").splitlines() if ignore_file.is_file() else []
    ignore = Ignore([*patterns, *exclude])
    buffer = io.BytesIO()
    count = size = 0
    # Level 1: the archive is made anew for each submission, and code is small.
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0, filename="") as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in sorted(_files(folder, ignore), key=lambda one: one.as_posix()):
            content = (folder / path).read_bytes()
            count, size = count + 1, size + len(content)
            if size > MAX_BYTES:
                raise SpecError(
                    f"source_dir: {folder} holds more than {MAX_BYTES // 2**20} MB. Leave files out with {IGNORE_FILE} "
                    "or `exclude`; data belongs into `inputs`."
                )
            entry = tarfile.TarInfo(path.as_posix())
            entry.size = len(content)
            entry.mode = 0o755 if os.access(folder / path, os.X_OK) else 0o644
            archive.addfile(entry, io.BytesIO(content))
    packed, driver, helpers = buffer.getvalue(), DRIVER.read_bytes(), helper_archive()
    return SourcePackage(hashlib.sha256(packed + driver + helpers).hexdigest(), packed, driver, helpers, count)


def _files(folder: Path, ignore: Ignore) -> Iterator[Path]:
    for current, folders, files in os.walk(folder):
        here = Path(current).relative_to(folder)
        kept = [name for name in folders if not ignore.matches((here / name).as_posix(), is_folder=True)]
        for name in kept:
            if (folder / here / name).is_symlink():
                raise SpecError(
                    f"source_dir: {(here / name).as_posix()} is a link to a folder: copy it or leave it out"
                )
        folders[:] = kept
        for name in files:
            if not ignore.matches((here / name).as_posix(), is_folder=False):
                yield here / name
