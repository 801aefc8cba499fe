"""One team's audit log in S3: finding its end, adding a line, reading it."""

import secrets
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from ml.audit.chain import ACTIONS, DONE, INTENT, REFUSED, Line, Place, beginning, key, number_of, parse
from ml.aws import is_refusal
from ml.environment import Environment
from ml.errors import MlError
from ml.identity import writer
from ml.write_once import Stored, WriteOnce
from platform_contract import PlatformContract

FOLDER = "audit"
"""Under the team's artifact prefix; components/team_prefix.py has the same word for who may write there."""
PATIENCE_S = 120.0
"""How long a line is tried to be added while others keep adding theirs."""

_BLOCK = 100
"""Lines that are read before the next look at whether they are enough."""


class AuditError(MlError):
    """The audit log cannot be written or read, or says what cannot be."""


@dataclass(frozen=True, kw_only=True)
class StoredLine:
    """A line's object: its number by its name, its bytes, and when S3 took it, by S3's clock."""

    number: int
    body: bytes
    modified: datetime


class AuditLog:
    """The log of one team in one environment."""

    def __init__(self, environment: Environment, contract: PlatformContract, team: str):
        self._store = WriteOnce(environment.clients.client("s3"), f"{contract.teams[team].artifact_uri}/{FOLDER}")
        self._contract = contract
        self._environment = environment
        self._team = team
        platform = contract.platform
        self._beginning = beginning(platform.account_id, platform.environment, team)

    @property
    def store(self) -> WriteOnce:
        """The objects."""
        return self._store

    def end(self) -> Place:
        """The place of the last line. Raises AuditError where the end is no line."""
        for stored in self._store.listing(most=1):
            number = number_of(stored.key)
            if number is None:
                raise AuditError(f"{self._store.uri}{stored.key} is no line of the audit log: `ml audit verify`.")
            try:
                return parse(self._store.get(stored.key)).place
            except ValueError as error:
                raise AuditError(f"The audit log ends with what is no line: {error}. `ml audit verify`.") from error
        return self._beginning

    def add(
        self, action: str, subject: str, details: dict[str, Any], *, phase: str = DONE, after: Place | None = None
    ) -> Line:
        """Add a line, after those that others are adding at the same time.

        after: where the log is believed to end, to save looking. Raises AuditError where the log cannot be added to.
        """
        assert action in ACTIONS, action
        by, made = writer(self._environment), secrets.token_hex(16)
        until = time.monotonic() + PATIENCE_S
        end = after or self.end()
        while True:
            line = Line(
                number=end.number + 1,
                previous=end.digest,
                id=made,
                at=now(),
                action=action,
                phase=phase,
                subject=subject,
                by=by,
                details=details,
                environment=self._environment.name,
                team=self._team,
            )
            if self._store.put(key(line.number), line.body()):
                return line
            if time.monotonic() > until:
                raise AuditError(
                    f"The audit log of {self._team} took no line for {PATIENCE_S:g} s: others keep writing."
                )
            # Whoever lost looks again after a moment of his own, so that several do not collide in step.
            time.sleep(secrets.randbelow(50) / 1000)
            end = self.end()

    def stored(
        self, most: int | None = None, on_found: Callable[[int], None] | None = None
    ) -> tuple[list[StoredLine], list[Stored]]:
        """Lines by their objects, newest first, and objects that are no lines.

        on_found: told how many there are to be read.
        """
        found = list(self._store.listing(most=most))
        if on_found is not None:
            on_found(len(found))
        numbered = [(number, one) for one in found if (number := number_of(one.key)) is not None]
        strangers = [one for one in found if number_of(one.key) is None]
        bodies = self._store.get_all([one.key for _, one in numbered])
        lines = [
            StoredLine(number=number, body=body, modified=one.modified)
            for (number, one), body in zip(numbered, bodies, strict=True)
        ]
        return lines, strangers

    def lines(self, most: int | None = None) -> list[Line]:
        """Lines, newest first; `ml audit verify` tells of those that cannot be read, which are left out here."""
        return _parsed(one.body for one in self.stored(most)[0])

    def newest(self, enough: Callable[[list[Line]], bool]) -> list[Line]:
        """Lines, newest first, no more than it takes: `enough` looks at what has been read after each block of them."""
        found: list[Line] = []
        listing = self._store.listing()
        while block := list(islice(listing, _BLOCK)):
            keys = [one.key for one in block if number_of(one.key) is not None]
            found += _parsed(self._store.get_all(keys))
            if enough(found):
                break
        return found

    @property
    def beginning(self) -> Place:
        """What is before the first line."""
        return self._beginning


def _parsed(bodies: Iterable[bytes]) -> list[Line]:
    found: list[Line] = []
    for body in bodies:
        try:
            found.append(parse(body))
        except ValueError:
            continue
    return found


def append(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
    *,
    after: Place | None = None,
) -> Line:
    """Add a line about something that AWS has accepted.

    action: one of ACTIONS. subject: the job, `MODEL/VERSION`, endpoint or package that it was done to.
    details: what a reader will ask for later (commit, data, image, reason); JSON values.
    """
    return AuditLog(environment, contract, team).add(action, subject, details or {}, after=after)


@dataclass
class Act:
    """An act under way. `details` may be added to until it is done; `line` is the one that says that it is."""

    details: dict[str, Any]
    intent: Line
    line: Line | None = None


@contextmanager
def recording(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
) -> Generator[Act]:
    """Around a change that leaves no ledger entry behind: a line with the intent before it, one with the end after it.

    Whatever ends the process in between, the intent stays; `ml gc` asks the cloud what became of it and writes that
    down. A refusal (by AWS, or an MlError) is an end too, with its text; any other exception leaves the intent, because
    nobody knows whether it was done.
    """
    log = AuditLog(environment, contract, team)
    intent = log.add(action, subject, details or {}, phase=INTENT)
    act = Act(details=dict(details or {}), intent=intent)
    try:
        yield act
    except (ClientError, MlError) as error:
        if isinstance(error, MlError) or is_refusal(error):
            reason = {"intent": intent.number, "error": str(error)[:500]}
            log.add(action, subject, {**act.details, **reason}, phase=REFUSED, after=intent.place)
        raise
    act.line = log.add(action, subject, {**act.details, "intent": intent.number}, after=intent.place)


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
