"""Child processes of the language host: started in a group of their own, streamed, and never left behind."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

_GRACE_S = 5.0
_alive: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def start(
    command: Sequence[str], cwd: str | Path, environment: Mapping[str, str], *, piped: bool
) -> subprocess.Popen[bytes]:
    """Starts a command without a standard input; piped: its output is ours to read instead of the engine's."""
    pipe = subprocess.PIPE if piped else None
    process = subprocess.Popen(
        list(command), cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    with _lock:
        _alive.add(process)
    return process


def wait(process: subprocess.Popen[bytes]) -> int:
    """Waits for the process and gives its exit status (negative: the signal that ended it)."""
    try:
        return process.wait()
    finally:
        with _lock:
            _alive.discard(process)


def stream(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """('stdout' | 'stderr', bytes) as they come, until both streams have ended."""
    chunks: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()

    def pump(name: str, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put(None)

    assert process.stdout is not None
    assert process.stderr is not None
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=pump, args=(name, pipe), daemon=True).start()
    for _ in range(2):
        while (item := chunks.get()) is not None:
            yield item


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT as the engine sends it, then SIGKILL when the process is still there after five seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def stop_all(before: Callable[[subprocess.Popen[bytes]], None] = stop) -> None:
    """Stops whatever still runs."""
    with _lock:
        remaining = list(_alive)
    for process in remaining:
        before(process)
