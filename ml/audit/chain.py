"""The audit log's lines: how one is written down, and how it is chained to the one before it.

A line is a JSON document in one canonical form (keys sorted, no spaces, UTF-8), so that its bytes are the same whoever
writes it. It carries its number, from 1, and the SHA-256 of the bytes of the line before it; the first carries that of
a text that names environment, account and team. So no line can be changed, dropped, moved or brought in from another
log without every later line telling.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

VERSION = 1
ACTIONS = ("submit", "register", "promote", "approve", "reject", "deploy", "rollback", "transform", "delete", "settle")
"""What lines tell of. `settle` says what became of an intent whose writer did not live to tell."""
INTENT, DONE, REFUSED = "intent", "done", "refused"
"""Phases of an act: about to be asked for, accepted, refused. Most acts have the second alone."""
PLACE_TAG = "groundwork:audit"
"""Tag of jobs and endpoints with the place where the audit log ended when they were made."""
_LAST = 10**12


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a line is in its chain: enough to find out later that it is no longer there.

    number: from 1, 0 before the first. digest: SHA-256 of its bytes, in hexadecimal.
    """

    number: int
    digest: str

    def document(self) -> dict[str, Any]:
        """The place as it is written into ledger entries and tags."""
        return {"number": self.number, "digest": self.digest}

    def tag(self) -> dict[str, str]:
        """The place as a tag of what is created after it: a witness outside the bucket."""
        return {"Key": PLACE_TAG, "Value": f"{self.number}:{self.digest}"}

    @staticmethod
    def of_tag(value: str) -> "Place | None":
        """The place that a tag's value says; None for what is none."""
        number, _, digest_of = value.partition(":")
        return Place(number=int(number), digest=digest_of) if number.isdigit() and digest_of else None

    @staticmethod
    def read(document: Any) -> "Place | None":
        """The place of a document, None where there is none."""
        if not isinstance(document, dict):
            return None
        values = cast("dict[str, Any]", document)
        return Place(number=int(values["number"]), digest=str(values["digest"]))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One act.

    number: its place in the log, from 1. previous: the digest of the line before it.
    id: made by the writer, to know its own line again. at: when, in UTC (ISO 8601), by the writer's clock.
    by: the writer: `arn`, of the AWS identity that signed, and `owner`, the name that tags carry.
    """

    number: int
    previous: str
    id: str
    at: str
    action: str
    phase: str
    subject: str
    by: dict[str, str]
    details: dict[str, Any]
    environment: str
    team: str

    def document(self) -> dict[str, Any]:
        """The line as it is stored and as `-o json` prints it."""
        return {
            "version": VERSION,
            "number": self.number,
            "previous": self.previous,
            "id": self.id,
            "at": self.at,
            "action": self.action,
            "phase": self.phase,
            "subject": self.subject,
            "by": self.by,
            "details": self.details,
            "environment": self.environment,
            "team": self.team,
        }

    def body(self) -> bytes:
        """The bytes that are stored, and that the next line's `previous` is the digest of."""
        return canonical(self.document())

    @property
    def place(self) -> Place:
        """The line's place."""
        return Place(number=self.number, digest=digest(self.body()))


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one form of a document. Raises ValueError for NaN and infinity, TypeError for what is not JSON."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(body: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def beginning(account_id: str, environment: str, team: str) -> Place:
    """What is before the first line: one team's log in one environment, and no other."""
    text = canonical({"log": "audit", "account": account_id, "environment": environment, "team": team})
    return Place(number=0, digest=digest(text))


def key(number: int) -> str:
    """The name of a line's object: the newest is the first that S3 lists, so one short list finds the end."""
    return f"{_LAST - number:012d}-{number}.json"


def number_of(name: str) -> int | None:
    """The number of the line in an object of this name, None where no line has such a name."""
    _, _, end = name.partition("-")
    text = end.removesuffix(".json")
    if not text.isdigit():
        return None
    number = int(text)
    return number if 0 < number < _LAST and key(number) == name else None


def parse(body: bytes) -> Line:
    """A stored line. Raises ValueError where it is none, or is not in the canonical form."""
    document: Any = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("not a line")  # noqa: TRY004 - callers ask whether a line is one
    values = cast("dict[str, Any]", document)
    if values.get("version") != VERSION:
        raise ValueError(f"version {values.get('version')!r}; this program knows {VERSION}")
    try:
        line = Line(
            number=int(values["number"]),
            previous=str(values["previous"]),
            id=str(values["id"]),
            at=str(values["at"]),
            action=str(values["action"]),
            phase=str(values["phase"]),
            subject=str(values["subject"]),
            by=dict(values["by"]),
            details=dict(values["details"]),
            environment=str(values["environment"]),
            team=str(values["team"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a line lacks {error}") from error
    if line.body() != body:
        raise ValueError("its bytes are not those that its content is written with")
    return line
