"""What is to be done, by comparing what there is with what the ledger says. Nothing here calls AWS."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ml.audit.chain import Line
from ml.audit.serving import taken_back
from ml.audit.verify import open_intents
from ml.garbage.things import HOSTED, JOB_KINDS, UPLOAD, Inventory, Thing
from ml.ledger import Closing, Entry

AT_WORK = timedelta(minutes=15)
LONGEST_BUILD = timedelta(hours=36)
"""https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html (timeoutInMinutes, at most 2160)"""


class Action(StrEnum):
    """What `ml gc -y` does. REMOVE: end it or delete it. ADOPT: give it an entry. COMPLETE, CLOSE: its entry alone.
    SETTLE: write into the audit log what became of an intent, or of a version that was taken back."""

    REMOVE = "remove"
    ADOPT = "adopt"
    COMPLETE = "complete"
    CLOSE = "close"
    SETTLE = "settle"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to do.

    why: in a word. says: for people. thing: what it is done to; None where there is only an entry. entry: the newest
    open entry, None where there is none. closing: with what its entry is closed, if it is. intent: the audit line that
    is to be settled.
    """

    action: Action
    kind: str
    name: str
    why: str
    says: str
    thing: Thing | None = None
    entry: Entry | None = None
    closing: Closing | None = None
    intent: Line | None = None

    @property
    def owner(self) -> str:
        """Whose it is, as far as that is known."""
        if self.entry is not None:
            return str(self.entry.by.get("owner", ""))
        if self.intent is not None:
            return str(self.intent.by.get("owner", ""))
        return (self.thing.owner or "") if self.thing is not None else ""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When something is old enough.

    now: the time. young: what is younger is left alone, because somebody may be in the middle of making it.
    unused: how long a model or a configuration that no endpoint uses is kept: deploying it again is quick.
    """

    now: datetime
    young: timedelta = timedelta(days=1)
    unused: timedelta = timedelta(days=30)

    def at_work(self, since: datetime) -> bool:
        """Whether the process that wrote something then may still be about to write what became of it.

        A call is tried five times for 75 s each (ml.aws), so after a quarter of an hour it is not.
        """
        return self.now - since < min(self.young, AT_WORK)


def compare(
    inventory: Inventory, entries: Sequence[Entry], rules: Rules, with_owner: Callable[[Thing], Thing]
) -> list[Item]:
    """What is to be done, in the order in which it can be: endpoints before configurations before models.

    entries: the whole ledger, closed entries too. with_owner: asks AWS for the owner of a thing that has no entry.
    """
    ledger = _Book(entries)
    items: list[Item] = []
    for kind in (*JOB_KINDS, "endpoint"):
        for thing in inventory.of(kind):
            items += _working(thing, ledger.claim(thing), rules, with_owner)
    gone = {item.thing.arn for item in items if item.action is Action.REMOVE and item.thing is not None}
    for kind, users in (
        ("endpoint-config", ("endpoint",)),
        ("model", ("endpoint", "endpoint-config", "transform-job")),
    ):
        using = [thing for user in users for thing in inventory.of(user)]
        used = {name for thing in using if thing.arn not in gone for name in thing.uses}
        for thing in inventory.of(kind):
            found = _part(thing, thing.name in used, ledger.claim(thing), rules, with_owner)
            items += found
            gone |= {thing.arn for item in found if item.action is Action.REMOVE}
    for thing in inventory.of("model-package"):
        items += _package(thing, ledger.claim(thing), rules, with_owner)
    items += _without_thing(ledger.unclaimed(), set(inventory.unseen), rules)
    return items


def uploads(inventory: Inventory, read: Iterable[str], rules: Rules) -> list[Item]:
    """Uploads that no run has read. read: the S3 URIs of every run that anybody knows of."""
    known = [uri if uri.endswith("/") else f"{uri}/" for uri in read]
    unread = [thing for thing in inventory.of(UPLOAD) if not any(uri.startswith(thing.arn) for uri in known)]
    return _removed(unread, rules, why="unread", says="no run has read it")


def hosted(inventory: Inventory, rules: Rules) -> list[Item]:
    """Models of multi-model endpoints that are gone."""
    if "endpoint" in inventory.unseen:
        return []
    endpoints = {thing.name for thing in inventory.of("endpoint")}
    left = [thing for thing in inventory.of(HOSTED) if thing.name not in endpoints]
    return _removed(left, rules, why="unused", says="its endpoint is gone")


def _removed(things: Iterable[Thing], rules: Rules, *, why: str, says: str) -> list[Item]:
    """Those of things without an entry that are no longer young."""
    return [
        Item(action=Action.REMOVE, kind=thing.kind, name=thing.name, why=why, says=says, thing=thing)
        for thing in things
        if rules.now - thing.created >= rules.young
    ]


def reads(inventory: Inventory, entries: Iterable[Entry]) -> set[str]:
    """The uploads that runs read, by the ledger and by the descriptions of what is running."""
    said = {uri for entry in entries for uri in entry.uploads}
    return said | {uri for thing in inventory.things for uri in thing.reads}


def intents(lines: Iterable[Line], rules: Rules) -> list[Item]:
    """Acts that were about to be done, and whose end nobody has written."""
    return [
        Item(
            action=Action.SETTLE,
            kind="audit",
            name=line.subject,
            why="unfinished",
            says=f"line {line.number} of the audit log says that {line.action} was about to be done, and none its end",
            intent=line,
        )
        for line in open_intents(lines)
        if not rules.at_work(datetime.fromisoformat(line.at))
    ]


def unnoticed(inventory: Inventory, lines: Sequence[Line]) -> list[Item]:
    """Endpoints whose last version was taken back, and no line of the audit log says so."""
    return [
        Item(
            action=Action.SETTLE,
            kind="audit",
            name=thing.name,
            why="taken back",
            says=f"line {change.number} of the audit log says that {change.action} was done; what was before serves",
            thing=thing,
        )
        for thing in inventory.of("endpoint")
        if thing.status == "InService"
        and thing.uses
        and (change := taken_back(lines, thing.name, thing.uses[0])) is not None
    ]


class _Book:
    """The open entries, each of which one thing may claim."""

    def __init__(self, entries: Sequence[Entry]):
        self._open: dict[tuple[str, str], list[Entry]] = {}
        for entry in sorted(entries, key=lambda one: one.opened):
            if entry.is_open:
                self._open.setdefault((entry.key.kind, entry.key.name), []).append(entry)

    def claim(self, thing: Thing) -> list[Entry]:
        """The open entries of a thing, oldest first.

        Packages of one group share a name: theirs are told apart by the ARN, or, where a process ended before it could
        write that, by what was made after the entry was.
        """
        key = (thing.kind, thing.name)
        found = self._open.get(key, [])
        if thing.kind == "model-package":
            found = [entry for entry in found if entry.arn == thing.arn] or [
                entry for entry in found if entry.arn is None and entry.opened <= thing.created
            ][:1]
        for entry in found:
            self._open[key] = [one for one in self._open[key] if one is not entry]
        return found

    def unclaimed(self) -> list[Entry]:
        """Open entries of what there is not."""
        return [entry for entries in self._open.values() for entry in entries]


def _working(thing: Thing, entries: list[Entry], rules: Rules, with_owner: Callable[[Thing], Thing]) -> list[Item]:
    """Jobs and endpoints: what costs by the hour."""
    ended = thing.kind in JOB_KINDS and not thing.running
    if not entries:
        return [] if ended else _unowned(thing, rules, with_owner)
    *older, newest = entries
    items = [_close(thing, entry, Closing.REPLACED, "a newer entry tells of it") for entry in older]
    if newest.created is None:
        if rules.at_work(newest.opened):
            return items
        items.append(_complete(thing, newest))
    if ended:
        return [*items, _close(thing, newest, Closing.ENDED, f"it has ended: {thing.status}")]
    if newest.expires is not None and newest.expires <= rules.now and thing.status not in ("Stopping", "Deleting"):
        says = f"it was to live until {newest.expires:%Y-%m-%d %H:%M} UTC"
        items.append(_remove(thing, newest, "expired", says))
    return items


def _part(
    thing: Thing, used: bool, entries: list[Entry], rules: Rules, with_owner: Callable[[Thing], Thing]
) -> list[Item]:
    """Models and configurations: they cost nothing, and stay as long as something uses them."""
    if not entries:
        if used:
            return _adopted(thing, rules, with_owner)
        return _unowned(thing, rules, with_owner)
    *older, newest = entries
    items = [_close(thing, entry, Closing.REPLACED, "a newer entry tells of it") for entry in older]
    if newest.created is None:
        if rules.at_work(newest.opened):
            return items
        items.append(_complete(thing, newest))
    expired = newest.expires is not None and newest.expires <= rules.now
    if not used and (expired or rules.now - thing.created >= rules.unused):
        items.append(_remove(thing, newest, "unused", "nothing uses it any more"))
    return items


def _package(thing: Thing, entries: list[Entry], rules: Rules, with_owner: Callable[[Thing], Thing]) -> list[Item]:
    if entries:
        return [
            _complete(thing, entry) for entry in entries if entry.created is None and not rules.at_work(entry.opened)
        ]
    # What somebody has approved is used, whoever made it.
    return [] if thing.approved else _unowned(thing, rules, with_owner)


def _without_thing(entries: Iterable[Entry], unseen: set[str], rules: Rules) -> list[Item]:
    items: list[Item] = []
    for entry in entries:
        if entry.key.kind in unseen:
            continue
        if entry.key.kind == "build":
            # Nobody lists builds here: they end by themselves, and hold nothing then.
            if rules.now - entry.opened < LONGEST_BUILD:
                continue
            closing, says = Closing.ENDED, "a build has ended by then"
        elif entry.created is not None:
            closing, says = Closing.GONE, "it is not there any more"
        elif not rules.at_work(entry.opened):
            closing, says = Closing.NEVER_CREATED, "it was asked for, and never came to be"
        else:
            continue
        items.append(
            Item(
                action=Action.CLOSE,
                kind=entry.key.kind,
                name=entry.key.name,
                why=closing.value,
                says=says,
                entry=entry,
                closing=closing,
            )
        )
    return items


def _unowned(thing: Thing, rules: Rules, with_owner: Callable[[Thing], Thing]) -> list[Item]:
    if rules.now - thing.created < rules.young:
        return []
    asked = with_owner(thing)
    if asked.owner is not None:
        return [_adopt(asked)]
    return [_remove(asked, None, "unowned", "no entry of the ledger tells of it, and no tag says whose it is")]


def _adopted(thing: Thing, rules: Rules, with_owner: Callable[[Thing], Thing]) -> list[Item]:
    """Of what is in use: it gets an entry if it says whose it is, and is left alone if not."""
    if rules.now - thing.created < rules.young:
        return []
    asked = with_owner(thing)
    return [_adopt(asked)] if asked.owner is not None else []


def _adopt(thing: Thing) -> Item:
    says = "its tags say whose it is; the ledger does not know it"
    return Item(action=Action.ADOPT, kind=thing.kind, name=thing.name, why="unlisted", says=says, thing=thing)


def _complete(thing: Thing, entry: Entry) -> Item:
    says = "it is there; whoever asked for it did not live to write so"
    return Item(
        action=Action.COMPLETE, kind=thing.kind, name=thing.name, why="unfinished", says=says, thing=thing, entry=entry
    )


def _close(thing: Thing, entry: Entry, closing: Closing, says: str) -> Item:
    return Item(
        action=Action.CLOSE,
        kind=thing.kind,
        name=thing.name,
        why=closing.value,
        says=says,
        thing=thing,
        entry=entry,
        closing=closing,
    )


def _remove(thing: Thing, entry: Entry | None, why: str, says: str) -> Item:
    return Item(action=Action.REMOVE, kind=thing.kind, name=thing.name, why=why, says=says, thing=thing, entry=entry)
