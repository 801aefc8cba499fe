"""Invocation metrics of endpoints, in CloudWatch's namespace AWS/SageMaker.

Names, units and dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane, now

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
INTERVAL_S = 10.0
"""SageMaker sends each 60 s, and each 10 s with enhanced metrics; the shorter one here."""
MICROSECONDS = 1_000_000
CLIENT_ERRORS, SERVER_ERRORS = range(400, 500), range(500, 600)


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


class EndpointMetrics:
    """Adds invocations up, and sends the sums from a thread of its own."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, str, str], Statistics] = defaultdict(Statistics)

    def start(self) -> None:
        """Starts to send."""
        threading.Thread(target=self._send_for_ever, name="endpoint-metrics", daemon=True).start()

    def count(
        self, region: str, endpoint: str, variant: str, *, status: int, model_s: float, overhead_s: float
    ) -> None:
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
                self._sums[region, endpoint, variant, name].add(value)

    def flush(self) -> None:
        """Sends what has been added up."""
        with self._lock:
            sums, self._sums = self._sums, defaultdict(Statistics)
        by_region: dict[str, list[dict[str, Any]]] = defaultdict(list)
        moment = now()
        for (region, endpoint, variant, name), statistics in sums.items():
            by_region[region].append(
                {
                    "MetricName": name,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                    "Timestamp": moment,
                    "Unit": "Microseconds" if name.endswith("Latency") else "None",
                    "StatisticValues": {
                        "SampleCount": statistics.count,
                        "Sum": statistics.total,
                        "Minimum": statistics.least,
                        "Maximum": statistics.most,
                    },
                }
            )
        for region, data in by_region.items():
            try:
                self._plane.call(
                    "cloudwatch", "PutMetricData", {"Namespace": NAMESPACE, "MetricData": data}, region=region
                )
            except ServiceError as error:
                logger.warning("endpoint metrics: %s", error)

    def _send_for_ever(self) -> None:
        while not self._plane.stopping.wait(INTERVAL_S):
            if self._sums:
                self.flush()
