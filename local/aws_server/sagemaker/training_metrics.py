"""Metrics that a job prints, found by the regular expressions of its MetricDefinitions."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.processes import LogLine

NAMESPACE = "/aws/sagemaker/TrainingJobs"
MOST_DATA = 1000
"""PutMetricData takes this many data a call."""


class TrainingMetrics:
    """Reads a job's lines; keeps the last value of each metric and sends every value to CloudWatch."""

    def __init__(self, plane: Plane, region: str, job: str, definitions: Sequence[Mapping[str, str]]) -> None:
        self._plane = plane
        self._region = region
        self._job = job
        self._patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in definitions]
        self._last: dict[str, dict[str, Any]] = {}

    def read(self, lines: Sequence[LogLine], *, send: bool = True) -> None:
        """Looks through lines; `send=False` for those whose values CloudWatch has already."""
        if not self._patterns:
            return
        data: list[dict[str, Any]] = []
        for line in lines:
            for name, pattern in self._patterns:
                match = pattern.search(line.text)
                if match is None or not match.groups():
                    continue
                try:
                    value = float(match[1])
                except (TypeError, ValueError):
                    continue
                moment = datetime.fromtimestamp(line.time_ms / 1000, UTC)
                self._last[name] = {"MetricName": name, "Value": value, "Timestamp": moment}
                dimensions = [{"Name": "TrainingJobName", "Value": self._job}]
                data.append({"MetricName": name, "Value": value, "Timestamp": moment, "Dimensions": dimensions})
        if not send:
            return
        for start in range(0, len(data), MOST_DATA):
            request = {"Namespace": NAMESPACE, "MetricData": data[start : start + MOST_DATA]}
            # A metric that CloudWatch refuses (NaN, infinity) does not end the job.
            with contextlib.suppress(ServiceError):
                self._plane.call("cloudwatch", "PutMetricData", request, region=self._region)

    @property
    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList: the last value of each metric."""
        return list(self._last.values())


def invalid_definition(definitions: Sequence[Mapping[str, str]]) -> str:
    """Why a list of MetricDefinitions cannot be used, `""` when it can."""
    for definition in definitions:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            return f"The regex {definition['Regex']!r} of the metric {definition['Name']!r} is not valid: {error}"
    return ""
