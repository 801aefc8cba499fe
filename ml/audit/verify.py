"""Whether an audit log is whole: its chain, and what others saw of it.

A chain alone cannot tell that its end was cut off, or that all of it was written anew. So places of the log (a line's
number and digest) are noted elsewhere as the platform works: in the ledger's entries, and in tags of training jobs and
endpoints, which are not in the bucket at all. S3's own versions and times tell of overwriting and deletion.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from ml.audit.chain import INTENT, Line, Place, digest, parse
from ml.audit.log import StoredLine
from ml.ledger.entries import CREATED, OPENED, Entry
from ml.write_once import Stored, Tampering


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it was written.

    what: tampered, dropped, moved, truncated, foreign, overwritten or deleted; or unfinished, which is no tampering: a
    process ended in the middle, and `ml gc -y` writes down what became of it.
    where: the object. says: what is wrong, for people.
    """

    what: str
    where: str
    says: str

    @property
    def grave(self) -> bool:
        """Whether somebody has changed the record."""
        return self.what != UNFINISHED


UNFINISHED = "unfinished"
CLOCKS = timedelta(minutes=1)
"""How far apart the clocks of S3's machines may be: S3 says nothing about it, so this is ample."""


@dataclass(frozen=True, kw_only=True)
class Witness:
    """Who saw the log at which place."""

    who: str
    place: Place


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification found. unchecked: what could not be looked at, and why."""

    lines: int
    end: Place
    witnesses: int
    findings: Sequence[Finding]
    unchecked: Sequence[str] = field(default_factory=list[str])

    @property
    def whole(self) -> bool:
        """Whether nothing was changed."""
        return not any(finding.grave for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """The verdict as `-o json` prints it."""
        return {
            "whole": self.whole,
            "lines": self.lines,
            "end": self.end.document(),
            "witnesses": self.witnesses,
            "findings": [
                {"what": one.what, "where": one.where, "says": one.says, "grave": one.grave} for one in self.findings
            ],
            "unchecked": list(self.unchecked),
        }


def verify(
    stored: Sequence[StoredLine],
    strangers: Sequence[Stored],
    beginning: Place,
    *,
    environment: str,
    team: str,
    entries: Sequence[Entry],
    submitted: Collection[str],
    witnesses: Sequence[Witness],
    tampering: Sequence[Tampering],
    unchecked: Sequence[str] = (),
) -> Verdict:
    """Everything that is wrong with a log.

    stored: the lines' objects in any order. entries: the team's ledger, as it was before the lines were read.
    submitted: names of the jobs that have an entry, as it was after. witnesses: places that others noted.
    tampering: what S3's versions tell of both folders.
    """
    ordered = sorted(stored, key=lambda one: one.number)
    findings = [
        Finding(what="foreign", where=f"audit/{one.key}", says="no line of the log has such a name")
        for one in strangers
    ]
    lines, problems = _parsed(ordered, environment, team)
    findings += problems
    findings += _chain(ordered, beginning)
    findings += _times(ordered)
    digests = {0: beginning.digest, **{one.number: digest(one.body) for one in ordered}}
    end = max(digests)
    seen = [*witnesses, *ledger_witnesses(entries)]
    findings += _seen(seen, digests, end)
    findings += [_tampered(one) for one in tampering]
    findings += _ledger(entries, submitted, lines)
    findings += _intents(lines.values())
    return Verdict(
        lines=len(ordered),
        end=Place(number=end, digest=digests[end]),
        witnesses=len(seen),
        findings=_once(findings),
        unchecked=list(unchecked),
    )


def ledger_witnesses(entries: Iterable[Entry]) -> list[Witness]:
    """The places that ledger entries have noted."""
    return [
        Witness(who=f"the ledger's entry of {entry.key.kind} {entry.key.name}", place=place)
        for entry in entries
        for place in (entry.head, entry.line, entry.closing_line)
        if place is not None
    ]


def _parsed(ordered: Sequence[StoredLine], environment: str, team: str) -> tuple[dict[int, Line], list[Finding]]:
    lines: dict[int, Line] = {}
    findings: list[Finding] = []
    for one in ordered:
        where = f"line {one.number}"
        try:
            line = parse(one.body)
        except ValueError as error:
            findings.append(Finding(what="tampered", where=where, says=f"cannot be read: {error}"))
            continue
        if line.number != one.number:
            says = f"holds what was line {line.number}: lines were moved"
            findings.append(Finding(what="moved", where=where, says=says))
        elif (line.environment, line.team) != (environment, team):
            says = f"is of team {line.team} in {line.environment}"
            findings.append(Finding(what="foreign", where=where, says=says))
        else:
            lines[one.number] = line
    return lines, findings


def _chain(ordered: Sequence[StoredLine], beginning: Place) -> list[Finding]:
    findings: list[Finding] = []
    before, known = beginning.number, beginning.digest
    for one in ordered:
        missing = range(before + 1, one.number)
        if missing:
            which = f"line {missing[0]}" if len(missing) == 1 else f"lines {missing[0]} to {missing[-1]}"
            says = f"not there, and line {one.number} is"
            findings.append(Finding(what="dropped", where=which, says=says))
        else:
            previous = _previous(one.body)
            if previous is not None and previous != known:
                where = f"line {before}" if before else "line 1"
                says = (
                    f"is not the one that line {one.number} was chained to: its content was changed"
                    if before
                    else "does not begin this log: it was written for another, or its `previous` was changed"
                )
                findings.append(Finding(what="tampered", where=where, says=says))
        before, known = one.number, digest(one.body)
    return findings


def _previous(body: bytes) -> str | None:
    try:
        return parse(body).previous
    except ValueError:
        return None


def _times(ordered: Sequence[StoredLine]) -> list[Finding]:
    """A line exists before the next one is written, so S3 has never taken it later, its machines' clocks aside."""
    return [
        Finding(
            what="overwritten",
            where=f"line {one.number}",
            says=f"S3 took it at {one.modified:%Y-%m-%d %H:%M:%S}, after line {later.number}: it was written again",
        )
        for one, later in pairwise(ordered)
        if one.modified > later.modified + CLOCKS
    ]


def _seen(witnesses: Iterable[Witness], digests: Mapping[int, str], end: int) -> list[Finding]:
    findings: list[Finding] = []
    cut: dict[int, str] = {}
    for one in witnesses:
        number = one.place.number
        if number > end:
            cut.setdefault(number, one.who)
        elif number in digests and digests[number] != one.place.digest:
            says = f"is not the one that {one.who} saw: it was changed"
            findings.append(Finding(what="tampered", where=f"line {number}", says=says))
    if cut:
        last = max(cut)
        which = f"line {last}" if last == end + 1 else f"lines {end + 1} to {last}"
        says = f"cut off: the log ends with line {end}, and {cut[last]} saw line {last}"
        findings.append(Finding(what="truncated", where=which, says=says))
    return findings


def _tampered(one: Tampering) -> Finding:
    what = "deleted" if one.deleted else "overwritten"
    return Finding(
        what=what, where=one.key, says=f"S3's versions tell that it was {what} at {one.at:%Y-%m-%d %H:%M:%S}"
    )


def _ledger(entries: Sequence[Entry], submitted: Collection[str], lines: Mapping[int, Line]) -> list[Finding]:
    findings: list[Finding] = []
    for entry in entries:
        where = f"ledger/{entry.key.folder}"
        name = f"{entry.key.kind} {entry.key.name}"
        if OPENED not in entry.phases:
            findings.append(Finding(what="dropped", where=where, says=f"the entry of {name} has lost its first part"))
        elif entry.unreadable:
            says = f"the entry of {name} cannot be read: {', '.join(sorted(entry.unreadable))}"
            findings.append(Finding(what="tampered", where=where, says=says))
        elif entry.is_open and CREATED not in entry.phases:
            says = f"{name} was about to be created; nobody has written what became of it"
            findings.append(Finding(what=UNFINISHED, where=where, says=says))
    digests = {entry.key.name: entry.digest for entry in entries if entry.key.kind == "training-job"}
    for line in lines.values():
        told = line.details.get("entry")
        if line.action == "submit" and told and digests.get(line.subject, told) != told:
            says = f"is not the entry that line {line.number} tells of: it was changed"
            findings.append(Finding(what="tampered", where=f"ledger/training-job/{line.subject}", says=says))
    findings += [
        Finding(
            what="dropped", where=f"ledger/training-job/{line.subject}", says="the log tells of it; it has no entry"
        )
        for line in lines.values()
        if line.action == "submit" and line.phase != INTENT and line.subject not in submitted
    ]
    return findings


def open_intents(lines: Iterable[Line]) -> list[Line]:
    """Intents that no later line tells the end of, oldest first."""
    everything = list(lines)
    ended = {line.details.get("intent") for line in everything if line.phase != INTENT}
    return sorted(
        (line for line in everything if line.phase == INTENT and line.number not in ended), key=lambda one: one.number
    )


def _intents(lines: Iterable[Line]) -> list[Finding]:
    return [
        Finding(
            what=UNFINISHED,
            where=f"line {line.number}",
            says=f"{line.action} {line.subject} was about to be done; nobody has written what became of it",
        )
        for line in open_intents(lines)
    ]


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, and of several that say that a line was tampered with, the first."""
    found: dict[tuple[str, str], Finding] = {}
    for one in findings:
        found.setdefault((one.what, one.where), one)
    return list(found.values())
