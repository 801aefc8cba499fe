"""Invocation metrics of endpoints, in CloudWatch's namespace AWS/SageMaker.

Names, units and dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html. Each metric
comes for the variant, and for the variant under its endpoint configuration, so that an alarm can watch the new fleet of
an update alone (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html). What AWS has
no metric for is in a namespace of this server's own.
"""

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane, now

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
OWN_NAMESPACE = "Groundwork/LocalSageMaker"
"""ShadowRequestsDropped and DataCaptureErrors, with the dimensions of a variant."""
INTERVAL_S = 10.0
"""SageMaker sends each 60 s, and each 10 s with enhanced metrics; the shorter one here."""
MICROSECONDS = 1_000_000
CLIENT_ERRORS, SERVER_ERRORS = range(400, 500), range(500, 600)


@dataclass(frozen=True)
class Source:
    """The variant that a metric is about, and the endpoint configuration that it has."""

    region: str
    endpoint: str
    variant: str
    config: str = ""

    def dimensions(self) -> list[dict[str, str]]:
        """As CloudWatch's."""
        values = {"EndpointName": self.endpoint, "VariantName": self.variant, "EndpointConfigName": self.config}
        return [{"Name": name, "Value": value} for name, value in values.items() if value]


@dataclass
class Statistics:
    """A StatisticSet."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        """One more observation."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def merge(self, other: "Statistics") -> None:
        """Adds the observations of another set."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)


class EndpointMetrics:
    """Adds invocations up, and sends the sums from a thread of its own."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, Source, str], Statistics] = defaultdict(Statistics)

    def start(self) -> None:
        """Starts to send."""
        threading.Thread(target=self._send_for_ever, name="endpoint-metrics", daemon=True).start()

    def count(self, source: Source, *, status: int, model_s: float, overhead_s: float) -> None:
        """One invocation: its status as the caller sees it, seconds in the container, seconds beside that."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(status in CLIENT_ERRORS),
            "Invocation5XXErrors": float(status in SERVER_ERRORS),
            "ModelLatency": model_s * MICROSECONDS,
            "OverheadLatency": overhead_s * MICROSECONDS,
        }
        with self._lock:
            for name, value in values.items():
                self._sums[NAMESPACE, source, name].add(value)

    def note(self, source: Source, name: str, value: float = 1.0) -> None:
        """One observation of a metric of this server's own."""
        with self._lock:
            self._sums[OWN_NAMESPACE, replace(source, config=""), name].add(value)

    def flush(self) -> None:
        """Sends what has been added up."""
        with self._lock:
            sums, self._sums = self._sums, defaultdict(Statistics)
        by_place: dict[tuple[str, str], dict[tuple[Source, str], Statistics]] = defaultdict(dict)
        for (namespace, source, name), statistics in sums.items():
            place = by_place[source.region, namespace]
            for seen_as in (replace(source, config=""),):
                place.setdefault((seen_as, name), Statistics()).merge(statistics)
        moment = now()
        for (region, namespace), metrics in by_place.items():
            data = [_datum(source, name, statistics, moment) for (source, name), statistics in metrics.items()]
            try:
                self._plane.call(
                    "cloudwatch", "PutMetricData", {"Namespace": namespace, "MetricData": data}, region=region
                )
            except ServiceError as error:
                logger.warning("endpoint metrics: %s", error)

    def _send_for_ever(self) -> None:
        while not self._plane.stopping.wait(INTERVAL_S):
            if self._sums:
                self.flush()


def _datum(source: Source, name: str, statistics: Statistics, moment: datetime) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": source.dimensions(),
        "Timestamp": moment,
        "Unit": "Microseconds" if name.endswith("Latency") else "None",
        "StatisticValues": {
            "SampleCount": statistics.count,
            "Sum": statistics.total,
            "Minimum": statistics.least,
            "Maximum": statistics.most,
        },
    }
