"""One instance of a variant: a model server's process, kept alive, and the connections to it."""

import contextlib
import http.client
import logging
import os
import secrets
import select
import shutil
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.processes import Command, Container, Exit, LogLine
from local.aws_server.sagemaker.training_outcome import tail
from local.supervisor.ports import free_port

logger = logging.getLogger(__name__)

PING_TIMEOUT_S = 2.0
"""A container must answer /ping within this time, by the documentation of the inference container contract."""
FIRST_PING_INTERVAL_S, PING_INTERVAL_S = 0.01, 0.05
CHECK_INTERVAL_S = 10.0
"""A healthy server without output or requests is pinged as often as this."""
MOST_MISSED_PINGS = 3
SHIP_INTERVAL_S = 0.1
GRACE_S = 20.0
RESTART_DELAYS_S = (0.0, 0.2, 1.0, 5.0)
STEADY_S = 30.0
"""An instance that ran so long before it died is restarted without delay."""
TAIL_LENGTH = 700


@dataclass(frozen=True)
class Reply:
    """A model server's answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswerError(Exception):
    """The process did not take the request: none of it was processed, another instance may get it."""


class BrokenAnswerError(Exception):
    """The process took the request and gave no whole answer (it died, or took too long).

    timed_out: whether it took too long; otherwise the connection broke, as it does when the process is killed.
    """

    def __init__(self, cause: Exception, *, timed_out: bool) -> None:
        super().__init__(_describe(cause))
        self.timed_out = timed_out


class Instance(threading.Thread):
    """Starts the server, waits until it answers /ping, ships its output, starts it again when it dies.

    make_command: the command for a port. folder: the instance's own; each start gets a run folder in it. pid: of the
    process whose children the server is; 0 while there is none.
    """

    def __init__(
        self, name: str, identity: str, folder: Path, make_command: Callable[[int], Command], stream: LogStream
    ) -> None:
        super().__init__(name=f"instance-{name}", daemon=True)
        self.identity = identity
        self.in_flight = 0
        self.port = 0
        self.pid = 0
        self.healthy = threading.Event()
        self.failure = ""
        self.settled = threading.Event()
        self._folder = folder
        self._make_command = make_command
        self._stream = stream
        self._retired = False
        self._kill_now = False
        self._missed = 0
        self._command_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._idle: deque[socket.socket] = deque()

    def run(self) -> None:
        """Until retired."""
        starts = 0
        while not self._retired:
            began = time.monotonic()
            try:
                end = self._serve_once(starts)
            except OSError as error:
                end = Exit(cause="start", error=str(error))
            self.healthy.clear()
            self._close_connections()
            if self._retired:
                break
            if not self.settled.is_set():
                self.failure = _reason(end)
                self.settled.set()
                break
            starts = 1 if time.monotonic() - began > STEADY_S else starts + 1
            self._say(f"The model server ended ({_reason(end)}) and is started again.")
            select.select([self._command_fd], [], [], RESTART_DELAYS_S[min(starts, len(RESTART_DELAYS_S)) - 1])
        self._close_connections()
        shutil.rmtree(self._folder, ignore_errors=True)
        with self._lock:
            descriptor, self._command_fd = self._command_fd, -1
            os.close(descriptor)

    def retire(self, *, now: bool = False) -> None:
        """Ends the process for good: SIGTERM and grace, or at once."""
        self._retired = True
        self._kill_now = now
        self.settled.set()
        self._announce()

    def suspect(self) -> None:
        """Somebody could not connect: it gets no requests until it answers /ping again."""
        self.healthy.clear()
        self._announce()

    def _announce(self) -> None:
        with self._lock:
            if self._command_fd >= 0:
                os.eventfd_write(self._command_fd, 1)

    def _serve_once(self, number: int) -> Exit:
        self.port = free_port()
        self._missed = 0
        run_dir = self._folder / f"run-{number}-{secrets.token_hex(3)}"
        container = Container.prepare(run_dir, self._make_command(self.port))
        container.release()
        self.pid = container.pid
        try:
            self._watch(container)
            return container.exit()
        finally:
            self.pid = 0
            container.close()

    def _watch(self, container: Container) -> None:
        poller = select.poll()
        for descriptor in (self._command_fd, container.pid_fd, container.wake_fd):
            poller.register(descriptor, select.POLLIN)
        interval = FIRST_PING_INTERVAL_S
        ship_at = 0.0
        while not container.ended():
            if self.healthy.is_set():
                if not poller.poll(CHECK_INTERVAL_S * 1000):
                    self._check(container)
            else:
                poller.poll(interval * 1000)
                interval = min(PING_INTERVAL_S, interval * 1.5)
                if not self._retired and self._ping():
                    self.healthy.set()
                    self.settled.set()
            self._clear_commands()
            if self._retired:
                self._end(container)
            container.clear_wake()
            wait = ship_at - time.monotonic()
            if wait > 0 and self.healthy.is_set():
                select.select([self._command_fd, container.pid_fd], [], [], wait)
            self._ship(container)
            ship_at = time.monotonic() + SHIP_INTERVAL_S
        self._ship(container)

    def _check(self, container: Container) -> None:
        """A server that hangs is killed, and with that started again; one that is at work is not asked."""
        if self.in_flight or self._ping():
            self._missed = 0
            return
        self._missed += 1
        if self._missed >= MOST_MISSED_PINGS:
            self._say(f"The model server did not answer {self._missed} pings and is killed.")
            container.kill()

    def _clear_commands(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._command_fd)

    def _end(self, container: Container) -> None:
        if not self._kill_now:
            container.stop()
            if container.ended(GRACE_S):
                return
        container.kill()
        container.ended(5.0)

    def _ping(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PING_TIMEOUT_S)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _ship(self, container: Container) -> None:
        if lines := container.new_lines():
            self._put(lines)

    def _say(self, text: str) -> None:
        self._put([LogLine(int(time.time() * 1000), False, text)])

    def _put(self, lines: list[LogLine]) -> None:
        try:
            self._stream.put(lines)
        except ServiceError as error:
            logger.warning("log of %s: %s", self.name, error)

    def exchange(self, request: bytes, timeout_s: float) -> Reply:
        """Sends a whole HTTP request on a kept connection and reads the whole answer.

        Raises NoAnswerError and BrokenAnswerError.
        """
        connection, reused = self._connection()
        try:
            response = _begin(connection, request, timeout_s)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            connection.close()
            if not reused:
                raise _broken(error) from error
            # A server may close a connection that it finds idle at the very moment when it is used again. Whether it
            # was that or the process died shows in whether the process takes a new connection.
            try:
                connection = self._connect()
                response = _begin(connection, request, timeout_s)
            except (NoAnswerError, OSError, http.client.HTTPException) as second:
                raise _broken(second if isinstance(second, TimeoutError) else error) from second
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _broken(error) from error
        try:
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _broken(error) from error
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return Reply(response.status, dict(response.headers.items()), body)

    def _connection(self) -> tuple[socket.socket, bool]:
        """A connection that the server has not closed, and whether it was used before."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect(), False
            if not select.select([connection], [], [], 0)[0]:
                return connection, True
            connection.close()

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=PING_TIMEOUT_S)
        except OSError as error:
            raise NoAnswerError(str(error)) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _close_connections(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _begin(connection: socket.socket, request: bytes, timeout_s: float) -> http.client.HTTPResponse:
    connection.settimeout(timeout_s)
    connection.sendall(request)
    # Many servers write headers and body apart: a delayed acknowledgement of the first would hold the second back.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    return response


def _broken(error: Exception) -> BrokenAnswerError:
    return BrokenAnswerError(error, timed_out=isinstance(error, TimeoutError))


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "Your invocation timed out while waiting for a response from container primary."
    return f"The connection to the container broke: {error}" if str(error) else "The container closed the connection."


def _reason(end: Exit) -> str:
    """Why a model server ended, in one line or a few."""
    if end.cause == "start":
        return f"it could not be started: {end.error}"
    text = tail(end.stderr, TAIL_LENGTH)
    return f"exit code {end.exit_code}" + (f": {text}" if text else "")
