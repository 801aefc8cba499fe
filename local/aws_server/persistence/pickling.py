"""Pickling moto's objects: references instead of copies for what lives elsewhere, and what has no pickle of its own."""

import copyreg
import importlib
import io
import pickle
import threading
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend
from moto.iam.models import AWSManagedPolicy, iam_backends

_dispatch: dict[type, Callable[[Any], Any]] = dict(copyreg.dispatch_table)

BackendReference = tuple[str, str, str, str]
"""Module, class, account and region (or partition) of a backend."""


def reducer(kind: type, reduce: Callable[[Any], Any]) -> None:
    """Pickles objects of exactly this type by what `reduce` returns (as `__reduce__` would)."""
    _dispatch[kind] = reduce


def dumps(value: Any) -> bytes:
    """The pickle of a value."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=5)
    pickler.dispatch_table = _dispatch
    pickler.dump(value)
    return stream.getvalue()


def loads(data: bytes) -> Any:
    """The value of a pickle that `dumps` made."""
    return pickle.loads(data)  # noqa: S301 - our own file


def reference(backend: BaseBackend) -> BackendReference:
    """Where a backend is found again."""
    kind = type(backend)
    return kind.__module__, kind.__qualname__, backend.account_id, backend.region_name


def backend_at(module: str, kind: str, account_id: str, region: str) -> BaseBackend:
    """The live backend that a reference names; made if it is not there yet."""
    names = vars(importlib.import_module(module))
    for value in names.values():
        if isinstance(value, BackendDict) and value.backend.__qualname__ == kind:
            return value[account_id][region]
    raise LookupError(f"moto's module {module} has no backends of class {kind}")


def refer_to_backend(backend: BaseBackend) -> None:
    """From now on, backends of this one's class are pickled as references."""
    _dispatch.setdefault(type(backend), lambda value: (backend_at, reference(value)))


def _backend_dict(module: str, kind: str) -> BackendDict[Any]:
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, BackendDict) and value.backend.__qualname__ == kind:
            return value
    raise LookupError(f"moto's module {module} has no backends of class {kind}")


def _account(module: str, kind: str, account_id: str) -> AccountSpecificBackend[Any]:
    return _backend_dict(module, kind)[account_id]


def _managed_policy(account_id: str, arn: str) -> AWSManagedPolicy:
    return iam_backends[account_id]["aws"].managed_policies[arn]  # type: ignore[return-value]


def _private_key(data: bytes) -> Any:
    return serialization.load_der_private_key(data, None)


def _reduce_private_key(key: Any) -> Any:
    data = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _private_key, (data,)


reducer(BackendDict, lambda value: (_backend_dict, (value.backend.__module__, value.backend.__qualname__)))
reducer(
    AccountSpecificBackend,
    lambda value: (_account, (value.backend.__module__, value.backend.__qualname__, value.account_id)),
)
reducer(type(threading.Lock()), lambda _: (threading.Lock, ()))
reducer(type(threading.RLock()), lambda _: (threading.RLock, ()))
reducer(AWSManagedPolicy, lambda policy: (_managed_policy, (policy.account_id, policy.arn)))
for _key in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256R1())):  # noqa: S505 - only its type
    reducer(type(_key), _reduce_private_key)
