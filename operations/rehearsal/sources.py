"""The two programs of a rehearsal, each as the files of a folder of its own."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalStackError

LOCK = "requirements.txt"
WORKING_TREE = "this working tree"


@dataclass(frozen=True)
class Source:
    """A program. commit: 40 hex digits; None for the files as they are. shown: in words."""

    commit: str | None
    shown: str


@dataclass(frozen=True)
class Checkout:
    """A program's files in a folder, with a Python environment that has what its lock names."""

    name: str
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ".venv" / "bin" / "python"


def source(repository: Path, ref: str) -> Source:
    """The commit of a ref. Raises LocalStackError where there is none."""
    found = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        raise LocalStackError(
            f"This clone has no commit {ref!r}.", hint="Fetch it first (git fetch origin …), or name another."
        )
    commit = found.stdout.decode().strip()
    return Source(commit, commit[:10] if commit.startswith(ref) else f"{ref} ({commit[:10]})")


def default_base(repository: Path) -> Source:
    """Where the history of HEAD and that of the origin's default branch part. Raises LocalStackError."""
    named = git(repository, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").stdout.decode().strip()
    for branch in filter(None, (named, "origin/main", "main")):
        parted = git(repository, "merge-base", "HEAD", branch)
        if parted.returncode == 0:
            commit = parted.stdout.decode().strip()
            return Source(commit, f"{commit[:10]}, where {branch} was left")
    raise LocalStackError(
        "Where the main branch was left cannot be told: this clone has no origin/main, or too little of its history.",
        hint="Name the base: groundwork rehearse --base REF. A shallow clone: git fetch --unshallow.",
    )


def working_tree(repository: Path) -> Source:
    """The files as they are, with what is not committed yet."""
    changed = git(repository, "status", "--porcelain").stdout.decode().splitlines()
    at = git(repository, "rev-parse", "--short=10", "HEAD").stdout.decode().strip()
    return Source(None, f"{WORKING_TREE} ({at}{f' and {len(changed)} changed files' if changed else ''})")


def write(repository: Path, wanted: Source, folder: Path) -> int:
    """Writes a program's files into a new folder: those that git holds, or would take up. How many they are."""
    folder.mkdir(parents=True)
    if wanted.commit is None:
        return _copy(repository, folder)
    archive = git(repository, "archive", "--format=tar", wanted.commit)
    if archive.returncode:
        raise LocalStackError(f"`git archive {wanted.shown}` failed: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
        return sum(member.isfile() for member in files.getmembers())


def shares_environment(repository: Path, folder: Path) -> bool:
    """Whether a program wants the very packages that this process's environment was made of."""
    try:
        return (repository / LOCK).read_bytes() == (folder / LOCK).read_bytes()
    except OSError:
        return False


def share_environment(folder: Path) -> None:
    """Leads a folder's .venv to this process's environment."""
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)


def _copy(repository: Path, folder: Path) -> int:
    listed = git(repository, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed.returncode:
        raise LocalStackError(f"`git ls-files` failed: {listed.stderr.decode().strip()}")
    names = [name for name in listed.stdout.decode().split("\0") if name and (repository / name).is_file()]
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, target, follow_symlinks=False)
    return len(names)


def git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs git in a repository, whatever it answers."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}  # a private origin asks nobody for a password
    return subprocess.run(
        ["git", *arguments], cwd=repository, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
