"""What went wrong, in words for the person who typed the command."""

import errno
import shutil
from pathlib import Path


class LocalStackError(Exception):
    """A failure that a user can act on; shown without a traceback.

    message: what happened, with names.
    hint: what to do next, or an empty string.
    log: file that has more; its last lines are shown.
    """

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log

    def __str__(self) -> str:
        parts = [self.message]
        if self.log is not None and (lines := tail(self.log)):
            parts += [f"The last lines of {shown(self.log)}:", *(f"    {line}" for line in lines)]
        elif self.log is not None:
            parts.append(f"Log: {shown(self.log)}")
        if self.hint:
            parts.append(self.hint)
        return "\n".join(parts)


def shown(path: Path) -> str:
    """The path as a user types it: relative to the current folder where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def tail(path: Path, lines: int = 15, *, since: int = 0) -> list[str]:
    """Last lines of a log that may not exist; `since` leaves out the bytes before it."""
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(max(since, end - 64_000))
            text = stream.read(64_000).decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def disk_error(folder: Path, doing: str) -> LocalStackError:
    """The error for a disk that is full, whoever met it."""
    usage = shutil.disk_usage(existing(folder))
    return LocalStackError(
        f"The disk that holds {existing(folder)} is full ({megabytes(usage.free)} left of {megabytes(usage.total)}), "
        f"while {doing}.",
        hint="Make room there and run the same command again: what is finished is kept.",
    )


def require_space(folder: Path, needed: int, doing: str) -> None:
    """Raise unless `needed` bytes are free where `folder` is or will be."""
    free = shutil.disk_usage(existing(folder)).free
    if free < needed:
        raise LocalStackError(
            f"The disk that holds {existing(folder)} has {megabytes(free)} left; {doing} needs {megabytes(needed)}.",
            hint="Make room there and run the same command again: what is finished is kept.",
        )


def is_disk_full(error: BaseException | str) -> bool:
    """True for an OSError, or a program's output, that says that no space is left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = str(error).lower()
    return "no space left on device" in text or "disk quota exceeded" in text


def existing(folder: Path) -> Path:
    """The folder itself or the nearest parent that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def megabytes(size: int) -> str:
    """Bytes in the unit that a person compares: `312 MB`, `4.1 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
