"""A small client of the Kubernetes API: JSON over one pool of TLS connections.

The official client package takes a second to import and models each kind; here kinds are what discovery says they are.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    import ssl

    import urllib3

APPLY = "application/apply-patch+yaml"
_RETRIED = frozenset({429, 502, 503, 504})
_RETRY_FOR_S = 15.0


class ApiError(Exception):
    """The API server refused a request.

    status: the HTTP status, 0 when no answer came at all.
    reason: the machine-readable reason (`NotFound`, `Invalid`, `Conflict`…), empty when there was none.
    causes: `details.causes` of the Status object: dictionaries with field, message and reason.
    """

    def __init__(self, status: int, reason: str, message: str, causes: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes or []


@dataclass(frozen=True)
class ApiResource:
    """A kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of one object, or of the collection when there is no name."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        # Names of RBAC objects may hold a colon, which is a plain character here.
        return f"{root}{scope}/{self.plural}" + (f"/{quote(name, safe=':')}" if name else "")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where an API server is and how it is trusted.

    certificate_authority: a PEM file, or PEM text; None means the system's authorities.
    client_certificate: the certificate and its key, both files or both PEM text.
    """

    server: str
    certificate_authority: Path | str | None = None
    client_certificate: tuple[Path | str, Path | str] | None = None
    skip_verification: bool = False
    server_name: str | None = None


class ApiClient:
    """Requests to one API server; safe to use from several threads.

    token: gives the bearer token for a request; called with True after a 401, when the one before was not believed.
    """

    def __init__(self, endpoint: Endpoint, token: Callable[[bool], str | None] | None = None) -> None:
        self.endpoint = endpoint
        self._token = token
        self._pool: urllib3.HTTPSConnectionPool | urllib3.HTTPConnectionPool | None = None
        self._resources: dict[str, dict[str, ApiResource]] = {}
        self._discovering = threading.Lock()
        self._connecting = threading.Lock()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.request("GET", path, query)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """The JSON object that the server answers with.

        Repeats what the server asks to be repeated (429, 502 to 504) and what never reached it, for up to 15 seconds.
        Raises ApiError for every other answer that is not 2xx.
        """
        url = path + (f"?{urlencode(query)}" if query else "")
        data = json.dumps(body).encode() if body is not None else None
        deadline = time.monotonic() + _RETRY_FOR_S
        pause, refreshed = 0.1, False
        while True:
            try:
                status, retry_after, answer = self._send(method, url, data, content_type, refreshed)
            except _NotSentError as error:
                if time.monotonic() > deadline:
                    raise ApiError(0, "Unreachable", f"{self.endpoint.server} cannot be reached: {error}") from error
                retry_after = 0.0
            else:
                if status < 300:
                    return _decoded(answer)
                if status == 401 and self._token is not None and not refreshed:
                    refreshed = True
                    continue
                if status not in _RETRIED or time.monotonic() > deadline:
                    raise _refusal(status, answer)
            time.sleep(max(pause, retry_after))
            pause = min(pause * 2, 2.0)

    def resource(self, api_version: str, kind: str) -> ApiResource:
        """The kind as discovery describes it. Raises ApiError (404) when the server does not serve it."""
        found = self._resources.get(api_version, {}).get(kind)
        if found is None:
            with self._discovering:
                found = self._resources.get(api_version, {}).get(kind)
                if found is None:
                    self._resources[api_version] = self._discover(api_version)
                    found = self._resources[api_version].get(kind)
        if found is None:
            raise ApiError(
                404,
                "NotFound",
                f'the API server serves no kind "{kind}" in {api_version}'
                + (" (is its CustomResourceDefinition installed?)" if "." in api_version.split("/")[0] else ""),
            )
        return found

    def _discover(self, api_version: str) -> dict[str, ApiResource]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self.get(root)
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            entry["kind"]: ApiResource(api_version, entry["kind"], entry["name"], entry["namespaced"])
            for entry in listed.get("resources", [])
            if "/" not in entry["name"]
        }

    def _send(
        self, method: str, url: str, data: bytes | None, content_type: str, refresh: bool
    ) -> tuple[int, float, bytes]:
        import urllib3

        headers = {"Accept": "application/json", "User-Agent": "groundwork"}
        if data is not None:
            headers["Content-Type"] = content_type
        token = self._token(refresh) if self._token else None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = self._connections().request(method, url, body=data, headers=headers, retries=False, timeout=70.0)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise _NotSentError(_short(error)) from error
        except urllib3.exceptions.ProtocolError as error:
            # A kept connection that the server has closed meanwhile; every request here may be repeated but a POST.
            if method != "POST":
                raise _NotSentError(_short(error)) from error
            raise ApiError(0, "Unreachable", f"{self.endpoint.server} hung up: {_short(error)}") from error
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"{self.endpoint.server} cannot be reached: {_short(error)}") from error
        retry_after = response.headers.get("Retry-After", "")
        return response.status, float(retry_after) if retry_after.isdigit() else 0.0, response.data

    def _connections(self) -> urllib3.HTTPSConnectionPool | urllib3.HTTPConnectionPool:
        import ssl

        import urllib3

        with self._connecting:
            if self._pool is None:
                url = urllib3.util.parse_url(self.endpoint.server)
                if url.scheme == "http":
                    self._pool = urllib3.HTTPConnectionPool(url.host or "", url.port, maxsize=32)
                    return self._pool
                authority = self.endpoint.certificate_authority
                context = ssl.create_default_context(
                    cafile=str(authority) if isinstance(authority, Path) else None,
                    cadata=authority if isinstance(authority, str) else None,
                )
                if self.endpoint.skip_verification:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                if self.endpoint.client_certificate:
                    _load_client_certificate(context, *self.endpoint.client_certificate)
                self._pool = urllib3.HTTPSConnectionPool(
                    url.host or "",
                    url.port,
                    maxsize=32,
                    ssl_context=context,
                    server_hostname=self.endpoint.server_name,
                    assert_hostname=None if not self.endpoint.skip_verification else False,
                )
            return self._pool


class _NotSentError(Exception):
    """The request did not reach the server, so that it can be sent again."""


def _short(error: BaseException) -> str:
    text = str(error)
    return text.rsplit(": ", 1)[-1] if ": " in text else text


def _decoded(answer: bytes) -> dict[str, Any]:
    decoded = json.loads(answer) if answer else {}
    return decoded if isinstance(decoded, dict) else {"items": decoded}


def _refusal(status: int, answer: bytes) -> ApiError:
    try:
        body = json.loads(answer)
        details = body.get("details") or {}
        return ApiError(status, body.get("reason") or "", body.get("message") or "", details.get("causes") or [])
    except (ValueError, AttributeError):
        return ApiError(status, "", f"HTTP {status}: {answer[:500].decode(errors='replace')}")


def _load_client_certificate(context: ssl.SSLContext, certificate: Path | str, key: Path | str) -> None:
    # The ssl module reads a client's certificate from files alone; PEM text is in one for just that long.
    with tempfile.TemporaryDirectory(prefix="groundwork-") as folder:
        files: list[Path] = []
        for name, given in (("certificate", certificate), ("key", key)):
            if isinstance(given, str):
                file = Path(folder, name)
                file.write_text(given, encoding="ascii")
                files.append(file)
            else:
                files.append(given)
        context.load_cert_chain(*files)
