"""Captured requests and answers of a model with personal columns, as SageMaker's own data capture writes them to S3.

SageMaker captures what arrives, before this process sees it, and can leave nothing out. So one with personal
columns captures here: the same lines, at the same kind of place, with these columns masked
(ml/serving/capture_lines.py). A process of its own masks and writes; a request is only packed and put aside for it.
"""

import contextlib
import fcntl
import json
import logging
import marshal
import os
import random
import select
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from typing import Any, BinaryIO, cast

from ml.serving.capture_writer import CaptureSettings, message
from ml.serving.forms import Form, Reply
from ml.serving.logs import log
from ml.serving.metrics import Metrics
from ml.serving.personal import Masker

MOST_WAITING_BYTES = 64 << 20
"""Of bodies put aside; beyond, exchanges are left out: a request does not wait for S3."""
_PASS_ON_S = 0.25
_BATCH = 250
_BATCH_BYTES = 512 << 10
"""Exchanges of a message, and their bytes: putting one together must not hold up a request."""
_SMALL_BYTES = 64 << 10
"""Packed when it is taken; what is larger, beside the requests."""
_PIPE_BYTES = 1 << 20
"""As much as a process without privileges may ask for: a message goes at once, and wakes the writing process once."""


class Capture:
    """Takes a share of the exchanges and has them written.

    uri: S3 prefix of one variant of an endpoint. percent: share of the exchanges, 0 to 100. interval_s: longest time
    between two files. log_form: of the writing process's log. namespace: CloudWatch's, that is told what S3 did not
    take; empty for none.
    """

    def __init__(
        self,
        uri: str,
        percent: float,
        masker: Masker,
        metrics: Metrics,
        *,
        log_form: str = "json",
        interval_s: float = 30.0,
        namespace: str = "",
    ) -> None:
        self._share = percent / 100
        self._metrics = metrics
        self._settings = CaptureSettings(
            uri=uri,
            interval_s=interval_s,
            personal=tuple(masker.personal),
            columns=tuple(masker.columns),
            log_form=log_form,
            namespace=namespace,
        )
        self._waiting: deque[bytes | tuple[Any, ...]] = deque()
        # Each is added to by one thread alone: what is taken and left out by the server's, what is passed on by ours.
        self._taken_bytes = self._passed_bytes = 0
        self._left_out = self._left_out_told = 0
        self._sent = self._accounted = 0
        self._closing = threading.Event()
        self._writer: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def take(self, form: Form, body: bytes, reply: Reply, inference_id: str = "") -> None:
        """Note one exchange, where the sample falls on it. It costs no more than packing it and putting it aside."""
        if random.random() >= self._share:  # noqa: S311 - a sample, no secret
            return
        asked, answered = form.content, reply.content
        exchange = (
            form.observed,
            (asked.media, asked.header, asked.json_length),
            body,
            reply.content_type,
            (answered.media, answered.header, answered.json_length),
            reply.body,
            inference_id or reply.request_id,
            time.time(),
        )
        # Packed one at a time: many at once would hold the interpreter while requests wait, as would a large one here.
        size = len(body) + len(reply.body)
        taken: bytes | tuple[Any, ...] = exchange
        if size < _SMALL_BYTES:
            taken = marshal.dumps(exchange)
            size = len(taken)
        if self._taken_bytes - self._passed_bytes + size > MOST_WAITING_BYTES:
            self._left_out += 1
            return
        self._taken_bytes += size
        self._waiting.append(taken)

    def close(self, timeout_s: float = 10.0) -> None:
        """Have what is left written."""
        self._closing.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(_PASS_ON_S):
            self._pass_on()
        self._pass_on()
        self._end()

    def _pass_on(self) -> None:
        """Hand what was put aside to the writing process, which is started where there is none."""
        left_out = self._left_out - self._left_out_told
        if left_out:
            self._left_out_told += left_out
            log(logging.WARNING, "captured data were left out", exchanges=left_out)
            self._metrics.captures_lost.inc(left_out)
        while self._waiting:
            batch, size = self._batch()
            try:
                self._send(batch)
                self._sent += len(batch)
            except OSError as error:
                self._tell_lost(len(batch), type(error).__name__)
            self._passed_bytes += size

    def _batch(self) -> tuple[list[bytes], int]:
        """The next exchanges, packed, and how many bytes they counted as when they were taken."""
        batch: list[bytes] = []
        size = 0
        while self._waiting and len(batch) < _BATCH and size < _BATCH_BYTES:
            each = self._waiting.popleft()
            size += _size(each)
            batch.append(each if isinstance(each, bytes) else marshal.dumps(each))
        return batch, size

    def _send(self, batch: list[bytes]) -> None:
        """Have the writing process read a batch; this thread waits while it cannot. Raises OSError where it ended."""
        pipe = self._input()
        rest = memoryview(message(batch))
        while rest:
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                select.select([], [pipe], [], 1.0)

    def _input(self) -> int:
        """The writing process's, which is started where there is none."""
        if self._writer is None or self._writer.poll() is not None:
            if self._writer is not None and self._reader is not None:
                self._reader.join(_PASS_ON_S)
                # What it had been given and had not reported.
                self._tell_lost(self._sent - self._accounted, "the writing process has ended")
            self._sent = self._accounted = 0
            command = [sys.executable, "-m", "ml.serving.capture_writer"]
            self._writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            self._reader = threading.Thread(target=self._read, args=(self._writer,), name="capture-report", daemon=True)
            self._reader.start()
            pipe = cast("BinaryIO", self._writer.stdin).fileno()
            with contextlib.suppress(OSError):  # more than this user may have in pipes
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            os.write(pipe, message(asdict(self._settings)))
            os.set_blocking(pipe, False)
        return cast("BinaryIO", self._writer.stdin).fileno()

    def _tell_lost(self, count: int, reason: str) -> None:
        if count:
            log(logging.ERROR, "captured data were not written", lines=count, error=reason)
            self._metrics.captures_lost.inc(count)

    def _read(self, writer: "subprocess.Popen[bytes]") -> None:
        assert writer.stdout is not None
        for line in writer.stdout:
            report: dict[str, Any] = json.loads(line)
            written, lost = report.get("written", 0), report.get("lost", 0)
            self._accounted += written + lost
            self._metrics.captures_written.inc(written)
            self._metrics.captures_lost.inc(lost)

    def _end(self) -> None:
        writer = self._writer
        if writer is None or writer.stdin is None:
            return
        try:
            writer.stdin.close()
            writer.wait(timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            writer.kill()
        if self._reader is not None:
            self._reader.join(_PASS_ON_S)


def _size(taken: "bytes | tuple[Any, ...]") -> int:
    return len(taken) if isinstance(taken, bytes) else len(taken[2]) + len(taken[5])
