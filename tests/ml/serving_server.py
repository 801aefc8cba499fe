"""The inference server as a process, for tests: started, asked, read, stopped."""

import http.client
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def until(holds: Callable[[], bool], explain: Callable[[], str]) -> None:
    """Waits for a minute at most; explain: what is shown where it does not come to hold."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


class Server:
    """A running server, its address, and what it has logged so far."""

    def __init__(self, process: subprocess.Popen[str], port: int, lines: "queue.Queue[str]", seen: list[str]) -> None:
        self.process = process
        self.port = port
        self._lines = lines
        self._seen = seen

    def call(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> "Reply":
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def log(self) -> str:
        while not self._lines.empty():
            self._seen.append(self._lines.get())
        return "".join(self._seen)

    def wait_logged(self, words: str) -> list[str]:
        """The lines that hold some words, once there is one: the process's log comes through a thread."""
        deadline = time.monotonic() + 60
        while not (found := [line for line in self.log().splitlines() if words in line]):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return found

    def wait_in_flight(self, count: int) -> None:
        """Waits until the server says that it works on so many requests."""
        deadline = time.monotonic() + 60
        while f"serving_in_flight {count}.0" not in self.call("/metrics").body.decode():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 60
        while self.call("/ping").status != 200:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def running(model_dir: Path, *options: str, ready: bool = True) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ml.serving", "--model-dir", str(model_dir), "--port", "0", *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    seen: list[str] = []
    try:
        while not seen or '"listening"' not in seen[-1]:
            seen.append(lines.get(timeout=30))
        server = Server(process, json.loads(seen[-1])["port"], lines, seen)
        if ready:
            server.wait_ready()
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
