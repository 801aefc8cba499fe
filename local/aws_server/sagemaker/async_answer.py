"""One request of an asynchronous endpoint: payload from S3, the model's answer to S3, and who is told.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html, the log of
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html, and messages as users of the service show
them (aws-solutions-library-samples' osml-model-runner, parse_s3_event_for_output_location).
"""

import json
import time
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.async_record import AsyncRequest
from local.aws_server.sagemaker.data_capture import OCTETS
from local.aws_server.sagemaker.endpoint_metrics import MICROSECONDS, EndpointMetrics, Source
from local.aws_server.sagemaker.exchange import Answered, Choice, exchange
from local.aws_server.sagemaker.files import Bucket
from local.aws_server.sagemaker.logs import LogStream, log_group
from local.aws_server.sagemaker.model_server import credentials_of
from local.aws_server.sagemaker.plane import Plane, s3_location
from local.aws_server.sagemaker.processes import LogLine
from local.aws_server.sagemaker.traffic import Traffic
from local.aws_server.sagemaker.training_watch import deliver

EXCERPT = 500


class FailedError(Exception):
    """The request has no answer. metric: which count goes up. body: what the model said."""

    def __init__(self, message: str, metric: str = "", body: bytes = b"") -> None:
        super().__init__(message)
        self.metric = metric
        self.body = body


class Answering:
    """Answers one request. config: the endpoint's AsyncInferenceConfig."""

    def __init__(
        self,
        plane: Plane,
        metrics: EndpointMetrics,
        traffic: Traffic,
        config: dict[str, Any],
        request: AsyncRequest,
    ) -> None:
        self._plane = plane
        self._metrics = metrics
        self._traffic = traffic
        self._output: dict[str, Any] = config["OutputConfig"]
        self._request = request
        self._variant = ""
        self._instance = ""

    def answer(self) -> bool:
        """Whether the request is done with; otherwise it is to be asked again."""
        request = self._request
        choice = self._traffic.choose(None)
        if choice is None:
            return False
        self._variant = choice[1].name
        try:
            if request.expired:
                raise FailedError("The request expired before it was processed.", "ExpiredRequests")
            self._observe("TimeInBacklog", request.waited_s * MICROSECONDS)
            answered = self._asked(choice)
            if answered is None:
                return False
            reply = answered.reply
            assert reply is not None
            self._upload(request.output, reply.body, self._type(reply.headers))
        except FailedError as error:
            self._failed(error)
        else:
            self._say("Inference request succeeded.")
            self._tell("SuccessTopic", "Completed", self._type(reply.headers))
        self._observe("InvocationsProcessed", 1.0)
        self._observe("TotalProcessingTime", request.waited_s * 1000)
        return True

    def _asked(self, choice: Choice) -> Answered | None:
        """The model's answer, of status 2xx; None where the fleet went away before that. Raises FailedError."""
        request = self._request
        payload = request.http(self._payload())
        answered = exchange(choice, payload, lambda: self._traffic.choose(None), request.timeout_s)
        self._variant, self._instance = answered.variant.name, answered.instance
        if answered.model_s:
            self._observe("ModelLatency", answered.model_s * MICROSECONDS)
        reply = answered.reply
        if reply is None:
            if self._plane.stopping.is_set() or not answered.instance:
                return None
            raise FailedError(answered.problem)
        self._observe("Invocation4XXErrors", float(reply.status // 100 == 4))
        self._observe("Invocation5XXErrors", float(reply.status // 100 == 5))
        if reply.status // 100 != 2:
            said = reply.body.decode("utf-8", "replace")[:EXCERPT]
            kind = "client" if reply.status // 100 == 4 else "server"
            raise FailedError(
                f'Received {kind} error ({reply.status}) from model with message "{said}"', body=reply.body
            )
        return answered

    def _bucket(self) -> Bucket:
        container = self._traffic.main.deployment.containers[self._variant]
        credentials = credentials_of(self._plane, self._request.region, container)
        return Bucket(self._plane, self._request.region, credentials.access_key_id if credentials else None)

    def _payload(self) -> bytes:
        if not self._request.source:
            return self._request.body
        name, key = s3_location(self._request.source)
        began = time.monotonic()
        try:
            body: bytes = self._bucket().call("GetObject", {"Bucket": name, "Key": key})["Body"]
        except ServiceError as error:
            reason = f"Unable to download request from {self._request.source}: {error.code}: {error}"
            raise FailedError(reason, "RequestDownloadFailures") from error
        self._observe("RequestDownloadLatency", (time.monotonic() - began) * MICROSECONDS)
        return body

    def _upload(self, uri: str, body: bytes, kind: str) -> None:
        name, key = s3_location(uri)
        extra = {"ContentType": kind}
        if encryption := self._output.get("KmsKeyId"):
            extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption}
        began = time.monotonic()
        try:
            self._bucket().call("PutObject", {"Bucket": name, "Key": key, "Body": body, **extra})
        except ServiceError as error:
            reason = f"Unable to upload response to {uri}: {error.code}: {error}"
            raise FailedError(reason, "ResponseUploadFailures") from error
        self._observe("ResponseUploadLatency", (time.monotonic() - began) * MICROSECONDS)

    def _failed(self, error: FailedError) -> None:
        self._observe("InvocationFailures", 1.0)
        if error.metric:
            self._observe(error.metric, 1.0)
        if self._request.failure and error.metric != "ResponseUploadFailures":
            try:
                self._upload(self._request.failure, error.body or str(error).encode(), OCTETS)
            except FailedError as second:
                self._say(str(second))
        self._say(str(error))
        self._tell("ErrorTopic", "Failed", reason=str(error))

    def _tell(self, topic: str, status: str, kind: str = "", reason: str = "") -> None:
        """To the topic of the configuration, where it has one."""
        arn = (self._output.get("NotificationConfig") or {}).get(topic)
        if not arn:
            return
        now = datetime.now(UTC)
        message: dict[str, Any] = {
            "awsRegion": self._request.region,
            "eventTime": _stamp(now),
            "receivedTime": _stamp(self._request.received),
            "invocationStatus": status,
            "requestParameters": self._request.told(),
            "inferenceId": self._request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        if reason:
            message["failureReason"] = reason
        else:
            message["responseParameters"] = {"contentType": kind, "outputLocation": self._request.output}
        try:
            params = {"TopicArn": arn, "Message": json.dumps(message)}
            self._plane.call("sns", "Publish", params, region=arn.split(":")[3])
        except ServiceError as error:
            self._observe("NotificationFailures", 1.0)
            self._say(f"Unable to publish to {arn}: {error.code}: {error}")

    def _say(self, text: str) -> None:
        name = f"{self._variant}/{self._instance or 'none'}/data-log"
        stream = LogStream(self._plane, self._request.region, log_group(self._request.endpoint), name)
        deliver(stream, [LogLine(int(time.time() * 1000), False, f"[{self._request.inference_id}] {text}")])

    def _observe(self, name: str, value: float) -> None:
        source = Source(region=self._request.region, endpoint=self._request.endpoint, variant=self._variant)
        self._metrics.observe(source, name, value)

    @staticmethod
    def _type(headers: Any) -> str:
        return next((value for name, value in headers.items() if name.lower() == "content-type"), OCTETS)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
