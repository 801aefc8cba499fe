"""What was looked at before a job, and what was found."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters.

    ERROR: the job cannot run. WARNING: it will fail or surprise, unless something changes until then.
    UNKNOWN: nobody could look, and the finding says why.
    """

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One finding. about: what was looked at, in a word: account, role, quota, image, code, a channel, budget."""

    about: str
    level: Level
    text: str

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return asdict(self)
