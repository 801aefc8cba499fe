"""A request to an asynchronous endpoint as it is kept until it has been answered, and where its answer goes."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KIND = "sagemaker:async-invocation"
DEFAULT_TTL_S, DEFAULT_TIMEOUT_S = 21600, 900
"""RequestTTLSeconds and InvocationTimeoutSeconds, by InvokeEndpointAsync's reference."""


@dataclass(frozen=True, kw_only=True)
class AsyncRequest:
    """One request in the queue.

    source: S3 URI of the payload, "" where `body` is the payload. output, failure: S3 URIs of the answer; failure is ""
    where nobody asked for one. headers: what goes to the container besides the payload.
    """

    id: str
    inference_id: str
    region: str
    endpoint: str
    received: datetime
    source: str
    body: bytes
    output: str
    failure: str
    headers: dict[str, str]
    ttl_s: int = DEFAULT_TTL_S
    timeout_s: int = DEFAULT_TIMEOUT_S

    @property
    def key(self) -> str:
        """Key among the records; in the order in which requests came."""
        return f"{self.endpoint_key}/{self.received:%Y%m%d%H%M%S.%f}-{self.id}"

    @property
    def endpoint_key(self) -> str:
        """Key of the endpoint's record."""
        return f"{self.region}/{self.endpoint}"

    @property
    def waited_s(self) -> float:
        """Seconds since it came."""
        return (datetime.now(UTC) - self.received).total_seconds()

    @property
    def expired(self) -> bool:
        """Whether it has waited for longer than it may."""
        return self.waited_s > self.ttl_s

    def told(self) -> dict[str, str]:
        """The request as notifications tell it."""
        named = {
            "accept": self.headers.get("Accept"),
            "contentType": self.headers.get("Content-Type"),
            "customAttributes": self.headers.get("X-Amzn-SageMaker-Custom-Attributes"),
            "endpointName": self.endpoint,
            "inputLocation": self.source,
        }
        return {name: value for name, value in named.items() if value}

    def http(self, payload: bytes) -> bytes:
        """The whole HTTP request for the container."""
        headers = {"Host": "127.0.0.1", **self.headers, "Content-Length": str(len(payload))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /invocations HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + payload


def places(config: Mapping[str, Any], extension: str | None, file_name: str | None) -> tuple[str, str]:
    """S3 URIs of an answer and of a failure's. config: the OutputConfig of an AsyncInferenceConfig."""
    made = str(uuid.uuid4())

    def under(path: str, name: str) -> str:
        folder = "/".join(part.strip("/") for part in (path.removeprefix("s3://"), extension or "") if part)
        return f"s3://{folder}/{name}"

    failure = config.get("S3FailurePath")
    return (
        under(config["S3OutputPath"], file_name or f"{made}.out"),
        under(failure, f"{re.sub(r'[.].*', '', file_name or made)}-error.out") if failure else "",
    )
