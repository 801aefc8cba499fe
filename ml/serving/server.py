"""The process: a socket that answers from the first moment, a model loaded behind it, and an orderly end."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from importlib.metadata import version

import uvicorn

from ml.serving.app import App
from ml.serving.errors import ModelLoadError
from ml.serving.logs import log
from ml.serving.model import ServedModel, load_model
from ml.serving.multi_model import MultiModelApp
from ml.serving.settings import Settings

_LINGER_S = 1.0
_KEEP_ALIVE_S = 75
_BACKLOG = 1024


class AddressError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: stopping begins with draining."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises AddressError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressError(f"{host}:{port} is in use by another process; choose another --port.") from error
        raise AddressError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    return sock


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain.

    The exit code: 0 after an orderly end, 1 where requests in flight outlasted the drain timeout. Raises AddressError
    and ModelLoadError.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    sock = listen(settings.host, settings.port)
    if settings.multi_model and settings.capture_uri:
        raise ModelLoadError("Several models (--multi-model) are not captured: leave --capture-uri out.")
    app = MultiModelApp(settings) if settings.multi_model else App(settings)
    server = _Server(_config(app, settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: _on_signal(stop, server))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    port = sock.getsockname()[1]
    log(logging.INFO, "listening", host=settings.host, port=port, model_dir=str(settings.model_dir))
    stopped = asyncio.create_task(stop.wait())
    if isinstance(app, MultiModelApp):
        app.start()
        log(logging.INFO, "ready", port=port, models=0, pid=os.getpid())
        await asyncio.wait((stopped, serving), return_when=asyncio.FIRST_COMPLETED)
        return await _drain(app, server, serving, settings)
    loading = _load_in_thread(settings, loop)
    await asyncio.wait((loading, stopped, serving), return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        if loading.exception() is not None:
            server.should_exit = True
            await serving
        model, seconds = loading.result()
        _become_ready(app, model, seconds, port)
        await asyncio.wait((stopped, serving), return_when=asyncio.FIRST_COMPLETED)
    return await _drain(app, server, serving, settings)


def _config(app: App | MultiModelApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout_s)),
        backlog=_BACKLOG,
    )


def _load_in_thread(settings: Settings, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[tuple[ServedModel, float]]":
    """Load the model beside the loop, in a daemon thread: a stop while loading need not wait for it."""
    result: asyncio.Future[tuple[ServedModel, float]] = loop.create_future()

    def resolve(value: tuple[ServedModel, float] | Exception) -> None:
        if isinstance(value, Exception):
            result.set_exception(value)
        else:
            result.set_result(value)

    def load() -> None:
        begin = time.perf_counter()
        try:
            model = load_model(settings.model_dir)
            outcome: tuple[ServedModel, float] | Exception = (model, time.perf_counter() - begin)
        except ModelLoadError as error:
            outcome = error
        except Exception as error:
            outcome = ModelLoadError(f"The model does not load: {type(error).__name__}: {error}")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(resolve, outcome)

    threading.Thread(target=load, name="load-model", daemon=True).start()
    return result


def _become_ready(app: App, model: ServedModel, seconds: float, port: int) -> None:
    typical = model.warm_up()
    if typical is not None:
        app.worker.learn(typical)
    # What importing and loading left is there for good; a full collection that walks over it takes tens of ms.
    gc.collect()
    gc.freeze()
    app.serve_model(model, seconds)
    log(
        logging.INFO,
        "ready",
        port=port,
        model=str(model.path),
        load_seconds=round(seconds, 3),
        input="arrays" if model.uses_arrays else "data frames" if model.schema else "MLflow's forms",
        columns=len(model.schema.columns) if model.schema else None,
        mlflow=version("mlflow-skinny"),  # what the full package builds on, and all that the image has
        pid=os.getpid(),
    )


def _on_signal(stop: asyncio.Event, server: _Server) -> None:
    if stop.is_set():
        server.force_exit = True  # asked a second time: do not wait for requests in flight
    stop.set()


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds, at most some seconds. It looks again and again: uvicorn tells nobody."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def _drain(app: App | MultiModelApp, server: _Server, serving: "asyncio.Task[None]", settings: Settings) -> int:
    """Readiness drops, clients move away, requests in flight finish, the process ends."""
    begin = time.perf_counter()
    app.drain()
    log(logging.INFO, "draining", in_flight=app.in_flight)
    if not server.force_exit:
        await asyncio.sleep(settings.drain_delay_s)
    # From here every answer tells its client to connect elsewhere, so that no request goes into a closing connection.
    app.closing = True
    await _until(lambda: not server.server_state.connections or server.force_exit, _LINGER_S)
    server.should_exit = True
    await _until(lambda: not app.in_flight or server.force_exit, settings.drain_timeout_s)
    if app.capture is not None:
        await asyncio.to_thread(app.capture.close)
    lost = app.in_flight
    if lost:
        log(logging.ERROR, "stopped with requests in flight", lost=lost, drain_timeout_s=settings.drain_timeout_s)
        return 1
    await serving
    log(logging.INFO, "stopped", seconds=round(time.perf_counter() - begin, 3))
    return 0
