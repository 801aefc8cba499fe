"""The ledger's entries: what each holds, and where it lies.

An entry is a folder of at most three objects, each written once: `opened.json` before something is asked of the cloud,
`created.json` once the cloud has it, `closed.json` when it is known to be no more, or never to have been. So the list
of names alone says which entries are open, and no writer ever has to change what another wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ml.audit.chain import Place

FOLDER = "ledger"
"""Under the team's artifact prefix; components/team_prefix.py has the same word for who may write there."""
VERSION = 1
KINDS = (
    "training-job",
    "processing-job",
    "transform-job",
    "model",
    "endpoint-config",
    "endpoint",
    "model-package",
    "build",
)
"""AWS's words for resources, as they are in ARNs."""
OPENED, CREATED, CLOSED = "opened", "created", "closed"


class Closing(StrEnum):
    """Why an entry is closed."""

    REFUSED = "refused"
    NEVER_CREATED = "never created"
    ENDED = "ended"
    GONE = "gone"
    REMOVED = "removed"
    REPLACED = "replaced"


@dataclass(frozen=True, kw_only=True)
class EntryKey:
    """Which entry. id: when it was opened, and a random part: a name may be created again after it was deleted."""

    kind: str
    name: str
    id: str

    @property
    def folder(self) -> str:
        """Where its objects lie, with a slash at the end."""
        return f"{self.kind}/{self.name}/{self.id}/"

    def object(self, phase: str) -> str:
        """The name of one of its objects."""
        return f"{self.folder}{phase}.json"

    @staticmethod
    def read(name: str) -> "tuple[EntryKey, str] | None":
        """Entry and phase of an object of this name; None for what is no entry's."""
        parts = name.split("/")
        if len(parts) < 4 or parts[0] not in KINDS:
            return None
        phase = parts[-1].removesuffix(".json")
        if phase not in (OPENED, CREATED, CLOSED) or not parts[-1].endswith(".json"):
            return None
        # A package's name has a slash of its own: GROUP/VERSION.
        return EntryKey(kind=parts[0], name="/".join(parts[1:-2]), id=parts[-2]), phase


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that was asked of the cloud.

    opened: when, in UTC. by: the identity that asked (`arn`, `owner`). expires: when it may be removed, None for never.
    details: what it was made of, such as `code`, `inputs`, `instance_type`.
    head: where the audit log ended when the entry was opened. line: the audit line that tells of the creation.
    created, closed: when it was said to be there, and to be gone; None where that was not said.
    because: why it was closed. digest: SHA-256 of `opened.json`, which audit lines tell; empty where that is missing.
    phases: which of its objects are there. unreadable: those of them that are no JSON objects.
    """

    key: EntryKey
    opened: datetime
    by: Mapping[str, str]
    expires: datetime | None
    details: Mapping[str, Any]
    head: Place | None
    created: datetime | None = None
    arn: str | None = None
    line: Place | None = None
    closed: datetime | None = None
    because: str | None = None
    closing_line: Place | None = None
    digest: str = ""
    unreadable: frozenset[str] = field(default_factory=frozenset[str])
    phases: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def is_open(self) -> bool:
        """Whether nobody has said that it is gone."""
        return CLOSED not in self.phases

    @property
    def uploads(self) -> list[str]:
        """S3 URIs of what was uploaded for it."""
        named: list[Any] = self.details.get("uploads") or []
        return [str(uri) for uri in named]

    def document(self) -> dict[str, Any]:
        """The entry as `-o json` prints it."""
        return {
            "kind": self.key.kind,
            "name": self.key.name,
            "id": self.key.id,
            "opened": self.opened.isoformat(),
            "by": dict(self.by),
            "expires": self.expires.isoformat() if self.expires else None,
            "details": dict(self.details),
            "created": self.created.isoformat() if self.created else None,
            "closed": self.closed.isoformat() if self.closed else None,
            "because": self.because,
        }


def moment(text: Any) -> datetime | None:
    """A time as entries write it; None for none."""
    return datetime.fromisoformat(str(text)) if text else None
