"""Running moto's own implementation of an operation, for a client's request or for one made in this process."""

import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any
from urllib.parse import quote, unquote, urlencode

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")  # moto reads it when its IAM is imported

from botocore import parsers, serialize
from botocore.awsrequest import HeadersDict
from moto.backends import list_of_moto_modules
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.aws_server import protocol
from local.aws_server.operations import Call, RawResponse, ServiceError
from local.aws_server.persistence.journal import Journal

logger = logging.getLogger(__name__)

moto_lock = RLock()
"""Held while moto runs: its backends are plain dictionaries, and iterating over one while it grows raises."""

_WAITS = frozenset({"ReceiveMessage"})
"""Operations that wait by design; they run without the lock."""


class MotoDispatcher(DomainDispatcherApplication):
    """moto's choice of the service by signature, also for presigned URLs of other services than S3."""

    def get_backend_for_host(self, host: str | None) -> Any:
        if host is None or host == "moto_api" or host in list_of_moto_modules():
            return host
        for backend, pattern in self.backend_url_patterns:
            if pattern.match(f"http://{host}"):
                return backend
        raise NotImplementedError(f"moto knows no service at {host}")

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        scope = protocol.scope_of(environ)
        if "HTTP_AUTHORIZATION" not in environ and scope.signing_name != "s3":
            return f"{scope.signing_name}.{scope.region}.amazonaws.com"
        return super().infer_service_region_host(environ, path)


class MotoBridge:
    """moto as a function from a WSGI environment to a response."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._application = MotoDispatcher(create_backend_app)

    def run(self, environ: Mapping[str, Any], body: bytes) -> RawResponse:
        """moto's answer to a request. Raises NotImplementedError where moto lacks the operation."""
        scope = protocol.scope_of(environ)
        name = protocol.operation_name(environ, scope, body)
        if name in _WAITS:
            response = self._run(environ, body)
            with moto_lock:
                self._commit(environ, scope.signing_name, name)
            return response
        with moto_lock:
            try:
                return self._run(environ, body)
            finally:
                self._commit(environ, scope.signing_name, name)

    @contextmanager
    def changing(self, signing_name: str) -> Iterator[None]:
        """Around code that changes moto's backends itself."""
        with moto_lock:
            if self._journal is not None:
                self._journal.begin()
            try:
                yield
            finally:
                if self._journal is not None:
                    self._journal.commit(signing_name, "Change", "POST", "")

    def _commit(self, environ: Mapping[str, Any], signing_name: str, name: str) -> None:
        if self._journal is not None:
            path = environ.get("RAW_URI", "").partition("?")[0]
            self._journal.commit(signing_name, name, environ["REQUEST_METHOD"], path)

    def _run(self, environ: Mapping[str, Any], body: bytes) -> RawResponse:
        request = {
            **environ,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input_terminated": True,
        }
        request.pop("HTTP_TRANSFER_ENCODING", None)
        if self._journal is not None:
            self._journal.begin()
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [(status, headers)]

        answer = self._application(request, start_response)
        try:
            content = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        status, headers = started[0]
        code = int(status.split()[0])
        if code >= 400 and content[:15].lower().startswith((b"<!doctype html", b"<html")):
            raise NotImplementedError(f"moto answered with a page of HTML ({status})")
        if code == 404 and not content and environ.get("REQUEST_METHOD") != "HEAD":
            raise NotImplementedError("moto knows no such operation")
        return RawResponse(code, dict(headers), content)


def request_environ(
    service: str, operation: str, params: Mapping[str, Any], *, region: str, access_key_id: str
) -> tuple[dict[str, Any], bytes]:
    """The WSGI environment and body of the request that a client would send for these params."""
    model = get_service_model(service)
    chosen = protocol.protocol_of(service)
    try:
        request = serialize.create_serializer(chosen, include_validation=True).serialize_to_request(
            dict(params), model.operation_model(operation)
        )
    except Exception as error:
        raise ServiceError("ValidationException", f"{service} {operation}: {error}") from error
    body = request["body"]
    headers = dict(request["headers"])
    if isinstance(body, dict):
        body = urlencode(body, doseq=True).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    elif hasattr(body, "read"):
        body = body.read()
    elif isinstance(body, str):
        body = body.encode()
    path, _, fixed_query = request["url_path"].partition("?")
    query = request["query_string"]
    query = "&".join(part for part in (fixed_query, urlencode(query, doseq=True) if query else "") if part)
    metadata = model.metadata
    signing = metadata.get("signingName") or metadata["endpointPrefix"]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1"),
        "RAW_URI": quote(path, safe="/%~") + (f"?{query}" if query else ""),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={access_key_id}/20260101/{region}/{signing}/aws4_request, "
        "SignedHeaders=host, Signature=none",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = str(value)
    return environ, body


def parse_response(service: str, operation: str, response: RawResponse) -> dict[str, Any]:
    """The members of a response; raises ServiceError for an error's."""
    model = get_service_model(service).operation_model(operation)
    parser = parsers.create_parser(protocol.protocol_of(service))
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    headers = HeadersDict({name.lower(): value for name, value in response.headers.items()})
    # botocore decodes a blob's bytes as text, unless they come as a stream.
    streams = model.has_streaming_output and response.status < 300
    content = io.BytesIO(body) if streams else body
    parsed = parser.parse({"headers": headers, "status_code": response.status, "body": content}, model.output_shape)
    parsed.pop("ResponseMetadata", None)
    if streams:
        parsed |= {name: value.read() for name, value in parsed.items() if isinstance(value, io.BytesIO)}
    if response.status >= 300:
        error = parsed.get("Error", {})
        raise ServiceError(
            error.get("Code") or str(response.status),
            error.get("Message") or body.decode(errors="replace"),
            response.status,
        )
    return parsed


def forward(bridge: MotoBridge, call: Call, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """moto's parsed answer to a call, or to the same call with other params."""
    environ, body = call.environ, call.body
    if params is not None or environ is None:
        environ, body = request_environ(
            call.service,
            call.operation,
            call.params if params is None else params,
            region=call.region,
            access_key_id=call.access_key_id,
        )
    try:
        response = bridge.run(environ, body)
    except NotImplementedError as error:
        raise not_implemented(call.service, call.operation) from error
    return parse_response(call.service, call.operation, response)


def not_implemented(service: str, operation: str) -> ServiceError:
    """The error for an operation that neither an overlay nor moto has."""
    return ServiceError(
        "NotImplemented",
        f"The local AWS server does not implement {service} {operation or '(an operation that it cannot name)'}.",
        status=501,
    )
