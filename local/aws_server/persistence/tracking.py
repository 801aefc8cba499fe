"""Which of moto's backends a request reached, seen where moto itself looks them up."""

from collections.abc import Callable
from threading import local
from typing import Any

import moto.iam.models
from moto.core.base_backend import AccountSpecificBackend, BaseBackend

_reached = local()
_known: dict[int, BaseBackend] = {}
_on_new: list[Callable[[BaseBackend], None]] = []
_new: list[BaseBackend] = []


def begin() -> None:
    """Starts a request on this thread: nothing is reached yet."""
    _reached.backends = {}


def reached() -> list[BaseBackend]:
    """Backends that this thread looked up since `begin`, in that order."""
    return list(getattr(_reached, "backends", {}).values())


def take_new() -> list[BaseBackend]:
    """Backends that came into being since the last time: their default resources have ids that must be kept."""
    taken = list(_new)
    _new.clear()
    return taken


def on_new_backend(hook: Callable[[BaseBackend], None]) -> None:
    """Calls `hook` for each backend when it is first looked up."""
    _on_new.append(hook)


def install() -> None:
    """Puts the look-out in place, once a process."""
    original = AccountSpecificBackend.__getitem__

    def look_up(self: Any, region_name: str) -> BaseBackend:
        backend = original(self, region_name)
        if id(backend) not in _known:
            _known[id(backend)] = backend
            _new.append(backend)
            for hook in _on_new:
                hook(backend)
        backends = getattr(_reached, "backends", None)
        if backends is not None:
            backends[id(backend)] = backend
        return backend

    if original.__name__ != "look_up":
        AccountSpecificBackend.__getitem__ = look_up  # type: ignore[method-assign]
        moto.iam.models.get_account_id_from = _account_of_key


def _account_of_key(access_key: str) -> str:
    """moto's own asks all six partitions at each call, and so loads AWS's managed policies six times."""
    for account_id, account in list(moto.iam.models.iam_backends.items()):
        if access_key in account["aws"].access_keys:
            return account_id
    return moto.iam.models.DEFAULT_ACCOUNT_ID
