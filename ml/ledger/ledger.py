"""One team's ledger in S3: writing entries around a creation, and reading them."""

import json
import secrets
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from botocore.exceptions import ClientError

from ml.audit.chain import Line, Place, canonical, digest
from ml.audit.log import AuditLog
from ml.aws import error_details, is_refusal
from ml.environment import Environment
from ml.errors import MlError
from ml.identity import writer
from ml.ledger.entries import CLOSED, CREATED, FOLDER, KINDS, OPENED, VERSION, Closing, Entry, EntryKey, moment
from ml.write_once import WriteOnce
from platform_contract import PlatformContract


class LedgerError(MlError):
    """The ledger cannot be written or read."""


class Ledger:
    """The ledger of one team in one environment."""

    def __init__(self, environment: Environment, contract: PlatformContract, team: str):
        self._store = WriteOnce(environment.clients.client("s3"), f"{contract.teams[team].artifact_uri}/{FOLDER}")
        self._environment = environment
        self._contract = contract
        self._team = team

    @property
    def store(self) -> WriteOnce:
        """The objects."""
        return self._store

    def open(
        self,
        kind: str,
        name: str,
        *,
        expires: datetime | None = None,
        details: Mapping[str, Any] | None = None,
        head: Place | None = None,
        by: Mapping[str, str] | None = None,
    ) -> tuple[EntryKey, str]:
        """Write that something is about to be created; which entry it is, and the SHA-256 of what was written.

        Raises LedgerError where that cannot be written.
        """
        assert kind in KINDS, kind
        at = datetime.now(UTC)
        key = EntryKey(kind=kind, name=name, id=f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}")
        platform = self._contract.platform
        document = {
            "version": VERSION,
            "kind": kind,
            "name": name,
            "team": self._team,
            "environment": platform.environment,
            "account": platform.account_id,
            "region": platform.region,
            "at": at.isoformat(timespec="milliseconds"),
            "by": dict(by or writer(self._environment)),
            "expires": expires.isoformat(timespec="seconds") if expires else None,
            "details": dict(details or {}),
            "head": head.document() if head else None,
        }
        body = canonical(document)
        if not self._store.put(key.object(OPENED), body):
            raise LedgerError(f"The ledger has an entry {key.id} of {kind} {name} already.")
        return key, digest(body)

    def complete(self, key: EntryKey, *, arn: str | None, line: Place | None) -> bool:
        """Write that it is there. line: the audit line that tells of it. False: somebody else has written so."""
        document = {"arn": arn, "line": line.document() if line else None}
        return self._write(key, CREATED, document)

    def close(self, key: EntryKey, because: Closing, *, line: Place | None = None, reason: str = "") -> bool:
        """Write that it is gone, or never was. False: somebody else has written so."""
        document = {"because": because.value, "line": line.document() if line else None, "reason": reason}
        return self._write(key, CLOSED, document)

    def _write(self, key: EntryKey, phase: str, document: Mapping[str, Any]) -> bool:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        said = {"version": VERSION, "at": at, "by": writer(self._environment), **document}
        return self._store.put(key.object(phase), canonical(said))

    def of(self, kind: str, name: str) -> list[EntryKey]:
        """The open entries of one thing."""
        phases: dict[EntryKey, set[str]] = {}
        for stored in self._store.listing(f"{kind}/{name}/"):
            found = EntryKey.read(stored.key)
            if found is not None and found[0].name == name:
                phases.setdefault(found[0], set()).add(found[1])
        return [key for key, present in phases.items() if CLOSED not in present]

    def made_of(self, kind: str, name: str) -> Mapping[str, Any]:
        """The details of the newest entry of one thing, open or closed; empty where it has none."""
        found = [EntryKey.read(stored.key) for stored in self._store.listing(f"{kind}/{name}/")]
        keys = [one[0] for one in found if one is not None and one[0].name == name and one[1] == OPENED]
        if not keys:
            return {}
        newest = max(keys, key=lambda one: one.id)
        document: dict[str, Any] = json.loads(self._store.get(newest.object(OPENED)))
        return document.get("details") or {}

    def names(self, kind: str) -> set[str]:
        """The names of all things of a kind that have an entry, open or closed."""
        found = (EntryKey.read(stored.key) for stored in self._store.listing(f"{kind}/"))
        return {key.name for key, _ in filter(None, found)}

    def entries(self, *, closed: Collection[str] = KINDS) -> list[Entry]:
        """The entries, in the order of their names and ages.

        closed: the kinds of which closed entries are read too.
        """
        phases: dict[EntryKey, set[str]] = {}
        for stored in self._store.listing():
            found = EntryKey.read(stored.key)
            if found is not None:
                phases.setdefault(found[0], set()).add(found[1])
        wanted = [(key, present) for key, present in phases.items() if key.kind in closed or CLOSED not in present]
        return self._read(wanted)

    def _read(self, wanted: Iterable[tuple[EntryKey, set[str]]]) -> list[Entry]:
        keys = [(key, phase) for key, present in wanted for phase in sorted(present)]
        bodies = self._store.get_all([key.object(phase) for key, phase in keys])
        found: dict[EntryKey, dict[str, bytes]] = {}
        for (key, phase), body in zip(keys, bodies, strict=True):
            found.setdefault(key, {})[phase] = body
        return [_entry(key, parts) for key, parts in found.items()]


def _entry(key: EntryKey, parts: Mapping[str, bytes]) -> Entry:
    documents: dict[str, dict[str, Any]] = {}
    for phase, body in parts.items():
        try:
            document: Any = json.loads(body)
        except ValueError:
            continue
        if isinstance(document, dict):
            documents[phase] = cast("dict[str, Any]", document)
    opened, created, closed = (documents.get(phase, {}) for phase in (OPENED, CREATED, CLOSED))
    return Entry(
        key=key,
        opened=moment(opened.get("at")) or datetime.fromtimestamp(0, UTC),
        by=opened.get("by") or {},
        expires=moment(opened.get("expires")),
        details=opened.get("details") or {},
        head=Place.read(opened.get("head")),
        created=moment(created.get("at")),
        arn=created.get("arn"),
        line=Place.read(created.get("line")),
        closed=moment(closed.get("at")),
        because=closed.get("because"),
        closing_line=Place.read(closed.get("line")),
        digest=digest(parts[OPENED]) if OPENED in parts else "",
        phases=frozenset(parts),
        unreadable=frozenset(parts.keys() - documents.keys()),
    )


@dataclass
class Creation:
    """A creation under way.

    head: where the audit log ended before it. digest: of the entry as it was opened, for the audit line. arn: to be
    set as soon as the cloud has accepted, so that a later error in the body does not pass for a refusal. line: see
    told_by.
    """

    entry: EntryKey
    head: Place
    digest: str
    arn: str | None = None
    line: Place | None = None

    def told_by(self, line: Line) -> None:
        """The audit line that tells of this creation."""
        self.line = line.place


@contextmanager
def creating(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    kind: str,
    name: str,
    *,
    expires: timedelta | None = None,
    details: Mapping[str, Any] | None = None,
    head: Place | None = None,
) -> Generator[Creation]:
    """Around the one call that creates something: its ledger entry is written before, and completed after.

    kind: one of KINDS. name: as the cloud knows it; a model package, which is named by the cloud, has its group's.
    expires: how long it may live; `ml gc` removes it then. details: what it is made of; `instance_type` and
    `instance_count` are what `ml gc` prices it by, `uploads` (a list of S3 URIs) what it keeps from being removed.
    head: where the audit log ends, if the caller knows; without it the log is asked.

    A refusal closes the entry. Whatever else happens in between (a crash, a lost connection) leaves it open, and
    `ml gc` compares it with the cloud.
    """
    ledger = Ledger(environment, contract, team)
    known = head or AuditLog(environment, contract, team).end()
    until = datetime.now(UTC) + expires if expires is not None else None
    key, opened = ledger.open(kind, name, expires=until, details=details, head=known)
    creation = Creation(entry=key, head=known, digest=opened)
    try:
        yield creation
    except ClientError as error:
        if is_refusal(error) and creation.arn is None:
            ledger.close(key, Closing.REFUSED, reason=error_details(error).message[:500])
        raise
    ledger.complete(key, arn=creation.arn, line=creation.line)


__all__ = ["Creation", "Ledger", "LedgerError", "creating"]
