"""What an upgrade takes away: judged from the engine's steps, and from what the changelog has announced.

A line of the changelog announces what goes, by type and logical name (`*` stands for anything):

    - Replaces `aws:s3/bucket:Bucket` `store-artifacts`: why, and what to do before and after
    - Deletes `aws:ecr/repository:Repository` `registry-*`: why, and what to do
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from operations.stateful import is_stateful, what_is_lost

KEEPING = frozenset({"same", "create", "update", "refresh", "read", "import"})
"""Operations of the engine after which everything is still there (sdk/go/common/apitype/events.go, OpType)."""
DELETING = frozenset({"delete", "discard"})
_LINE = re.compile(r"- (?P<verb>Replaces|Deletes) `(?P<type>[^`\s]+)` `(?P<name>[^`\s]+)`: (?P<why>\S.*)")
_MEANT = re.compile(r"\s*[-*]\s*(replaces|deletes)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Announcement:
    """A line of the changelog: what an upgrade deletes or replaces. name: with `*` for anything."""

    verb: str
    type: str
    name: str

    def covers(self, loss: "Loss") -> bool:
        """Whether it names this one."""
        return self.verb == loss.verb and self.names(loss.type, loss.name)

    def names(self, type_: str, name: str) -> bool:
        """Whether it is about a resource of this type and logical name."""
        return self.type == type_ and fnmatchcase(name, self.name)


@dataclass(frozen=True)
class Loss:
    """A resource that an upgrade deletes or replaces. because: the properties that replace it."""

    verb: str
    type: str
    name: str
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        reason = f" (because of {', '.join(self.because)})" if self.because else ""
        lost = what_is_lost(self.type)
        return f"{self.verb} `{self.type}` `{self.name}`{reason}" + (f": {lost}" if lost else "")


@dataclass(frozen=True)
class Move:
    """A thing that the program knows under another URN than before, without an alias. Both are URNs."""

    before: str
    after: str


def announcements(changelog: str) -> frozenset[Announcement]:
    """What a changelog announces.

    Raises ValueError where a line begins like an announcement and does not read as one.
    """
    found: set[Announcement] = set()
    for number, line in enumerate(changelog.splitlines(), 1):
        if match := _LINE.match(line):
            found.add(Announcement(match["verb"], match["type"], match["name"]))
        elif _MEANT.match(line):
            raise ValueError(
                f"CHANGELOG.md:{number} begins like an announcement and is none. Its form: "
                "- Replaces `aws:s3/bucket:Bucket` `store-artifacts`: why, and what to do (or Deletes)"
            )
    return frozenset(found)


def losses(steps: Iterable[Mapping[str, Any]]) -> list[Loss]:
    """What the steps of a preview (`pulumi preview --json`) delete or replace, each resource once."""
    found: dict[str, Loss] = {}
    for step in steps:
        if step["op"] in KEEPING:
            continue
        kind, name = _type_and_name(step["urn"])
        verb = "Deletes" if step["op"] in DELETING else "Replaces"
        because = tuple(step.get("replaceReasons") or step.get("diffReasons") or ())
        if step["urn"] not in found or because:
            found[step["urn"]] = Loss(verb, kind, name, because)
    return list(found.values())


def unannounced(lost: Iterable[Loss], announced: Iterable[Announcement]) -> list[Loss]:
    """The losses of what cannot be made again that nothing names."""
    known = tuple(announced)
    return [loss for loss in lost if is_stateful(loss.type) and not any(each.covers(loss) for each in known)]


def moves(steps: Sequence[Mapping[str, Any]]) -> list[Move]:
    """Things that a preview deletes under one URN and creates under another: what an alias would have kept."""
    created = [step for step in steps if step["op"] == "create"]
    return [
        Move(gone["urn"], made["urn"])
        for gone in steps
        if gone["op"] == "delete"
        for made in created
        if _is_the_same_thing(gone["oldState"], made["newState"])
    ]


def missing(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], announced: Iterable[Announcement] = ()
) -> list[str]:
    """URNs of resources of one state that cannot be made again and that are not in the other, or not the same.

    A replaced one may have its identifier again: when it was made tells it from the one before. What is announced is
    left out.
    """
    known = tuple(announced)
    there = {_identity(resource) for resource in after}
    gone = [each["urn"] for each in before if is_stateful(each["type"]) and _identity(each) not in there]
    return [urn for urn in gone if not any(each.names(*_type_and_name(urn)) for each in known)]


def _identity(resource: Mapping[str, Any]) -> tuple[Any, ...]:
    return resource["type"], resource.get("id"), resource.get("created")


def _type_and_name(urn: str) -> tuple[str, str]:
    """Type and logical name in a URN: urn:pulumi:stack::project::parent$type::name."""
    _, _, types, name = urn.split("::", 3)
    return types.rpartition("$")[2], name


def _is_the_same_thing(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a state with outputs and one that is not made yet mean the same thing: the same kind, and the same
    inputs or the name that the first is known by."""
    if before["type"] != after["type"] or not before.get("id"):
        return False
    old, new = before.get("inputs") or {}, after.get("inputs") or {}
    if old == new:
        return True
    metadata = new.get("metadata")
    if isinstance(metadata, Mapping) and "name" in metadata:
        return before["id"] in (metadata["name"], f"{metadata.get('namespace', 'default')}/{metadata['name']}")
    return before["id"] in [value for value in new.values() if isinstance(value, str)]
