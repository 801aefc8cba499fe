"""The platform's program as an earlier commit has it, to be brought up before this one's."""

import re
from dataclasses import dataclass
from pathlib import Path

from operations.rehearsal.sources import Source, git, share_environment, write
from tests.checkout import SOURCE

LIST = Path(__file__).with_name("upgrade_from.txt")
RELEASE = "v[0-9]*"
"""How tags of releases are called."""
_LINE = re.compile(r"(?P<commit>[0-9a-f]{40})\s+(?P<environment>[a-z]+)\s+(?P<why>\S.*)")


@dataclass(frozen=True)
class Start:
    """Where an upgrade begins. commit: also a tag. environment: whose settings. why: this commit and no other."""

    commit: str
    environment: str
    why: str


class MissingCommitError(Exception):
    """The commit is not in this clone and cannot be fetched either."""


def starts() -> list[Start]:
    """What upgrades are tested from, in the order of importance: the last release, then what upgrade_from.txt names."""
    named: list[Start] = []
    for number, line in enumerate(LIST.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        assert match, f"{LIST.name}:{number} is not: COMMIT (40 hex digits) ENVIRONMENT WHY"
        named.append(Start(**match.groupdict()))
    release = git(SOURCE, "describe", "--tags", "--abbrev=0", f"--match={RELEASE}", "HEAD^")
    if release.returncode == 0:
        named.insert(0, Start(release.stdout.decode().strip(), "local", "the last release"))
    return named


def extract(commit: str, folder: Path) -> None:
    """Writes the files of a commit into a folder, with this checkout's Python environment beside them.

    Raises MissingCommitError.
    """
    if git(SOURCE, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        fetched = git(SOURCE, "fetch", "--quiet", "--depth", "1", "origin", commit)
        if fetched.returncode:
            reason = fetched.stderr.decode().strip().splitlines() or ["no message"]
            raise MissingCommitError(
                f"this clone has no commit {commit}, and `git fetch --depth 1 origin {commit}` says: {reason[-1]}"
            )
    write(SOURCE, Source(commit, commit), folder)
    share_environment(folder)
