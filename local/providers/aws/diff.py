"""What differs between a resource's old and new inputs, and what that means for the resource."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.aws.clients import Aws
from local.providers.aws.compare import same
from local.providers.aws.lifecycle import changed_properties
from local.providers.aws.table import Property, Resource


@dataclass(frozen=True)
class Change:
    """One changed property.

    path: dotted, down into blocks; kind: ADD, UPDATE or DELETE; replaces: whether it replaces the resource.
    """

    path: str
    kind: str
    replaces: bool
    input: bool = True


@dataclass(frozen=True)
class Difference:
    """All changes of a resource. delete_first: the old resource must go before its replacement can be made."""

    changes: tuple[Change, ...]
    delete_first: bool

    @property
    def replaces(self) -> list[str]:
        """Top-level properties that replace."""
        return sorted({change.path.split(".")[0].split("[")[0] for change in self.changes if change.replaces})


def difference(
    aws: Aws,
    resource: Resource,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    state: Mapping[str, Any],
    ignored: list[str],
) -> Difference:
    """Compare inputs; `state` tells the tags that the resource carries."""
    changes: list[Change] = []
    for name in sorted(changed_properties(aws, resource, olds, news, state)):
        if name in ignored:
            continue
        prop = resource.property(name)
        if prop is None:  # tagsAll
            changes.append(Change(name, "UPDATE", False, input=False))
        else:
            changes.extend(_leaves(prop, prop.name, olds.get(name), news.get(name)))
    made_up = news.get("__defaults") or []
    collides = resource.single or (
        bool(resource.unique)
        and all(name not in made_up and _unchanged(resource, name, olds, news) for name in resource.unique)
    )
    return Difference(tuple(changes), delete_first=collides and any(change.replaces for change in changes))


def _leaves(prop: Property, path: str, old: Any, new: Any, *, inherited: bool = False) -> Iterator[Change]:
    replaces = bool(prop.replaces) or inherited
    if prop.replaces_if is not None:
        replaces = prop.replaces_if(old, new) or inherited
    if prop.kind == "block" and isinstance(old, Mapping) and isinstance(new, Mapping):
        for field in prop.fields:
            if not same(field, old.get(field.name), new.get(field.name)):
                yield from _leaves(
                    field, f"{path}.{field.name}", old.get(field.name), new.get(field.name), inherited=replaces
                )
        return
    if prop.kind == "block" and not replaces:
        # A block that comes or goes whole replaces where the coming or going of one of its fields does.
        before, after = (value if isinstance(value, Mapping) else {} for value in (old, new))
        replaces = any(_field_replaces(field, before.get(field.name), after.get(field.name)) for field in prop.fields)
    yield Change(path, "ADD" if old is None else "DELETE" if new is None else "UPDATE", replaces)


def _field_replaces(field: Property, old: Any, new: Any) -> bool:
    if not field.replaces or same(field, old, new):
        return False
    return field.replaces_if is None or field.replaces_if(old, new)


def _unchanged(resource: Resource, name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    prop = resource.property(name)
    return prop is not None and same(prop, olds.get(name), news.get(name))
