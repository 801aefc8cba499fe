"""How drift is told: to a person, and to a program."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from operations.authors import Author
from operations.differences import Difference
from operations.drift import Drift, Drifted, Planned

SHOWN = 120
"""Characters of a value; `-o json` has all of it."""

Authors = Mapping[str, Sequence[Author]]
"""By URN; without an entry for a resource that CloudTrail was not asked about."""


def as_text(environment: str, drift: Drift, authors: Authors, notes: Sequence[str]) -> str:
    """The report for a terminal."""
    if not drift.resources:
        lines = [f"{environment}: all {drift.looked_at} resources are as the program left them."]
        return "\n".join([*lines, *_notes(notes)])
    lines = [f"{environment}: {len(drift.resources)} of {drift.looked_at} resources are not as the program left them."]
    for resource in drift.resources:
        lines += ["", *_resource(resource, authors.get(resource.urn))]
    return "\n".join([*lines, *_notes(notes)])


def next_steps(environment: str) -> str:
    """What may be done about drift."""
    return (
        f"To put the program's values back:      groundwork drift {environment} --revert\n"
        f"To take what is there into the state:  groundwork drift {environment} --accept"
    )


def plan_text(steps: Sequence[Planned]) -> str:
    """What a revert would do."""
    words = {"create": "make", "update": "update", "delete": "DELETE", "replace": "REPLACE"}
    lines = [
        f"  {words.get(step.operation, step.operation):<8} {step.type} {step.name}{_id(step.id)}" for step in steps
    ]
    return "\n".join(["To put it back, the engine would:", *lines])


def as_json(environment: str, outcome: str, drift: Drift, authors: Authors, notes: Sequence[str]) -> str:
    """The report for a program."""
    return json.dumps(
        {
            "environment": environment,
            "outcome": outcome,
            "looked_at": drift.looked_at,
            "resources": [_document(resource, authors.get(resource.urn)) for resource in drift.resources],
            "notes": [*notes],
        },
        indent=2,
    )


def _document(resource: Drifted, authors: Sequence[Author] | None) -> dict[str, Any]:
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "id": resource.id,
        "happened": resource.happened,
        "differences": [asdict(difference) for difference in resource.differences],
        "written": resource.written.isoformat() if resource.written else None,
        "by": None if authors is None else [{**asdict(each), "at": each.at.isoformat()} for each in authors],
    }


def _resource(resource: Drifted, authors: Sequence[Author] | None) -> Iterator[str]:
    gone = resource.happened == "gone"
    yield f"  {'-' if gone else '~'} {resource.type} {resource.name}{_id(resource.id)}{' is gone' if gone else ''}"
    width = min(48, max((len(each.path) for each in resource.differences), default=0))
    for each in resource.differences:
        yield f"      {plain(each.path):<{width}}  {_difference(each)}"
    if authors is not None:
        yield from (f"      {line}" for line in _who(resource, authors))


def _difference(difference: Difference) -> str:
    if difference.kind == "added":
        return f"{value(difference.actual)} was added"
    if difference.kind == "removed":
        return f"{value(difference.recorded)} was removed"
    return f"{value(difference.recorded)} is now {value(difference.actual)}"


def _who(resource: Drifted, authors: Sequence[Author]) -> Iterator[str]:
    if not authors:
        since = f" since the program wrote it, {_time(resource.written)}" if resource.written else ""
        yield f"CloudTrail has no write to it{since}"
    for author in authors:
        person = f" for {plain(author.source_identity)}" if author.source_identity else ""
        place = f", from {plain(author.address)}" if author.address else ""
        yield f"{plain(author.action)} by {plain(author.who)}{person}, {_time(author.at)}{place}"


def _notes(notes: Sequence[str]) -> list[str]:
    return ["", *(f"Note: {plain(note)}" for note in notes)] if notes else []


def _id(id_: str) -> str:
    return f" ({plain(id_)})" if id_ else ""


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def value(content: Any) -> str:
    """A value on one line, cut where it is long."""
    text = plain(json.dumps(content, ensure_ascii=False))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def plain(text: str) -> str:
    """The text without characters that a terminal would obey: whoever changed a resource has chosen its values."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
