"""What each service keeps apart from its backend's own pickle, and how it is put back.

A backend's root row is the pickle of its `__dict__`. A service named here leaves some of it out (`strip`), writes it as
rows of its own (`changes`) and fills it in again after loading (`restore`).
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.core.base_backend import BaseBackend

from local.aws_server.persistence.pickling import reference
from local.aws_server.store import Store


@dataclass
class Changes:
    """One transaction's worth of rows: (kind, key, value) to put, and what to delete before that."""

    puts: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    deletes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    delete_prefixes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes or self.delete_prefixes)


class Part(Protocol):
    """How one service's state is split."""

    def note_new(self, backend: BaseBackend) -> None:
        """Sees a backend that moto has just made, before anything is loaded into it."""
        ...

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        """The root's attributes, without what is kept apart."""
        ...

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        """Adds the rows that differ from what was last written."""
        ...

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        """Puts a loaded root (as `strip` left it) and its rows into a backend."""
        ...


class Whole:
    """The default: the root row is everything."""

    def note_new(self, backend: BaseBackend) -> None:
        return

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        return state

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        return

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        backend.__dict__.update(state)


def kind_of(name: str, backend: BaseBackend) -> str:
    """The kind under which a part of a backend has its rows."""
    _, _, account_id, region = reference(backend)
    return f"{name}:{account_id}:{region}"
