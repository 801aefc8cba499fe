"""Gets a tool in the first of four ways that works: PATH, the cache, the official download, a build from source."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.acquire.build import build
from local.acquire.download import fetch
from local.acquire.golang import version_of
from local.acquire.tools import Tool
from local.errors import LocalStackError, disk_error, is_disk_full
from local.paths import cache_folder

WAYS = ("path", "download", "build")
"""All ways besides the cache. GROUNDWORK_TOOL_WAYS in the environment restricts them: `build`, or `path,build`."""


@dataclass(frozen=True)
class Acquired:
    """Where a tool's programs are, and how they came there."""

    tool: Tool
    folder: Path
    source: str

    def program(self, name: str) -> Path:
        """Path of one of its programs."""
        return self.folder / name


def allowed_ways() -> tuple[str, ...]:
    """The ways that the environment permits; all unless GROUNDWORK_TOOL_WAYS says otherwise."""
    chosen = os.environ.get("GROUNDWORK_TOOL_WAYS", "")
    ways = tuple(word.strip() for word in chosen.split(",") if word.strip()) or WAYS
    if unknown := [way for way in ways if way not in WAYS]:
        raise LocalStackError(f"GROUNDWORK_TOOL_WAYS names {unknown[0]!r}; possible are {', '.join(WAYS)}.")
    return ways


def find(tool: Tool, ways: Sequence[str]) -> Acquired | None:
    """The tool when it is there already, on PATH or in the cache."""
    cached = cache_folder() / tool.folder_name
    if "path" in ways and (folder := _on_path(tool)) and folder != cached:
        return Acquired(tool, folder, "on PATH")
    if all((cached / program).is_file() for program in tool.programs):
        return Acquired(tool, cached, "from the cache")
    return None


def acquire(tool: Tool, log: Path, tell: Callable[[str], None]) -> Acquired:
    """Return the tool, fetching or building it first when it is not there.

    Raises LocalStackError that names every way tried and what to install.
    """
    ways = allowed_ways()
    if found := find(tool, ways):
        return found
    cached = cache_folder() / tool.folder_name
    tried: list[str] = ["PATH: no version that fits" if "path" in ways else "PATH: not asked for"]
    try:
        with _only_one(cached.with_name(cached.name + ".lock"), tell):
            if found := find(tool, ()):
                return found
            draft = cached.with_name(f"{cached.name}.partial")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            source = _make(tool, draft, log, tell, ways, tried)
            shutil.rmtree(cached, ignore_errors=True)
            draft.rename(cached)
            return Acquired(tool, cached, source)
    except OSError as error:
        if is_disk_full(error):
            raise disk_error(cached, f"getting {tool.title}") from error
        raise


def _make(
    tool: Tool, draft: Path, log: Path, tell: Callable[[str], None], ways: Sequence[str], tried: list[str]
) -> str:
    if "download" in ways and tool.downloads:
        try:
            for download in tool.downloads:
                fetch(download, draft, tell)
            return "downloaded"
        except OSError as error:
            if is_disk_full(error):
                raise
            tried.append(f"download: {download.url}: {getattr(error, 'reason', error)}")
            shutil.rmtree(draft)
            draft.mkdir()
    else:
        tried.append("download: none is published for this system" if "download" in ways else "download: not asked for")
    if "build" not in ways:
        tried.append("go build: not asked for")
        raise _nothing_worked(tool, tried, None)
    try:
        build(tool, draft, log, tell)
    except LocalStackError as error:
        if "The disk that holds" in error.message:
            raise
        tried.append(f"go build: {error.message}")
        raise _nothing_worked(tool, tried, error.log) from error
    return "built from source"


def _nothing_worked(tool: Tool, tried: list[str], log: Path | None) -> LocalStackError:
    ways = "\n".join(f"    {index}. {way}" for index, way in enumerate(tried, 1))
    return LocalStackError(
        f"{tool.title} {tool.version} could not be had. Tried:\n{ways}",
        hint=f"Install {' and '.join(tool.programs)} {tool.version} on PATH, or Go and access to a Go module proxy "
        "(GOPROXY), and run the same command again.",
        log=log,
    )


def _on_path(tool: Tool) -> Path | None:
    """The folder on PATH that has all of the tool's programs in a version that fits."""
    first = shutil.which(tool.programs[0])
    if first is None:
        return None
    folder = Path(first).resolve().parent
    if not all((folder / program).is_file() for program in (*tool.programs, *tool.companions)):
        return None
    try:
        answer = subprocess.run(
            [str(folder / tool.programs[0]), *tool.version_command],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            # Asked for their version, these programs look for newer ones.
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true", "CHECKPOINT_DISABLE": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    have, want = version_of(answer.stdout or answer.stderr), version_of(tool.oldest or tool.version)
    same = 0 if tool.oldest else 1 if tool.newer == "any" else 2
    return folder if have and have[:same] == want[:same] and have >= want else None


@contextmanager
def _only_one(lock: Path, tell: Callable[[str], None]) -> Generator[None]:
    """Hold a lock that the system releases when its holder dies; two checkouts share a cache."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            tell(f"waiting for process {held.read().strip() or 'of another checkout'}, which is getting it too")
            fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
