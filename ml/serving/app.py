"""The HTTP side as an ASGI application: GET /ping, POST /invocations, GET /metrics."""

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ml.serving.capture import Capture
from ml.serving.encode import encode
from ml.serving.errors import RequestError
from ml.serving.logs import log, mask_with
from ml.serving.media import choose_accept, parse_content_type
from ml.serving.metrics import Metrics
from ml.serving.model import Answer, ServedModel
from ml.serving.settings import Settings
from ml.serving.worker import PredictionWorker

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

_METHODS = {"/ping": "GET", "/invocations": "POST", "/metrics": "GET"}
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}\Z")
_CLOSE: Headers = ((b"connection", b"close"),)
_REFUSED_BODY_S = 2.0


class Disconnected(Exception):  # noqa: N818 - no error of ours
    """The client went away before its body was complete."""


class App:
    """The application. `model` is None until it is loaded; `draining` is set when the server is about to stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.worker = PredictionWorker()
        self.model: ServedModel | None = None
        self.capture: Capture | None = None
        self.draining = False
        self.closing = False
        self.in_flight = 0
        self._id_prefix = secrets.token_hex(6)
        self._id_count = 0

    def serve_model(self, model: ServedModel, load_seconds: float) -> None:
        """Become ready with a loaded model."""
        self.model = model
        if model.masker:
            mask_with(model.masker.text)
        if self.settings.capture_uri:
            self.capture = Capture(self.settings.capture_uri, self.settings.capture_percent, model.masker)
        self.metrics.load_seconds.set(load_seconds)
        self.metrics.ready.set(1)

    def drain(self) -> None:
        """Answer health checks with 503 from now on; requests are still answered."""
        self.draining = True
        self.metrics.ready.set(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/invocations" and method == "POST":
            await self._invocations(scope, receive, send)
        elif path == "/ping" and method in ("GET", "HEAD"):
            await self._ping(send)
        elif path == "/metrics" and method in ("GET", "HEAD"):
            self.metrics.in_flight.set(self.in_flight)
            await self._send(send, 200, self.metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")
        elif path in _METHODS:
            message = f"{path} takes {_METHODS[path]}, not {method}."
            await self._refuse(send, RequestError(405, "METHOD_NOT_ALLOWED", message, headers=_allow(path)), "")
        else:
            message = f"There is no {path}; there are GET /ping, POST /invocations and GET /metrics."
            await self._refuse(send, RequestError(404, "ENDPOINT_NOT_FOUND", message), "")

    async def _ping(self, send: Send) -> None:
        status = "draining" if self.draining else "loading" if self.model is None else "ready"
        body = json.dumps({"status": status}).encode()
        await self._send(send, 200 if status == "ready" else 503, body)

    async def _invocations(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = self._request_id(headers)
        if self.in_flight >= self.settings.max_concurrency:
            await self._turn_away(_too_many(self.settings.max_concurrency), headers, receive, send, request_id)
            return
        self.in_flight += 1
        status, rows = 499, 0
        try:
            model = self._ready_model()
            content = parse_content_type(_text(headers, b"content-type"))
            media = choose_accept(_text(headers, b"accept"))
            body = await self._body(headers, receive)
            if model.masker:
                model.masker.hold(request_id, body, content)

            def work() -> tuple[Answer, bytes]:
                answer = model.answer(body, content)
                return answer, encode(answer.predictions, media)

            answer, output = await self.worker.run(work, len(body))
            status, rows = 200, answer.rows
            self.metrics.model_seconds.observe(answer.seconds)
            self.metrics.rows.inc(rows)
            await self._send(send, 200, output, media.encode(), ((b"x-request-id", request_id.encode()),))
            self.metrics.seconds.observe(time.perf_counter() - begin)
            if self.capture is not None:
                self.capture.take(_text(headers, b"content-type"), content, body, media, output)
        except RequestError as error:
            status = error.status
            await self._turn_away(error, headers, receive, send, request_id, counted=False)
        except Disconnected:
            pass
        except Exception as error:  # the model's: it may raise anything
            status = 500
            log(logging.ERROR, "the model raised an error", traceback=True, request_id=request_id)
            message = (
                f"The model raised {type(error).__name__}: {_first_line(error)}. The log has more under {request_id}."
            )
            await self._refuse(send, RequestError(500, "INTERNAL_ERROR", message), request_id)
        finally:
            self.in_flight -= 1
            self.metrics.count(status)
            if self.model is not None and self.model.masker:
                self.model.masker.release(request_id)
        if self.settings.access_log:
            took = round(1000 * (time.perf_counter() - begin), 3)
            log(logging.INFO, "answered", status=status, rows=rows, milliseconds=took, request_id=request_id)

    def _loggable(self, error: RequestError) -> str:
        """A refusal without the value that it is about, where that is personal: the client alone is told."""
        masker = self.model.masker if self.model is not None else None
        if not masker or error.column is None or not masker.is_personal(error.column):
            return error.message
        return f"Row {error.row}, column {error.column!r}: expected {error.expected}; the value is personal."

    def _ready_model(self) -> ServedModel:
        if self.model is None:
            headers: Headers = ((b"retry-after", b"1"),)
            raise RequestError(503, "TEMPORARILY_UNAVAILABLE", "The model is still being loaded.", headers=headers)
        return self.model

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.match(given):
            return given.decode("ascii")
        self._id_count += 1
        return f"{self._id_prefix}-{self._id_count:x}"

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body. Raises RequestError 413 or 408, or Disconnected."""
        limit = self.settings.max_body_bytes
        declared = headers.get(b"content-length")
        if declared is not None and int(declared) > limit:
            raise _too_large(limit, int(declared))
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    part: bytes = message.get("body", b"")
                    size += len(part)
                    if size > limit:
                        raise _too_large(limit)
                    if not message.get("more_body"):
                        return b"".join((*parts, part)) if parts else part
                    parts.append(part)
        except TimeoutError:
            message = f"The body was not complete after {self.settings.body_timeout_s:g} s."
            raise RequestError(408, "REQUEST_TIMEOUT", message, headers=_CLOSE) from None

    async def _turn_away(
        self,
        error: RequestError,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        request_id: str,
        *,
        counted: bool = True,
    ) -> None:
        """Answer with an error while the body may still be on its way, so that the client gets to read the answer.

        Closing at once would reset the connection of a client that still writes. A client that waits for
        `100 Continue` writes nothing.
        """
        if counted:
            self.metrics.count(error.status)
        if error.status not in (413, 429, 503, 408, 415, 406):
            await self._refuse(send, error, request_id)
            return
        waits = headers.get(b"expect", b"").lower() == b"100-continue"
        await self._refuse(send, error, request_id, finished=waits)
        if not waits:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_discard(receive), _REFUSED_BODY_S)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _refuse(self, send: Send, error: RequestError, request_id: str, *, finished: bool = True) -> None:
        if error.status != 429 and error.status < 500:
            log(logging.WARNING, "refused", status=error.status, reason=self._loggable(error), request_id=request_id)
        body = json.dumps(error.body(request_id)).encode()
        headers = ((b"x-request-id", request_id.encode()), *error.headers)
        await self._send(send, error.status, body, extra=headers, finished=finished)

    async def _send(
        self,
        send: Send,
        status: int,
        body: bytes,
        content_type: bytes = b"application/json",
        extra: Headers = (),
        *,
        finished: bool = True,
    ) -> None:
        headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *extra]
        if self.closing:
            headers.extend(_CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": not finished})


async def _discard(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _allow(path: str) -> Headers:
    return ((b"allow", _METHODS[path].encode()),)


def _too_many(limit: int) -> RequestError:
    message = f"{limit} requests are being answered already, the most that this server takes at once; try again."
    return RequestError(429, "REQUEST_LIMIT_EXCEEDED", message, headers=((b"retry-after", b"1"),))


def _too_large(limit: int, declared: int | None = None) -> RequestError:
    has = f"has {declared} bytes" if declared is not None else "is too large"
    message = f"The body {has}; the most is {limit} bytes. Send fewer rows at once."
    return RequestError(413, "REQUEST_TOO_LARGE", message, expected=f"at most {limit} bytes", headers=_CLOSE)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")[:300]
