"""Which configuration an endpoint had at a time, from the audit log's lines about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml.audit.chain import DONE, Line
from ml.audit.verify import open_intents

_CHANGES = ("deploy", "rollback")
_ENDS = (*_CHANGES, "delete")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A configuration and its time.

    since: when SageMaker accepted it; the endpoint went on with what it had before until the new one was ready.
    until: when the next one was accepted, or the endpoint deleted; None where it is the last. line: the audit line that
    tells of it. made_by: the line of the deployment that made the configuration, which a rollback only returned to.
    """

    config: str
    since: datetime
    until: datetime | None
    line: Line
    made_by: Line


def timeline(lines: Iterable[Line], endpoint: str) -> list[Served]:
    """The configurations that an endpoint had, oldest first. lines: of the team's log, in any order."""
    told = changes(lines, endpoint)
    found: list[Served] = []
    made: dict[str, Line] = {}
    for place, line in enumerate(told):
        config = line.details.get("config")
        if line.action not in _CHANGES or not config:
            continue
        if line.action == "deploy":
            made[str(config)] = line
        after = told[place + 1] if place + 1 < len(told) else None
        found.append(
            Served(
                config=str(config),
                since=moment(line),
                until=moment(after) if after else None,
                line=line,
                made_by=made.get(str(config), line),
            )
        )
    return found


def changes(lines: Iterable[Line], endpoint: str) -> list[Line]:
    """What was done to an endpoint, oldest first: deployments, rollbacks, deletions. lines: in any order.

    Where the process that asked for one died before it could say so, it is the intent, which says what it was, in the
    place of the line that settles it.
    """
    about = {line.number: line for line in lines if line.subject == endpoint}
    told = [_asked(about, about[number]) for number in sorted(about) if about[number].phase == DONE]
    return [line for line in told if line is not None and line.action in _ENDS]


def tells_the_last_change(lines: Iterable[Line], endpoint: str) -> bool:
    """Whether the newest lines of a log reach back to the last change of an endpoint, so that `taken_back` needs no
    more of it."""
    about = {line.number: line for line in lines if line.subject == endpoint}
    asked = {int(line.details.get("intent") or 0) for line in about.values() if line.action == "settle"}
    return asked <= about.keys() and bool(changes(about.values(), endpoint))


def _asked(about: Mapping[int, Line], line: Line) -> Line | None:
    if line.action != "settle":
        return line
    return about.get(int(line.details.get("intent") or 0)) if line.details.get("outcome") == "done" else None


def taken_back(lines: Iterable[Line], endpoint: str, serves: str) -> Line | None:
    """The last change of an endpoint, where what was before it serves again and no line tells why; else None.

    lines: of the team's log, in any order. serves: the configuration that serves, of an endpoint that nobody is
    changing just now.
    """
    about = [line for line in lines if line.subject == endpoint]
    done = changes(about, endpoint)
    # Of a change without an end nobody knows yet whether it was made: `ml gc` settles that first.
    if not done or any(line.action in _CHANGES and line.number > done[-1].number for line in open_intents(about)):
        return None
    config, before = done[-1].details.get("config"), done[-1].details.get("replaces")
    return done[-1] if config != serves == before else None


def serving_at(served: Sequence[Served], time: datetime) -> Served | None:
    """What had been accepted last at a time; None before the first, and where the endpoint had been deleted."""
    return next(
        (one for one in reversed(served) if one.since <= time and (one.until is None or time < one.until)), None
    )


def moment(line: Line) -> datetime:
    """When a line was written, by its writer's clock."""
    time = datetime.fromisoformat(line.at)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
