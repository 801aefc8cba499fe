"""Container output to CloudWatch Logs."""

from collections.abc import Sequence

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.processes import LogLine

MOST_EVENTS, MOST_BYTES = 1000, 900_000
"""Below PutLogEvents' limits of 10,000 events and 1 MiB a call, each event counted with 26 bytes."""


def log_group(endpoint: str, component: str = "") -> str:
    """Log group of an endpoint's containers, or of an inference component's."""
    return f"/aws/sagemaker/InferenceComponents/{component}" if component else f"/aws/sagemaker/Endpoints/{endpoint}"


class LogStream:
    """One stream of a log group, made when the first line comes."""

    def __init__(self, plane: Plane, region: str, group: str, stream: str) -> None:
        self._plane = plane
        self._region = region
        self.group = group
        self.stream = stream
        self._made = False

    def put(self, lines: Sequence[LogLine]) -> None:
        """Appends lines; raises ServiceError where the service refuses them."""
        if not lines:
            return
        if not self._made:
            self._make()
        batch: list[dict[str, object]] = []
        size = 0
        for line in lines:
            length = len(line.text.encode()) + 26
            if batch and (len(batch) >= MOST_EVENTS or size + length > MOST_BYTES):
                self._send(batch)
                batch, size = [], 0
            batch.append({"timestamp": line.time_ms, "message": line.text})
            size += length
        self._send(batch)

    def _send(self, batch: list[dict[str, object]]) -> None:
        request = {"logGroupName": self.group, "logStreamName": self.stream, "logEvents": batch}
        try:
            self._plane.call("logs", "PutLogEvents", request, region=self._region)
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            # Somebody deleted the group or the stream meanwhile; the service's own agent makes it again too.
            self._make()
            self._plane.call("logs", "PutLogEvents", request, region=self._region)

    def _make(self) -> None:
        for operation, request in (
            ("CreateLogGroup", {"logGroupName": self.group}),
            ("CreateLogStream", {"logGroupName": self.group, "logStreamName": self.stream}),
        ):
            try:
                self._plane.call("logs", operation, request, region=self._region)
            except ServiceError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
        self._made = True
