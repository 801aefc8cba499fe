"""The WSGI application: overlays first, then moto, and `/_groundwork/` for the local stack itself."""

import io
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

from moto.core.request import Request

from local.aws_server import browsers, event_history, moto_bridge, protocol
from local.aws_server.identity import check_key
from local.aws_server.operations import (
    ACCOUNT_ID,
    REGION,
    Call,
    RawResponse,
    Records,
    ServerSettings,
    ServiceError,
    detours,
    guard_for,
    overlaid_services,
    overlay_for,
)
from local.aws_server.persistence.journal import Journal

logger = logging.getLogger(__name__)

Page = Callable[["AwsServer", Mapping[str, Any], bytes], RawResponse]


class AwsServer:
    """One account's AWS API. Implements `operations.Server`, and is itself the WSGI application."""

    def __init__(self, settings: ServerSettings, records: Records, journal: Journal | None = None) -> None:
        self.settings = settings
        self.records = records
        self.started_at = time.time()
        self.calls = 0
        self.admin_access_key_id = ""
        self.pages: dict[str, Page] = {}
        self._bridge = moto_bridge.MotoBridge(journal)
        self._services_by_signing_name: dict[str, list[str]] = {}
        for service in overlaid_services():
            self._services_by_signing_name.setdefault(protocol.signing_name_of(service), []).append(service)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        try:
            response = browsers.refusal(environ) or self.respond(environ, body)
            if response.status < HTTPStatus.BAD_REQUEST:
                event_history.note(environ, body)
        except (OSError, sqlite3.OperationalError) as error:
            logger.exception("%s %s failed", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            message = (
                f"The state in {self.settings.state_dir} cannot be written: {error}. What was asked for may be lost."
            )
            failure = ServiceError("InternalFailure", message, status=500)
            response = protocol.error_response(environ, protocol.scope_of(environ), failure)
        except Exception as error:
            logger.exception("%s %s failed", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            failure = ServiceError("InternalFailure", f"The local AWS server failed: {error!r}", status=500)
            response = protocol.error_response(environ, protocol.scope_of(environ), failure)
        headers = [(name, value) for name, value in response.headers.items() if name.lower() != "content-length"]
        if isinstance(response.body, bytes):
            length = str(len(response.body))
            if environ["REQUEST_METHOD"] == "HEAD":
                length = {name.lower(): value for name, value in response.headers.items()}.get("content-length", length)
            if response.status != HTTPStatus.NO_CONTENT:
                headers.append(("Content-Length", length))
        start_response(_status_line(response.status), headers)
        return [response.body] if isinstance(response.body, bytes) else response.body

    def respond(self, environ: Mapping[str, Any], body: bytes) -> RawResponse:
        """The answer to one HTTP request."""
        path = environ["PATH_INFO"]
        if path.startswith("/_groundwork/"):
            page = self.pages.get(path)
            return (
                page(self, environ, body)
                if page
                else RawResponse(404, {"Content-Type": "text/plain"}, b"No such page.\n")
            )
        self.calls += 1
        scope = protocol.scope_of(environ)
        request = _request(environ, body)
        try:
            for elsewhere in detours():
                if (answer := elsewhere(self, environ, request, body)) is not None:
                    return answer
            check_key(environ, scope.access_key_id, ACCOUNT_ID, body)
        except ServiceError as error:
            return protocol.error_response(environ, scope, error)
        for service in self._services_by_signing_name.get(scope.signing_name, ()):
            matched = protocol.match_operation(service, request)
            if matched is None:
                continue
            operation, path_parameters = matched
            try:
                if overlay_for(service, operation.name) is None:
                    if check := guard_for(service, operation.name):
                        params = {**request.args.to_dict(), **path_parameters}
                        check(self._call(service, operation.name, params, scope, environ, b""))
                    break
                params = protocol.parse_members(operation, request, path_parameters)
                call = self._call(service, operation.name, params, scope, environ, body)
                return self._run_overlay(call, operation, environ)
            except ServiceError as error:
                return protocol.serialize(operation, error)
        try:
            return self._bridge.run(environ, body)
        except NotImplementedError:
            logger.info("not implemented: %s %s %s", scope.signing_name, environ["REQUEST_METHOD"], path)
            return self._not_implemented(environ, scope, request, body)

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        region: str = REGION,
        access_key_id: str | None = None,
    ) -> dict[str, Any]:
        """Runs an operation in this process; see `operations.Server.call`."""
        key = self.admin_access_key_id if access_key_id is None else access_key_id
        call = Call(
            server=self,
            service=service,
            operation=operation,
            params=dict(params or {}),
            region=region,
            access_key_id=key,
        )
        if check := guard_for(service, operation):
            check(call)
        overlay = overlay_for(service, operation)
        if overlay is None:
            return call.forward()
        result = overlay(call)
        if isinstance(result, RawResponse):
            return moto_bridge.parse_response(service, operation, result)
        return result or {}

    def forward(self, call: Call, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """moto's answer to an overlay's call."""
        return moto_bridge.forward(self._bridge, call, params)

    def run(self, environ: Mapping[str, Any], body: bytes) -> RawResponse:
        """See `operations.Server.run`."""
        return self._bridge.run(environ, body)

    def changing(self, signing_name: str) -> AbstractContextManager[None]:
        """See `operations.Server.changing`."""
        return self._bridge.changing(signing_name)

    def _call(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        scope: protocol.Scope,
        environ: Mapping[str, Any],
        body: bytes,
    ) -> Call:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        return Call(
            server=self,
            service=service,
            operation=operation,
            params=params,
            region=scope.region,
            access_key_id=scope.access_key_id,
            account_id=ACCOUNT_ID,
            headers=headers,
            body=body,
            environ=environ,
        )

    def _run_overlay(self, call: Call, operation: Any, environ: Mapping[str, Any]) -> RawResponse:
        if missing := protocol.missing_members(operation, call.params):
            raise ServiceError("ValidationException", f"{call.operation} lacks the required {', '.join(missing)}.")
        overlay = overlay_for(call.service, call.operation)
        assert overlay is not None
        if check := guard_for(call.service, call.operation):
            check(call)
        result = overlay(call)
        return result if isinstance(result, RawResponse) else protocol.serialize(operation, result or {})

    def _not_implemented(
        self, environ: Mapping[str, Any], scope: protocol.Scope, request: Request, body: bytes
    ) -> RawResponse:
        model = protocol.service_for_signing_name(scope.signing_name)
        name = protocol.operation_name(environ, scope, body)
        service = scope.signing_name if model is None else model.service_name
        if model is not None and not name and (matched := protocol.match_operation(service, request)):
            name = matched[0].name
        return protocol.error_response(environ, scope, moto_bridge.not_implemented(service, name))


def _request(environ: Mapping[str, Any], body: bytes) -> Request:
    return Request({**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Status"
