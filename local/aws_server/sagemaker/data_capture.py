"""Data capture: requests and answers of endpoints, as JSON lines in S3.

Format and path: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html. Content that
CaptureContentTypeHeader does not name is captured in base64. What is not in S3 yet is lost when the server is killed.
"""

import base64
import contextlib
import json
import logging
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_server.looks import do_each
from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.endpoint_metrics import EndpointMetrics, Source
from local.aws_server.sagemaker.files import Bucket
from local.aws_server.sagemaker.fleet import Fleet
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.plane import Plane, now, s3_location
from local.aws_server.sagemaker.processes import LogLine

logger = logging.getLogger(__name__)

OCTETS = "application/octet-stream"
"""Content type of what says none."""
INTERVAL_S = 2.0
"""Time between two files of a variant; AWS does not document its own."""
METRIC = "DataCaptureErrors"
MOST_LINES = 10_000
"""Of a variant between two files; what comes beyond is left out, as an invocation must not wait for S3, and counted."""


@dataclass(frozen=True)
class Destination:
    """Where the captures of one variant go, and with whose credentials and key."""

    region: str
    endpoint: str
    variant: str
    uri: str
    role_arn: str | None
    kms_key_id: str | None


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and its answer."""

    request_type: str
    request: bytes
    answer_type: str
    answer: bytes
    inference_id: str = ""
    custom_attributes: str = ""


class DataCapture:
    """Collects what is captured, and sends it from a thread of its own."""

    def __init__(self, plane: Plane, metrics: EndpointMetrics) -> None:
        self._plane = plane
        self._metrics = metrics
        self._lock = threading.Lock()
        self._lines: dict[Destination, list[str]] = defaultdict(list)

    def start(self) -> None:
        """Starts to send."""
        do_each(INTERVAL_S, "data-capture", self._plane.stopping, self.flush)

    def take(self, region: str, endpoint: str, variant: str, fleet: Fleet, exchange: Exchange) -> None:
        """Notes one invocation, if the endpoint captures and the sample falls on it."""
        config = fleet.deployment.config.get("DataCaptureConfig")
        if not config or not config.get("EnableCapture", True):
            return
        if random.random() * 100 >= config["InitialSamplingPercentage"]:  # noqa: S311 - a sample, no secret
            return
        destination = Destination(
            region,
            endpoint,
            variant,
            f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}",
            fleet.deployment.containers[variant].get("ExecutionRoleArn"),
            config.get("KmsKeyId"),
        )
        line = json.dumps(record(config, exchange))
        with self._lock:
            room = len(self._lines[destination]) < MOST_LINES
            if room:
                self._lines[destination].append(line)
        if not room:
            self._metrics.note(_source(destination), METRIC)

    def flush(self) -> None:
        """Sends what has been collected.

        A destination that refuses it loses it, and three places say so: the server's log, the endpoint's own log
        (stream VARIANT/data-capture), and the metric DataCaptureErrors, in requests, which an alarm can watch.
        """
        with self._lock:
            collected, self._lines = self._lines, defaultdict(list)
        for destination, lines in collected.items():
            try:
                self._send(destination, lines)
            except ServiceError as error:
                self._complain(destination, len(lines), error)

    def _complain(self, destination: Destination, lost: int, error: ServiceError) -> None:
        text = f"{lost} captured request(s) could not be written to {destination.uri}: {error.code}: {error}"
        logger.warning("data capture of endpoint %s: %s", destination.endpoint, text)
        self._metrics.note(_source(destination), METRIC, lost)
        group = f"/aws/sagemaker/Endpoints/{destination.endpoint}"
        stream = LogStream(self._plane, destination.region, group, f"{destination.variant}/data-capture")
        with contextlib.suppress(ServiceError):
            stream.put([LogLine(int(time.time() * 1000), True, text)])

    def _send(self, destination: Destination, lines: list[str]) -> None:
        key_id = None
        if destination.role_arn:
            key_id = self._plane.assume(destination.role_arn, destination.region).access_key_id
        bucket, prefix = s3_location(destination.uri)
        moment = now()
        name = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        request: dict[str, Any] = {
            "Bucket": bucket,
            "Key": f"{prefix}/{moment:%Y/%m/%d/%H}/{name}",
            "Body": ("\n".join(lines) + "\n").encode(),
        }
        if destination.kms_key_id:
            request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": destination.kms_key_id}
        Bucket(self._plane, destination.region, key_id).call("PutObject", request)


def _source(destination: Destination) -> Source:
    return Source(region=destination.region, endpoint=destination.endpoint, variant=destination.variant)


def record(config: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
    """One line of a capture file."""
    modes = {each["CaptureMode"] for each in config["CaptureOptions"]}
    captured: dict[str, Any] = {}
    if modes & {"Input", "InputAndOutput"}:
        captured["endpointInput"] = _side(config, "INPUT", exchange.request_type, exchange.request)
    if modes & {"Output", "InputAndOutput"}:
        captured["endpointOutput"] = _side(config, "OUTPUT", exchange.answer_type, exchange.answer)
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4()), "inferenceTime": f"{now():%Y-%m-%dT%H:%M:%SZ}"}
    if exchange.inference_id:
        metadata["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes:
        metadata["customAttributes"] = [exchange.custom_attributes]
    return {"captureData": captured, "eventMetadata": metadata, "eventVersion": "0"}


def _side(config: Mapping[str, Any], mode: str, content_type: str, body: bytes) -> dict[str, str]:
    headers = config.get("CaptureContentTypeHeader") or {}
    # A type may come with parameters (`; charset=utf-8`) that the configuration does not name.
    kinds = {content_type, content_type.partition(";")[0].strip()}
    side = {"observedContentType": content_type, "mode": mode}
    for encoding, member in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if kinds & set(headers.get(member) or ()):
            return {**side, "data": body.decode("utf-8", "replace"), "encoding": encoding}
    return {**side, "data": base64.b64encode(body).decode(), "encoding": "BASE64"}
