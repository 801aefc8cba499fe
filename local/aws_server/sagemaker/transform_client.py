"""How a transform job asks its model: the settings that hold, requests, and what is asked again.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_server.sagemaker.instance import BrokenAnswerError, Instance, NoAnswerError
from local.aws_server.sagemaker.transform_data import ObjectFailedError

DEFAULT_PAYLOAD_MB, DEFAULT_CONCURRENT = 6, 1
DEFAULT_TIMEOUT_S, DEFAULT_RETRIES = 600, 3
"""ModelClientConfig's, by its reference."""
HEALTHY_WAIT_S = 60.0
EXCERPT = 500
"""Characters of a model's error that a log line and FailureReason carry."""
NAMES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}
VARIABLES = {value: name for name, value in NAMES.items()}


class StoppedError(Exception):
    """The job was stopped while it asked."""


@dataclass(frozen=True)
class Asked:
    """A model's answer."""

    body: bytes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What holds for an instance: the request's values, else the container's own wishes, else the defaults.

    single: one record a request. most_bytes: of a request; None for no limit.
    """

    concurrent: int
    payload_mb: int
    single: bool

    @property
    def most_bytes(self) -> int | None:
        """MaxPayloadInMB in bytes; 0 stands for no limit."""
        return self.payload_mb << 20 if self.payload_mb else None

    @staticmethod
    def of(request: Mapping[str, Any], wished: Mapping[str, Any]) -> "Settings":
        """wished: the answer of GET /execution-parameters."""
        strategy = request.get("BatchStrategy") or NAMES.get(str(wished.get("BatchStrategy")), "MultiRecord")
        payload = request["MaxPayloadInMB"] if "MaxPayloadInMB" in request else wished.get("MaxPayloadInMB")
        return Settings(
            concurrent=int(
                request.get("MaxConcurrentTransforms") or wished.get("MaxConcurrentTransforms") or DEFAULT_CONCURRENT
            ),
            payload_mb=int(DEFAULT_PAYLOAD_MB if payload is None else payload),
            single=strategy == "SingleRecord",
        )

    @staticmethod
    def variables(request: Mapping[str, Any]) -> dict[str, str]:
        """Of the container: SAGEMAKER_BATCH, and of the others those that the caller chose."""
        chosen = {"SAGEMAKER_BATCH": "true"}
        if "MaxPayloadInMB" in request:
            chosen["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
        if "BatchStrategy" in request:
            chosen["SAGEMAKER_BATCH_STRATEGY"] = VARIABLES[request["BatchStrategy"]]
        if "MaxConcurrentTransforms" in request:
            chosen["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(request["MaxConcurrentTransforms"])
        return chosen

    def described(self) -> str:
        """For the job's data log."""
        strategy = "SINGLE_RECORD" if self.single else "MULTI_RECORD"
        return f"MaxConcurrentTransforms={self.concurrent}, MaxPayloadInMB={self.payload_mb}, BatchStrategy={strategy}"


class Client:
    """Asks one instance. stopped: set once nothing more is to be asked."""

    def __init__(self, instance: Instance, request: Mapping[str, Any], stopped: threading.Event) -> None:
        self._instance = instance
        self._stopped = stopped
        configured = request.get("ModelClientConfig") or {}
        self._timeout_s = float(configured.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_S))
        self._retries = int(configured.get("InvocationsMaxRetries", DEFAULT_RETRIES))
        headers = {
            "Host": "127.0.0.1",
            "Content-Type": request["TransformInput"].get("ContentType"),
            "Accept": request["TransformOutput"].get("Accept"),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        self._head = f"POST /invocations HTTP/1.1\r\n{lines}"
        self.settings = Settings.of(request, _execution_parameters(instance.port))

    def ask(self, payload: bytes) -> Asked:
        """The answer to one mini-batch. Raises ObjectFailedError, and StoppedError once the job has been stopped."""
        problem = ObjectFailedError("The model server was not healthy.")
        for _ in range(self._retries + 1):
            if self._stopped.is_set():
                raise StoppedError
            if not self._instance.healthy.wait(HEALTHY_WAIT_S):
                continue
            try:
                reply = self._instance.exchange(self._request(payload), self._timeout_s)
            except (NoAnswerError, BrokenAnswerError) as error:
                if self._stopped.is_set():
                    raise StoppedError from error
                self._instance.suspect()
                problem = ObjectFailedError(str(error))
                continue
            if reply.status // 100 == http.HTTPStatus.OK // 100:
                return Asked(reply.body)
            said = reply.body.decode("utf-8", "replace")[:EXCERPT]
            problem = ObjectFailedError(f"Bad HTTP status received from algorithm: {reply.status}\nMessage: {said}")
            if reply.status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise problem

    def _request(self, payload: bytes) -> bytes:
        return f"{self._head}Content-Length: {len(payload)}\r\n\r\n".encode("latin-1", "replace") + payload


def _execution_parameters(port: int) -> dict[str, Any]:
    """What the container wishes for; empty for a container that has no such path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", "/execution-parameters")
        answer = connection.getresponse()
        document: Any = json.loads(answer.read()) if answer.status == http.HTTPStatus.OK else {}
        return document if isinstance(document, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
