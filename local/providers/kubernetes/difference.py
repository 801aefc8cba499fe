"""Compares two sets of inputs the way the engine shows it: property by property."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.values import UNKNOWN

Path = tuple[str | int, ...]
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True)
class Change:
    """kind: ADD, DELETE or UPDATE."""

    path: Path
    kind: str

    @property
    def shown(self) -> str:
        """The path in Pulumi's notation: `metadata.labels["app.kubernetes.io/name"]`, `spec.taints[0].key`."""
        text = ""
        for part in self.path:
            if isinstance(part, int):
                text += f"[{part}]"
            elif _PLAIN.match(part):
                text += f".{part}" if text else part
            else:
                text += f'["{part}"]'
        return text


def changes(old: Any, new: Any, path: Path = ()) -> Iterator[Change]:
    """What must happen to `old` to become `new`; Pulumi's own entries (`__…`) are left out."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if key.startswith("__"):
                continue
            if key not in new:
                yield Change((*path, key), "DELETE")
            elif key not in old:
                yield Change((*path, key), "ADD")
            else:
                yield from changes(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index >= len(new):
                yield Change((*path, index), "DELETE")
            elif index >= len(old):
                yield Change((*path, index), "ADD")
            else:
                yield from changes(old[index], new[index], (*path, index))
    elif new is UNKNOWN or old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(path, "UPDATE")


def within(old: Any, new: Any) -> Any:
    """`old` cut down to what `new` speaks of: how an imported object is compared with the program's declaration."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {key: within(old[key], value) for key, value in new.items() if key in old}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [within(before, after) for before, after in zip(old, new, strict=True)]
    return old
