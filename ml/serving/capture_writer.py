"""The process that writes captured exchanges to S3, beside the server: `python -m ml.serving.capture_writer`.

Masking and encoding cost about as much as a prediction of one row, and in the server's process they would hold its
interpreter while requests wait. Input: a CaptureSettings, then batches of exchanges, each length-prefixed. Output: a
JSON line for every file that was, or was not, written.
"""

import contextlib
import json
import logging
import marshal
import os
import queue
import signal
import struct
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO

from ml.serving.capture_lines import Exchange, line_of
from ml.serving.logs import log, set_up
from ml.serving.personal import Masker

MOST_LINES = 10_000
"""Of one file; a full one is written at once."""
MOST_BATCHES = 40
"""Read and not yet encoded; beyond, they wait in the server."""
NICENESS = 10
"""Where the machine is busy, requests come first."""
LOST = "CapturesLost"
"""Metric: captured exchanges that S3 did not take."""
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, kw_only=True)
class CaptureSettings:
    """uri: S3 prefix of one variant of an endpoint. interval_s: longest time between two files. personal, columns: as
    Masker takes them. log_form: as the server's. namespace: CloudWatch's, that is told of losses; empty for none."""

    uri: str
    interval_s: float
    personal: tuple[str, ...]
    columns: tuple[str, ...]
    log_form: str
    namespace: str = ""

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """Of the metric: the endpoint and its variant, which the prefix ends with."""
        *_, endpoint, variant = ["", *self.uri.rstrip("/").split("/")]
        return [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]


def message(value: Any) -> bytes:
    """A message of plain values, as `received` reads it."""
    data = marshal.dumps(value)
    return _LENGTH.pack(len(data)) + data


def received(pipe: BinaryIO) -> Any:
    """The next message; None at the end, which is also where a server was killed amid a message."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length: int = _LENGTH.unpack(head)[0]
    data = pipe.read(length)
    return marshal.loads(data) if len(data) == length else None  # noqa: S302 - our own server's pipe


class Writer:
    """Collects lines and writes files of them."""

    def __init__(self, settings: CaptureSettings, report: TextIO, s3: Any = None, cloudwatch: Any = None) -> None:
        self._settings = settings
        self._masker = Masker(settings.personal, settings.columns)
        self._bucket, _, self._prefix = settings.uri.removeprefix("s3://").rstrip("/").partition("/")
        self._report = report
        self._s3: Any = s3
        self._cloudwatch: Any = cloudwatch
        self._lines: list[str] = []

    def run(self, batches: "queue.Queue[list[tuple[Any, ...]] | None]") -> None:
        """Until None comes: a file at every interval, and whenever one is full."""
        deadline = time.monotonic() + self._settings.interval_s
        while True:
            try:
                batch = batches.get(timeout=max(0.0, deadline - time.monotonic()))
                if batch is None:
                    break
                self._lines.extend([line_of(Exchange(*each), self._masker) for each in batch])
            except queue.Empty:
                pass
            if len(self._lines) >= MOST_LINES or time.monotonic() >= deadline:
                self.write()
                deadline = time.monotonic() + self._settings.interval_s
        self.write()

    def write(self) -> None:
        """Write what there is. What S3 does not take is lost, and the report says how much that was."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        moment = datetime.now(UTC)
        name = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        key = "/".join(filter(None, [self._prefix, f"{moment:%Y/%m/%d/%H}", name]))
        outcome = "written"
        try:
            self._client().put_object(Bucket=self._bucket, Key=key, Body=("\n".join(lines) + "\n").encode())
        except Exception as error:
            outcome = "lost"
            code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
            log(logging.ERROR, "captured data were not written", lines=len(lines), bucket=self._bucket, error=code)
            self._tell_lost(len(lines))
        with contextlib.suppress(OSError):  # the server is gone: nobody counts any more
            self._report.write(json.dumps({outcome: len(lines)}) + "\n")
            self._report.flush()

    def _tell_lost(self, lines: int) -> None:
        """Have an alarm ring (ml/targets/sagemaker/capture_alarm.py): a log line alone reaches nobody."""
        if not self._settings.namespace:
            return
        datum = {"MetricName": LOST, "Dimensions": self._settings.dimensions, "Value": lines, "Unit": "Count"}
        try:
            self._cloudwatch = self._cloudwatch or _made("cloudwatch", config=_impatient())
            self._cloudwatch.put_metric_data(Namespace=self._settings.namespace, MetricData=[datum])
        except Exception as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code") or type(error).__name__
            log(logging.WARNING, "CloudWatch was not told of lost captures", lines=lines, error=code)

    def _client(self) -> Any:
        self._s3 = self._s3 or _made("s3")
        return self._s3


def _made(service: str, **options: Any) -> Any:
    import boto3

    make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return make(service, **options)


def _impatient() -> Any:
    """Where CloudWatch cannot be reached, what is captured must not wait for it."""
    from botocore.config import Config

    return Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


def main() -> int:
    """Write what comes on stdin until it ends."""
    # It ends when its input does, so that what the server had taken when it was told to stop is written.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    pipe = sys.stdin.buffer
    settings = CaptureSettings(**received(pipe))
    set_up(settings.log_form)
    batches: queue.Queue[list[tuple[Any, ...]] | None] = queue.Queue(MOST_BATCHES)

    def read() -> None:
        while (batch := received(pipe)) is not None:
            batches.put([marshal.loads(each) for each in batch])  # noqa: S302 - our own server's pipe
        batches.put(None)

    threading.Thread(target=read, name="read", daemon=True).start()
    Writer(settings, sys.stdout).run(batches)
    return 0


if __name__ == "__main__":
    sys.exit(main())
