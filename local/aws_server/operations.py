"""What an overlay is written against: the registry of operations, the call that one gets, and its errors.

An overlay is a function for one operation of one service, with the names of botocore's service model:

    @operation("sagemaker", "CreateTrainingJob")
    def create_training_job(call: Call) -> dict[str, Any]:
        ...
        return {"TrainingJobArn": arn}

The members of the request are parsed into `call.params`, and those of the answer serialized, by that model. An
operation without an overlay goes to moto; `call.forward()` does the same from inside an overlay.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

ACCOUNT_ID = os.environ.get("GROUNDWORK_AWS_ACCOUNT_ID", "123456789012")
"""The account that this server is. A second server may be another one (access/peers.py)."""
if "GROUNDWORK_AWS_ACCOUNT_ID" in os.environ:
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT_ID  # moto looks at each request
REGION = "us-east-1"
ADMIN_USER = "platform-admin"
"""The identity that the local stack's own profile has."""


class ServiceError(Exception):
    """An error that the caller gets in the form of its protocol.

    code: the error's name in the service model, e.g. `ResourceInUseException`.
    status: HTTP status; where the service model gives one for this error, the client sees that one.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class RawResponse:
    """An answer that is sent as it is; `body` may be an iterable of chunks, sent as they come."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | Iterable[bytes] = b""


class Records(Protocol):
    """Durable objects of overlays. What `put` and `delete` were given survives kill -9 once they have returned.

    A value is anything that pickles. `lock` makes a check and the write that depends on it one step.
    """

    lock: RLock

    def put(self, kind: str, key: str, value: Any) -> None: ...

    def get(self, kind: str, key: str) -> Any: ...

    def delete(self, kind: str, key: str) -> None: ...

    def items(self, kind: str, prefix: str = "") -> list[tuple[str, Any]]: ...


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How this process was started.

    state_dir: what must survive lies here. run_dir: what the supervisor and this process tell each other.
    url: this server's own address, without a trailing slash.
    kubernetes_url, kubernetes_ca: the API server's address, and the file with its CA certificate (PEM).
    mlflow_url: where the supervisor starts an MLflow server when one has been asked for.
    peers: file with the servers of other accounts; None where this server is alone.
    """

    state_dir: Path
    run_dir: Path
    url: str
    kubernetes_url: str = ""
    kubernetes_ca: Path | None = None
    mlflow_url: str = ""
    aws_config: Path | None = None
    aws_credentials: Path | None = None
    peers: Path | None = None


class Server(Protocol):
    """The running server, as overlays see it."""

    settings: ServerSettings
    records: Records

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        region: str = REGION,
        access_key_id: str | None = None,
    ) -> dict[str, Any]:
        """Runs an operation (an overlay's or moto's) in this process, without HTTP; raises ServiceError.

        A streaming member, as the Body of s3 GetObject, comes back as bytes. access_key_id: who calls; left out, the
        platform's admin.
        """
        ...

    def forward(self, call: "Call", params: Mapping[str, Any] | None = None) -> dict[str, Any]: ...

    def run(self, environ: Mapping[str, Any], body: bytes) -> RawResponse:
        """moto's answer to a whole request, whoever sent it."""
        ...

    def changing(self, signing_name: str) -> AbstractContextManager[None]:
        """Around code that changes moto's backends itself: has moto to itself, and journals what was reached."""
        ...


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, parsed.

    params: the request's members by the service model's names. A blob payload (InvokeEndpoint's Body) is bytes.
    access_key_id: the key that signed the request, `""` for an unsigned one.
    headers: names in lower case. environ: the WSGI environment, None for a call made in this process.
    """

    server: Server
    service: str
    operation: str
    params: dict[str, Any]
    region: str
    access_key_id: str
    account_id: str = ACCOUNT_ID
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    environ: Mapping[str, Any] | None = field(default=None, repr=False)

    def forward(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What moto answers to this request, or to this request with other params; raises ServiceError."""
        return self.server.forward(self, params)

    @property
    def caller_arn(self) -> str:
        """ARN of the IAM user or assumed role that signed the request."""
        from local.aws_server.identity import caller_arn

        return caller_arn(self.account_id, self.access_key_id)

    def arn(self, resource: str) -> str:
        """ARN of a resource of this call's service, account and region."""
        return f"arn:aws:{self.service}:{self.region}:{self.account_id}:{resource}"


Overlay = Callable[[Call], "dict[str, Any] | RawResponse | None"]
Guard = Callable[[Call], None]

_overlays: dict[tuple[str, str], Overlay] = {}
Detour = Callable[["Server", Mapping[str, Any], Any, bytes], "RawResponse | None"]
_guards: dict[tuple[str, str], Guard] = {}
_detours: list[Detour] = []
_start_hooks: list[Callable[[Server], None]] = []
_stop_hooks: list[Callable[[Server], None]] = []


def operation(service: str, name: str) -> Callable[[Overlay], Overlay]:
    """Registers an overlay for an operation; service and name as botocore's service model spells them."""

    def register(overlay: Overlay) -> Overlay:
        if (service, name) in _overlays:
            raise ValueError(f"{service} {name} has two overlays.")
        _overlays[service, name] = overlay
        return overlay

    return register


def on_start(hook: Callable[[Server], None]) -> Callable[[Server], None]:
    """Registers what runs once the state is loaded and before the first request is served."""
    _start_hooks.append(hook)
    return hook


def on_stop(hook: Callable[[Server], None]) -> Callable[[Server], None]:
    """Registers what runs at a clean stop, after the last request."""
    _stop_hooks.append(hook)
    return hook


def guard(service: str, *names: str) -> Callable[[Guard], Guard]:
    """Registers what decides whether a caller may have an operation; it raises ServiceError where not.

    It runs before the overlay, or before moto. Of an operation without an overlay the call has no body, and only the
    params of the path and of the query.
    """

    def register(function: Guard) -> Guard:
        for name in names:
            if (service, name) in _guards:
                raise ValueError(f"{service} {name} has two guards.")
            _guards[service, name] = function
        return function

    return register


def guard_for(service: str, name: str) -> Guard | None:
    """The guard of an operation, None where every key may have it."""
    return _guards.get((service, name))


def detour(function: Detour) -> Detour:
    """Registers what may answer a request (its WSGI environment, moto's Request, its body) in this server's place.

    It is asked before the caller's key is looked at, and returns None for what it leaves alone.
    """
    _detours.append(function)
    return function


def detours() -> tuple[Detour, ...]:
    """Detours, in the order of registration."""
    return tuple(_detours)


def overlay_for(service: str, name: str) -> Overlay | None:
    """The overlay of an operation, None where moto has it all."""
    return _overlays.get((service, name))


def overlaid_services() -> tuple[str, ...]:
    """Services that have an overlay or a guard, in the order of registration."""
    return tuple(dict.fromkeys(service for service, _ in (*_overlays, *_guards)))


def overlaid_operations() -> Iterator[tuple[str, str]]:
    """Every (service, operation) that has an overlay."""
    yield from sorted(_overlays)


def start_hooks() -> tuple[Callable[[Server], None], ...]:
    """Hooks of `on_start`."""
    return tuple(_start_hooks)


def stop_hooks() -> tuple[Callable[[Server], None], ...]:
    """Hooks of `on_stop`, last registered first."""
    return tuple(reversed(_stop_hooks))
