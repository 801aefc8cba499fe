"""The HTTP side as an ASGI application: GET /ping, POST /invocations, GET /metrics, and the paths below /v2."""

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from ml.serving.asgi import CLOSE, Disconnected, Headers, Receive, Scope, Send, discard, header, read_body, too_many
from ml.serving.capture import Capture
from ml.serving.errors import RequestError
from ml.serving.forms import Form, Reply, invocation, mlflow_error
from ml.serving.logs import log, mask_with
from ml.serving.metrics import Metrics
from ml.serving.model import Answer, ServedModel
from ml.serving.open_inference.form import inference
from ml.serving.open_inference.paths import describe, error_document, find_path
from ml.serving.settings import Settings
from ml.serving.worker import PredictionWorker

ErrorDocument = Callable[[RequestError, str], dict[str, Any]]

_METHODS = {"/ping": "GET", "/invocations": "POST", "/metrics": "GET"}
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}\Z")
_INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
_REFUSED_BODY_S = 2.0


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
            self.capture = Capture(
                self.settings.capture_uri,
                self.settings.capture_percent,
                model.masker,
                self.metrics,
                log_form=self.settings.log_form,
                interval_s=self.settings.capture_interval_s,
                namespace=self.settings.capture_metrics,
            )
        self.metrics.load_seconds.set(load_seconds)
        self.metrics.ready.set(1)

    def drain(self) -> None:
        """Answer health checks with 503 from now on; requests are still answered."""
        self.draining = True
        self.metrics.ready.set(0)

    @property
    def status(self) -> str:
        """`loading`, `ready` or `draining`."""
        return "draining" if self.draining else "loading" if self.model is None else "ready"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/invocations" and method == "POST":
            headers = dict(scope["headers"])
            await self._predict(lambda _: invocation(headers), mlflow_error, headers, receive, send)
        elif path == "/ping" and method in ("GET", "HEAD"):
            body = json.dumps({"status": self.status}).encode()
            await self._send(send, 200 if self.status == "ready" else 503, body)
        elif path == "/metrics" and method in ("GET", "HEAD"):
            self.metrics.in_flight.set(self.in_flight)
            await self._send(send, 200, self.metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")
        elif path == "/v2" or path.startswith("/v2/"):
            await self._open_inference(path, method, dict(scope["headers"]), receive, send)
        elif path in _METHODS:
            await self._refuse(send, _wrong_method(path, method, _METHODS[path]), "")
        else:
            message = f"There is no {path}; there are GET /ping, POST /invocations, GET /metrics and GET /v2."
            await self._refuse(send, RequestError(404, "ENDPOINT_NOT_FOUND", message), "")

    async def _open_inference(
        self, text: str, method: str, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        settings = self.settings
        try:
            path = find_path(text, settings)
            if method != path.method and (method, path.method) != ("HEAD", "GET"):
                raise _wrong_method(text, method, path.method)
        except RequestError as error:
            await self._refuse(send, error, self._request_id(headers), document=error_document)
            return
        if path.method == "GET":
            status, document = describe(path, settings, self.model, self.status)
            await self._send(send, status, json.dumps(document).encode())
            return
        await self._predict(
            lambda request_id: inference(headers, settings.model_name, settings.model_version, request_id),
            error_document,
            headers,
            receive,
            send,
        )

    async def _predict(
        self,
        form_of: Callable[[str], Form],
        document: ErrorDocument,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request for predictions. form_of: is given the request's id. document: how an error is told."""
        begin = time.perf_counter()
        request_id = self._request_id(headers)
        if self.in_flight >= self.settings.max_concurrency:
            error = too_many(self.settings.max_concurrency)
            self.metrics.count(error.status)
            await self._turn_away(error, headers, receive, send, request_id, document)
            return
        self.in_flight += 1
        status, rows = 499, 0
        try:
            model = self._ready_model()
            form = form_of(request_id)
            body = await read_body(headers, receive, self.settings.max_body_bytes, self.settings.body_timeout_s)
            if model.masker:
                model.masker.hold(request_id, body, form.content)

            def work() -> tuple[Answer, Reply]:
                return form.answer(model, body)

            answer, reply = await self.worker.run(work, len(body))
            status, rows = 200, answer.rows
            extra = ((b"x-request-id", request_id.encode()), *reply.headers)
            await self._send(send, 200, reply.body, reply.content_type.encode(), extra)
            self.metrics.predicted(rows, answer.seconds, time.perf_counter() - begin)
            if self.capture is not None:
                self.capture.take(form, body, reply, header(headers, _INFERENCE_ID))
        except RequestError as error:
            status = error.status
            await self._turn_away(error, headers, receive, send, request_id, document)
        except Disconnected:
            pass
        except Exception as error:  # the model's: it may raise anything
            status = 500
            log(logging.ERROR, "the model raised an error", traceback=True, request_id=request_id)
            message = (
                f"The model raised {type(error).__name__}: {_first_line(error)}. The log has more under {request_id}."
            )
            await self._refuse(send, RequestError(500, "INTERNAL_ERROR", message), request_id, document=document)
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

    async def _turn_away(
        self,
        error: RequestError,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        request_id: str,
        document: ErrorDocument,
    ) -> None:
        """Answer with an error while the body may still be on its way, so that the client gets to read the answer.

        Closing at once would reset the connection of a client that still writes. A client that waits for
        `100 Continue` writes nothing.
        """
        if error.status not in (413, 429, 503, 408, 415, 406):
            await self._refuse(send, error, request_id, document=document)
            return
        waits = headers.get(b"expect", b"").lower() == b"100-continue"
        await self._refuse(send, error, request_id, finished=waits, document=document)
        if not waits:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(discard(receive), _REFUSED_BODY_S)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _refuse(
        self,
        send: Send,
        error: RequestError,
        request_id: str,
        *,
        finished: bool = True,
        document: ErrorDocument = mlflow_error,
    ) -> None:
        if error.status != 429 and error.status < 500:
            log(logging.WARNING, "refused", status=error.status, reason=self._loggable(error), request_id=request_id)
        body = json.dumps(document(error, request_id)).encode()
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
            headers.extend(CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": not finished})


def _wrong_method(path: str, method: str, takes: str) -> RequestError:
    message = f"{path} takes {takes}, not {method}."
    return RequestError(405, "METHOD_NOT_ALLOWED", message, headers=((b"allow", takes.encode()),))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")[:300]
