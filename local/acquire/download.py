"""Downloads an official file, checks it against its published checksum and unpacks what is needed."""

import fnmatch
import hashlib
import shutil
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from local.acquire.tools import Download

CONNECT_TIMEOUT_S = 5.0
"""A machine that cannot reach the publisher must find out in seconds; a stalled transfer counts the same."""


def fetch(download: Download, folder: Path, tell: Callable[[str], None]) -> None:
    """Put the download's programs into `folder`.

    Raises OSError when the publisher cannot be reached, answers with an error or the checksum differs.
    """
    name = download.url.rsplit("/", 1)[1]
    tell(f"downloading {name}")
    expected = _checksum(download, name)
    file = folder / f"{name}.download"
    digest = hashlib.new(download.algorithm)
    with urllib.request.urlopen(download.url, timeout=CONNECT_TIMEOUT_S) as response, file.open("wb") as out:  # noqa: S310
        total = int(response.headers.get("Content-Length") or 0)
        got = 0
        while block := response.read(1 << 20):
            out.write(block)
            digest.update(block)
            got += len(block)
            tell(f"downloading {name}, {got / 1e6:.0f}" + (f" of {total / 1e6:.0f} MB" if total else " MB"))
    if digest.hexdigest() != expected:
        file.unlink()
        raise OSError(f"{download.url} has {download.algorithm} {digest.hexdigest()}, published is {expected}")
    if download.take:
        _unpack(file, download.take, folder)
        file.unlink()
    else:
        file.chmod(0o755)
        file.rename(folder / name)


def _checksum(download: Download, name: str) -> str:
    with urllib.request.urlopen(download.checksums, timeout=CONNECT_TIMEOUT_S) as response:  # noqa: S310
        text = response.read().decode()
    for line in text.splitlines():
        words = line.split()
        if len(words) == 1 or (len(words) == 2 and words[1].lstrip("*") == name):
            return words[0]
    raise OSError(f"{download.checksums} does not name {name}")


def _unpack(archive: Path, patterns: tuple[str, ...], folder: Path) -> None:
    if zipfile.is_zipfile(archive):
        _unzip(archive, patterns, folder)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isfile() or not any(fnmatch.fnmatch(member.name, pattern) for pattern in patterns):
                continue
            source = tar.extractfile(member)
            assert source is not None
            target = folder / Path(member.name).name
            with source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            target.chmod(0o755)


def _unzip(archive: Path, patterns: tuple[str, ...], folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            if member.is_dir() or not any(fnmatch.fnmatch(member.filename, pattern) for pattern in patterns):
                continue
            target = folder / Path(member.filename).name
            with zipped.open(member) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            target.chmod(0o755)
