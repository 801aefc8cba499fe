"""Several models in one server, loaded and unloaded as SageMaker's multi-model endpoints ask for it.

POST /models loads one, GET /models and /models/NAME tell, DELETE /models/NAME unloads, POST /models/NAME/invoke asks:
https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

import asyncio
import gc
import json
import logging
import re
import time
from pathlib import Path
from typing import Any, cast

from ml.serving.app import App
from ml.serving.asgi import Disconnected, Headers, Receive, Scope, Send, read_body
from ml.serving.errors import ModelLoadError, RequestError
from ml.serving.forms import mlflow_error
from ml.serving.logs import log, mask_with
from ml.serving.metrics import Metrics
from ml.serving.model import ServedModel, load_model
from ml.serving.settings import Settings

_MODEL = re.compile(r"/models/(?P<name>[^/]+)(?P<invoke>/invoke)?")
_NO_ROOM = 507
_MOST_BYTES = 64 * 1024


class MultiModelApp:
    """The application: each model has the one that a model alone would have."""

    capture = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.draining = False
        self._closing = False
        self._apps: dict[str, App] = {}
        self._urls: dict[str, str] = {}
        self._loading = asyncio.Lock()

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return sum(app.in_flight for app in self._apps.values())

    @property
    def closing(self) -> bool:
        """Whether every answer closes its connection."""
        return self._closing

    @closing.setter
    def closing(self, value: bool) -> None:
        self._closing = value
        for app in self._apps.values():
            app.closing = value

    def drain(self) -> None:
        """Answer health checks with 503 from now on; requests are still answered."""
        self.draining = True
        self.metrics.ready.set(0)

    def start(self) -> None:
        """Become ready, without a model."""
        self.metrics.ready.set(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        try:
            if path == "/ping" and method in ("GET", "HEAD"):
                status = "draining" if self.draining else "ready"
                await _send(send, 503 if self.draining else 200, {"status": status})
            elif path == "/metrics" and method in ("GET", "HEAD"):
                self.metrics.in_flight.set(self.in_flight)
                await _send_body(send, 200, self.metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")
            elif path == "/models" and method == "POST":
                body = await read_body(dict(scope["headers"]), receive, _MOST_BYTES, self.settings.body_timeout_s)
                await _send(send, 200, await self._load(*_wanted(body)))
            elif path == "/models" and method == "GET":
                await _send(send, 200, {"models": [self._shown(name) for name in self._apps]})
            elif found := _MODEL.fullmatch(path):
                await self._of_model(found["name"], bool(found["invoke"]), scope, receive, send)
            else:
                raise RequestError(
                    404,
                    "ENDPOINT_NOT_FOUND",
                    f"There is no {method} {path}; there are GET /ping, GET /metrics, POST and GET /models, GET and "
                    "DELETE /models/NAME, and POST /models/NAME/invoke.",
                )
        except RequestError as error:
            log(logging.WARNING, "refused", status=error.status, reason=error.message)
            await _send(send, error.status, mlflow_error(error, ""), error.headers)
        except Disconnected:
            pass

    async def _of_model(self, name: str, invoke: bool, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._apps.get(name)
        if app is None:
            raise RequestError(404, "RESOURCE_DOES_NOT_EXIST", f"There is no model {name!r} loaded.")
        method = scope["method"]
        if invoke:
            await app({**scope, "path": "/invocations"}, receive, send)
        elif method == "GET":
            await _send(send, 200, self._shown(name))
        elif method == "DELETE":
            self._unload(name)
            await _send(send, 200, {"modelName": name})
        else:
            headers: Headers = ((b"allow", b"GET, DELETE"),)
            raise RequestError(405, "METHOD_NOT_ALLOWED", f"/models/{name} takes GET and DELETE.", headers=headers)

    async def _load(self, name: str, url: str) -> dict[str, str]:
        async with self._loading:
            if name in self._apps:
                raise RequestError(409, "RESOURCE_ALREADY_EXISTS", f"Model {name!r} is loaded already.")
            most = self.settings.max_models
            if most is not None and len(self._apps) >= most:
                raise RequestError(_NO_ROOM, "RESOURCE_EXHAUSTED", f"{most} models are loaded, the most that may be.")
            began = time.perf_counter()
            try:
                model, typical = await asyncio.get_running_loop().run_in_executor(None, _loaded, Path(url))
            except MemoryError as error:
                gc.collect()
                raise RequestError(_NO_ROOM, "RESOURCE_EXHAUSTED", f"Model {name!r} finds no memory.") from error
            except ModelLoadError as error:
                raise RequestError(500, "INTERNAL_ERROR", str(error)) from error
            app = App(self.settings)
            app.metrics, app.closing = self.metrics, self._closing
            if typical is not None:
                app.worker.learn(typical)
            seconds = time.perf_counter() - began
            app.serve_model(model, seconds)
            self._apps[name], self._urls[name] = app, url
            self._mask()
            log(logging.INFO, "loaded", model=name, path=url, load_seconds=round(seconds, 3), models=len(self._apps))
            return self._shown(name)

    def _unload(self, name: str) -> None:
        del self._apps[name], self._urls[name]
        self._mask()
        gc.collect()
        log(logging.INFO, "unloaded", model=name, models=len(self._apps))

    def _mask(self) -> None:
        """Personal values of every model are taken out of the log."""
        maskers = [app.model.masker for app in self._apps.values() if app.model is not None and app.model.masker]

        def mask(text: str) -> str:
            for masker in maskers:
                text = masker.text(text)
            return text

        mask_with(mask if maskers else None)

    def _shown(self, name: str) -> dict[str, str]:
        return {"modelName": name, "modelUrl": self._urls[name]}


def _loaded(folder: Path) -> tuple[ServedModel, float | None]:
    model = load_model(folder)
    return model, model.warm_up()


def _wanted(body: bytes) -> tuple[str, str]:
    """Name and folder of the model that a request wants loaded."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        document = None
    wanted = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    name, url = wanted.get("model_name"), wanted.get("url")
    if not (isinstance(name, str) and isinstance(url, str) and re.fullmatch(r"[^/]+", name)):
        message = 'POST /models takes {"model_name": "…", "url": "…"}: a name without slashes, and a folder.'
        raise RequestError(400, "BAD_REQUEST", message)
    return name, url


async def _send(send: Send, status: int, document: dict[str, Any], extra: Headers = ()) -> None:
    await _send_body(send, status, json.dumps(document).encode(), b"application/json", extra)


async def _send_body(send: Send, status: int, body: bytes, content_type: bytes, extra: Headers = ()) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
