"""Captured requests and answers of a model with personal columns, as SageMaker's own data capture writes them to S3.

SageMaker captures what arrives, before this process sees it, and can leave nothing out. So one with personal
columns captures here: the same lines, at the same kind of place, with these columns masked. The form:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html. Needs boto3.
"""

import json
import logging
import queue
import random
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml.serving.forms import Form, Reply
from ml.serving.logs import log
from ml.serving.media import CSV, TENSORS
from ml.serving.open_inference.request import shown
from ml.serving.personal import Masker

MOST_WAITING = 10_000
"""Exchanges between two files; beyond, they are left out: a request does not wait for S3."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer.

    inference_id: the client's own name of the request, empty where it gave none; what is learnt of the truth later is
    joined by it.
    """

    form: Form
    body: bytes
    reply: Reply
    inference_id: str
    moment: datetime


class Capture:
    """Takes a share of the exchanges and writes them, from a thread of its own.

    uri: S3 prefix of one variant of an endpoint. percent: share of the exchanges, 0 to 100. interval_s: time between
    two files.
    """

    def __init__(self, uri: str, percent: float, masker: Masker, *, interval_s: float = 30.0, s3: Any = None) -> None:
        self._bucket, _, self._prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
        self._percent = percent
        self._masker = masker
        self._interval_s = interval_s
        self._s3: Any = s3
        self._left_out = 0
        self._waiting: queue.Queue[Exchange | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def take(self, form: Form, body: bytes, reply: Reply, inference_id: str = "") -> None:
        """Note one exchange, where the sample falls on it. It costs no more than putting it aside."""
        if random.random() * 100 >= self._percent:  # noqa: S311 - a sample, no secret
            return
        try:
            self._waiting.put_nowait(
                Exchange(form=form, body=body, reply=reply, inference_id=inference_id, moment=datetime.now(UTC))
            )
        except queue.Full:
            self._left_out += 1

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is left."""
        self._waiting.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            lines: list[str] = []
            deadline = time.monotonic() + self._interval_s
            while not stopping and len(lines) < MOST_WAITING:
                try:
                    taken = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    break
                if taken is None:
                    stopping = True
                else:
                    lines.append(json.dumps(self._record(taken), ensure_ascii=False))
            if lines:
                self._write(lines)

    def _record(self, taken: Exchange) -> dict[str, Any]:
        metadata = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{taken.moment:%Y-%m-%dT%H:%M:%SZ}"}
        if taken.inference_id:
            metadata["inferenceId"] = taken.inference_id
        return {
            "captureData": {
                "endpointInput": {
                    "observedContentType": taken.form.observed,
                    "mode": "INPUT",
                    "data": self._masker.body(taken.body, taken.form.content),
                    "encoding": _encoding(taken.form.content.media),
                },
                "endpointOutput": {
                    "observedContentType": taken.reply.content_type,
                    "mode": "OUTPUT",
                    "data": _answer(taken.reply),
                    "encoding": _encoding(taken.reply.content.media),
                },
            },
            "eventMetadata": metadata,
            "eventVersion": "0",
        }

    def _write(self, lines: list[str]) -> None:
        moment = datetime.now(UTC)
        name = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        key = "/".join(filter(None, [self._prefix, f"{moment:%Y/%m/%d/%H}", name]))
        try:
            self._client().put_object(Bucket=self._bucket, Key=key, Body=("\n".join(lines) + "\n").encode())
        except Exception as error:  # whatever S3 or the network has: predictions go on
            log(logging.ERROR, "captured data were not written", lines=len(lines), error=type(error).__name__)
        if self._left_out:
            log(logging.WARNING, "captured data were left out", exchanges=self._left_out)
            self._left_out = 0

    def _client(self) -> Any:
        if self._s3 is None:
            import boto3

            make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            self._s3 = make("s3")
        return self._s3


def _answer(reply: Reply) -> str:
    """An answer as text: of tensors their JSON, binary ones too."""
    if reply.content.media == TENSORS:
        return json.dumps(shown(reply.body, reply.content.json_length))
    return reply.body.decode("utf-8", "replace")


def _encoding(media: str) -> str:
    return "CSV" if media == CSV else "JSON"
