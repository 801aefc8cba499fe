"""EC2: the images and snapshots that every region starts with are written once, not at each change."""

from typing import Any

from moto.core.base_backend import BaseBackend
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot

from local.aws_server.persistence.parts import Changes, Whole, kind_of
from local.aws_server.persistence.parts_small import default_image
from local.aws_server.persistence.pickling import dumps, loads, reducer
from local.aws_server.store import Store

_DICTS = {"ami": "amis", "snapshot": "snapshots"}


class Ec2(Whole):
    """Writes the images that every region starts with, and their snapshots, once instead of at each change.

    They are nine tenths of a backend's pickle, and its dictionaries of them half of what is left without them: the root
    keeps the images that were made or deleted here.
    """

    def __init__(self) -> None:
        self._default: dict[int, tuple[str, str, str, str]] = {}
        self._written: set[str] = set()
        self._by_key: dict[tuple[str, str, str, str], Any] = {}
        reducer(Ami, self._reduce)
        reducer(Snapshot, self._reduce)

    def note_new(self, backend: BaseBackend) -> None:
        """Notes what moto has just made a backend with."""
        assert isinstance(backend, EC2Backend)
        for name, values in (("ami", backend.amis), ("snapshot", backend.snapshots)):
            for key, value in values.items():
                place = (backend.account_id, backend.region_name, name, key)
                self._default[id(value)] = place
                self._by_key[place] = value

    def _reduce(self, value: Any) -> Any:
        place = self._default.get(id(value))
        return (default_image, place) if place is not None else value.__reduce_ex__(4)

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        place = (state["account_id"], state["region_name"])
        gone = [key for key, value in self._by_key.items() if key[:2] == place and key[3] not in state[_DICTS[key[2]]]]
        own = {
            name: {key: value for key, value in state[name].items() if id(value) not in self._default}
            for name in _DICTS.values()
        }
        return state | own | {"groundwork_gone": gone}

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        kind = kind_of("ec2-defaults", backend)
        if kind in self._written:
            return
        mine = {
            place: value
            for place, value in self._by_key.items()
            if place[:2] == (backend.account_id, backend.region_name)
        }
        kept, self._default = self._default, {}
        try:
            changes.puts.append((kind, "", dumps(mine)))
        finally:
            self._default = kept
        self._written.add(kind)

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        gone = set(state.pop("groundwork_gone", ()))
        for place, value in self._by_key.items():
            if place[:2] == (backend.account_id, backend.region_name) and place not in gone:
                state[_DICTS[place[2]]].setdefault(place[3], value)
        backend.__dict__.update(state)

    def load_defaults(self, store: Store) -> None:
        """Reads all default images back; to be called before any EC2 root is unpickled."""
        for kind in store.kinds("ec2-defaults:"):
            _, account_id, region = kind.split(":")
            data = store.read(kind, "")
            assert data is not None
            ec2_backends[account_id][region]
            fresh = [place for place in self._by_key if place[:2] == (account_id, region)]
            for place in fresh:
                del self._default[id(self._by_key.pop(place))]
            for place, value in loads(data).items():
                self._default[id(value)] = place
                self._by_key[place] = value
            self._written.add(kind)

    def default(self, account_id: str, region: str, name: str, key: str) -> Any:
        """The default image or snapshot of this id."""
        return self._by_key[account_id, region, name, key]


EC2 = Ec2()
