"""The git state of a job's source folder."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

TIMEOUT_S = 10


class GitState(NamedTuple):
    """Where a folder stands.

    dirty: whether the folder has changes, or files that git does not know, besides what the commit has.
    branch: None in a detached state. remote: the address of `origin`, without a user or password; None without one.
    """

    commit: str
    branch: str | None
    dirty: bool
    remote: str | None


def git_state(folder: Path) -> GitState | None:
    """The state of a folder; None outside a repository, before its first commit, and where git is not installed."""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
    if status is None:
        return None
    head = dict(re.findall(r"^# branch\.(\S+) (.+)$", status, re.MULTILINE))
    commit = head.get("oid", "")
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None
    branch = head.get("head")
    remote = _git(folder, "config", "--get", "remote.origin.url")
    return GitState(
        commit=commit,
        branch=None if branch == "(detached)" else branch,
        dirty=any(line and not line.startswith("#") for line in status.splitlines()),
        remote=without_credentials(remote.strip()) if remote and remote.strip() else None,
    )


def without_credentials(remote: str) -> str:
    """An address without what stands before its host: CI's clones have a token there."""
    parts = urlsplit(remote)
    if not parts.scheme or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
