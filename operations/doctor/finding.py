"""What was looked at, and what was found."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters.

    FAILURE: `up` would not succeed. WARNING: `up` would, and something else would not; or nobody could look.
    """

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One finding.

    check: what was looked at, in a word or two. where: the file, service or address that it was looked at in.
    text: what was found. mend: what to do about it, a command where there is one; empty where nothing is to be done.
    """

    check: str
    level: Level
    where: str
    text: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return asdict(self)


def ok(check: str, where: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, where, text)


def warning(check: str, where: str, text: str, mend: str = "") -> Finding:
    """`up` would succeed, and something else would not; or nobody could look."""
    return Finding(check, Level.WARNING, where, text, mend)


def failure(check: str, where: str, text: str, mend: str) -> Finding:
    """`up` would not succeed."""
    return Finding(check, Level.FAILURE, where, text, mend)
