"""A kubeconfig, given as text or as a path, read into what a client needs."""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.kubernetes.api import ApiClient, Endpoint

_RENEW_BEFORE = datetime.timedelta(seconds=60)
_EXEC_TIMEOUT_S = 60


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message says which part of it and why."""


@dataclass(frozen=True)
class Connection:
    """What the kubeconfig's chosen context leads to. namespace: the context's own, or `default`."""

    client: ApiClient
    namespace: str


def connect(text_or_path: str | None, context: str | None = None, cluster: str | None = None) -> Connection:
    """The client of a kubeconfig; nothing is asked of the server yet, and no credentials are fetched.

    text_or_path: a kubeconfig's content or where it is; None means KUBECONFIG, then ~/.kube/config.
    Raises KubeconfigError.
    """
    config, origin = _load(text_or_path)
    chosen = context or config.get("current-context")
    if not chosen:
        raise KubeconfigError(f"{origin} has no current-context, and the provider names none")
    settings = _named(config, "contexts", "context", chosen, origin)
    cluster_name = cluster or settings.get("cluster", "")
    target = _named(config, "clusters", "cluster", cluster_name, origin)
    user = _named(config, "users", "user", settings["user"], origin) if settings.get("user") else {}
    if not target.get("server"):
        raise KubeconfigError(f"{origin}: the cluster {cluster_name!r} has no server")
    certificate = _pem(user, "client-certificate", origin)
    key = _pem(user, "client-key", origin)
    endpoint = Endpoint(
        server=str(target["server"]).rstrip("/"),
        certificate_authority=_pem(target, "certificate-authority", origin),
        client_certificate=(certificate, key) if certificate and key else None,
        skip_verification=bool(target.get("insecure-skip-tls-verify")),
        server_name=target.get("tls-server-name"),
    )
    return Connection(ApiClient(endpoint, _token(user, origin)), settings.get("namespace") or "default")


def server_of(text_or_path: str | None, context: str | None = None, cluster: str | None = None) -> str | None:
    """The server that the kubeconfig leads to, or None when it cannot be told."""
    try:
        return connect(text_or_path, context, cluster).client.endpoint.server
    except KubeconfigError:
        return None


def _load(text_or_path: str | None) -> tuple[dict[str, Any], str]:
    if text_or_path and ("\n" in text_or_path or text_or_path.lstrip().startswith("{")):
        return _parsed(text_or_path, "the provider's kubeconfig"), "the provider's kubeconfig"
    from_environment = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = Path(text_or_path or from_environment or "~/.kube/config").expanduser()
    try:
        return _parsed(path.read_text(encoding="utf-8"), str(path)), str(path)
    except OSError as error:
        raise KubeconfigError(f"the kubeconfig {path} cannot be read: {error.strerror}") from error


def _parsed(text: str, origin: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        import yaml

        try:
            parsed = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        except yaml.YAMLError as error:
            raise KubeconfigError(f"{origin} is neither JSON nor YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise KubeconfigError(f"{origin} is not a kubeconfig: a mapping was expected")
    return parsed


def _named(config: Mapping[str, Any], section: str, member: str, name: str, origin: str) -> dict[str, Any]:
    entries = config.get(section) or []
    for entry in entries:
        if entry.get("name") == name:
            return entry.get(member) or {}
    known = ", ".join(repr(entry.get("name")) for entry in entries) or "none"
    raise KubeconfigError(f"{origin} has no {member} named {name!r} (it has {known})")


def _pem(entry: Mapping[str, Any], member: str, origin: str) -> Path | str | None:
    if data := entry.get(f"{member}-data"):
        try:
            return base64.b64decode(data, validate=True).decode("ascii")
        except ValueError as error:
            raise KubeconfigError(f"{origin}: {member}-data is not base64") from error
    return Path(entry[member]).expanduser() if entry.get(member) else None


def _token(user: Mapping[str, Any], origin: str) -> Any:
    if user.get("exec"):
        return ExecToken(user["exec"], origin)
    if file := user.get("tokenFile"):
        return lambda refresh: Path(file).read_text(encoding="utf-8").strip()
    if token := user.get("token"):
        return lambda refresh: str(token)
    return None


class ExecToken:
    """The token of a kubeconfig's `exec` command, fetched when it is first needed and kept until it ends."""

    def __init__(self, settings: Mapping[str, Any], origin: str) -> None:
        self._settings = settings
        self._origin = origin
        self._lock = threading.Lock()
        self._value: str | None = None
        self._ends: datetime.datetime | None = None

    def __call__(self, refresh: bool) -> str:
        refused = self._value if refresh else None
        with self._lock:
            # Another thread may have fetched a new one while this one waited.
            usable = self._value is not None and self._value != refused
            if usable and (self._ends is None or datetime.datetime.now(datetime.UTC) < self._ends - _RENEW_BEFORE):
                assert self._value is not None
                return self._value
            self._value, self._ends = self._fetch()
            return self._value

    def _fetch(self) -> tuple[str, datetime.datetime | None]:
        settings = self._settings
        command = [str(settings.get("command", "")), *map(str, settings.get("args") or [])]
        version = settings.get("apiVersion", "client.authentication.k8s.io/v1")
        asked = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {
            **os.environ,
            **{entry["name"]: entry["value"] for entry in settings.get("env") or []},
            "KUBERNETES_EXEC_INFO": json.dumps(asked),
        }
        shown = " ".join(command)
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_EXEC_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            hint = f" {settings['installHint']}" if settings.get("installHint") else ""
            raise KubeconfigError(
                f"{self._origin} gets its credentials from `{shown}`, but there is no {command[0]!r} on PATH.{hint}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise KubeconfigError(f"`{shown}` gave no credentials within {_EXEC_TIMEOUT_S} s") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-2000:]
            raise KubeconfigError(f"`{shown}` failed with exit status {done.returncode}: {said}")
        try:
            status = json.loads(done.stdout)["status"]
            token = status["token"]
            ends = status.get("expirationTimestamp")
        except (ValueError, KeyError, TypeError) as error:
            raise KubeconfigError(f"`{shown}` answered something that is not an ExecCredential with a token") from error
        return token, datetime.datetime.fromisoformat(ends.replace("Z", "+00:00")) if ends else None
