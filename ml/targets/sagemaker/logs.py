"""A job's log, as CloudWatch Logs has it: one stream a machine, `<job>/<machine>-<time>`."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ml.aws import error_details

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class LogLine(NamedTuple):
    """One line. time_ms: milliseconds since 1970 (UTC). machine: name of the machine, such as algo-1."""

    time_ms: int
    machine: str
    text: str


class JobLog:
    """Reads a job's log from where the last read ended."""

    def __init__(self, logs: Any, job: str, group: str = LOG_GROUP):
        self._logs = logs
        self._job = job
        self._group = group
        self._tokens: dict[str, str | None] = {}
        self._empty_reads = 0

    def read(self) -> list[LogLine]:
        """The lines that came since the last read, in the order of their times."""
        # New streams appear only at the start: while lines come, the list of streams is asked for less often.
        if not self._tokens or self._empty_reads % 10 == 9:
            self._find_streams()
        lines = sorted(
            (line for stream in self._tokens for line in self._read_stream(stream)), key=lambda line: line.time_ms
        )
        self._empty_reads = 0 if lines else self._empty_reads + 1
        return lines

    def read_rest(self) -> list[LogLine]:
        """Everything that is left, of all streams."""
        self._find_streams()
        return sorted(
            (line for stream in self._tokens for line in self._read_stream(stream)), key=lambda line: line.time_ms
        )

    def _find_streams(self) -> None:
        try:
            pages = self._logs.get_paginator("describe_log_streams").paginate(
                logGroupName=self._group, logStreamNamePrefix=f"{self._job}/"
            )
            for page in pages:
                for stream in page["logStreams"]:
                    self._tokens.setdefault(stream["logStreamName"], None)
        except ClientError as error:
            if not _is_missing(error):
                raise

    def _read_stream(self, stream: str) -> Iterator[LogLine]:
        machine = stream.removeprefix(f"{self._job}/").partition("/")[0].rsplit("-", 1)[0]
        while True:
            token = self._tokens[stream]
            request: dict[str, Any] = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True}
            if token:
                request["nextToken"] = token
            try:
                page = self._logs.get_log_events(**request)
            except ClientError as error:
                if _is_missing(error):
                    return
                raise
            for event in page["events"]:
                yield LogLine(event["timestamp"], machine, event["message"].rstrip("\n"))
            self._tokens[stream] = page["nextForwardToken"]
            # The same token again means the end of what is there now.
            if not page["events"] or page["nextForwardToken"] == token:
                return


def _is_missing(error: ClientError) -> bool:
    return error_details(error).code == "ResourceNotFoundException"
