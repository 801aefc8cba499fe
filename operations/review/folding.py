"""Updates that say little or say the same, told once instead of each by itself."""

import json
import re
from collections.abc import Iterable, Sequence

from operations.review.changes import UNKNOWN
from operations.review.model import Change, Folded, Property

ALIKE = 4
"""So many updates of one type with the same differences are one line."""
SHOWN_VALUE = 60
_LABEL = re.compile(r"^(tags|tagsAll|metadata\.(labels|annotations)|.*\.tags)(\.|\[|$)")

Signature = tuple[str, ...]


def fold_updates(changes: Iterable[Change]) -> tuple[list[Change], list[Folded]]:
    """The changes that stand for themselves, and the rest of them folded."""
    alone: list[Change] = []
    kinds: dict[tuple[str, Signature], list[Change]] = {}
    for change in changes:
        if change.operation != "update" or change.loses:
            alone.append(change)
        elif not change.properties or all(each.after == UNKNOWN for each in change.properties):
            kinds.setdefault(("follows", ()), []).append(change)
        elif all(_LABEL.match(each.path) for each in change.properties):
            kinds.setdefault(("labels", _signature(change.properties)), []).append(change)
        else:
            kinds.setdefault(("alike", (change.type, *_signature(change.properties))), []).append(change)
    folded: list[Folded] = []
    for (kind, _), members in kinds.items():
        if kind == "alike" and len(members) < ALIKE:
            alone += members
            continue
        names = tuple(sorted(each.name for each in members))
        match kind:
            case "follows":
                text = "nothing of their own: what other changes make of them is known after the update"
                folded.append(Folded(kind="follows", text=text, resources=names))
            case "labels":
                folded.append(Folded(kind="labels", text=told(members[0].properties), resources=names))
            case _:
                text = f"{short(members[0].type)}: {told(members[0].properties)}"
                folded.append(Folded(kind="alike", text=text, resources=names))
    folded.sort(key=lambda each: -len(each.resources))
    return alone, folded


def told(properties: Sequence[Property], most: int = 3) -> str:
    """Differences on one line."""
    lines = [f"{each.path}: {difference(each)}" for each in properties[:most]]
    if len(properties) > most:
        lines.append(f"and {len(properties) - most} more")
    return "; ".join(lines)


def difference(one: Property) -> str:
    """A property's difference in words: `a → b`, `b is added`, `a is removed`."""
    match one.kind:
        case "added":
            return f"{value(one.after)} is added"
        case "removed":
            return f"{value(one.before)} is removed"
        case _:
            return f"{value(one.before)} → {value(one.after)}"


def value(content: object, most: int = SHOWN_VALUE) -> str:
    """A value on one line, cut where it is long."""
    if content in ("[secret]", UNKNOWN):
        return str(content)
    text = json.dumps(content, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def short(type_: str) -> str:
    """`s3 Bucket` of `aws:s3/bucket:Bucket`, `Namespace` of `kubernetes:core/v1:Namespace`."""
    package, _, rest = type_.partition(":")
    module, _, name = rest.partition(":")
    return f"{module.partition('/')[0]} {name}" if package == "aws" and name else name or type_


def _signature(properties: Sequence[Property]) -> Signature:
    return tuple(
        f"{each.path}\0{each.kind}\0{json.dumps(each.before, sort_keys=True)}\0{json.dumps(each.after, sort_keys=True)}"
        for each in properties
    )
