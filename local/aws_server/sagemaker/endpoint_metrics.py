"""Metrics of endpoints on their way to CloudWatch: of invocations, and of what the instances take (utilization.py).

Names, units and dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html. Each metric
comes for the variant, and for the variant under its endpoint configuration, so that an alarm can watch the new fleet of
an update alone (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html). What AWS has
no metric for is in a namespace of this server's own.

Values are put as they were, so that percentiles can be told of them; those with more than three significant digits are
rounded to three, as a request takes 150 different ones.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from local.aws_server.looks import do_each
from local.aws_server.metric_data.operations import MOST_METRICS, MOST_VALUES
from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
UTILIZATION_NAMESPACE = "/aws/sagemaker/Endpoints"
OWN_NAMESPACE = "Groundwork/LocalSageMaker"
"""ShadowRequestsDropped and DataCaptureErrors, with the dimensions of a variant."""
OWN_INTERVAL_S = 10
INTERVAL_S = 60
"""How often SageMaker sends an endpoint's metrics, unless its configuration says otherwise."""
INTERVALS_S = (10, 30, 60, 120, 180, 240, 300)
TICK_S = 0.5
MICROSECONDS = 1_000_000
CLIENT_ERRORS, SERVER_ERRORS = range(400, 500), range(500, 600)


def interval_of(config: Mapping[str, Any]) -> int:
    """Seconds between two times that the invocation metrics of an endpoint configuration are sent.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MetricsConfig.html
    """
    metrics = config.get("MetricsConfig") or {}
    return int(metrics.get("MetricPublishFrequencyInSeconds") or INTERVAL_S) if is_enhanced(config) else INTERVAL_S


def is_enhanced(config: Mapping[str, Any]) -> bool:
    """Whether an endpoint configuration asks for metrics of each instance, and for its own interval."""
    return bool((config.get("MetricsConfig") or {}).get("EnableEnhancedMetrics"))


@dataclass(frozen=True, kw_only=True)
class Source:
    """The variant that a metric is about, the endpoint configuration that it has, and how often it tells.

    instance: its id, "" where the metric is about all of them.
    component: the inference component that it is about, "" where the variant has a model of its own.
    """

    region: str
    endpoint: str
    variant: str
    config: str = ""
    instance: str = ""
    component: str = ""
    interval_s: int = INTERVAL_S

    def dimensions(self) -> list[dict[str, str]]:
        """As CloudWatch's."""
        if self.component:
            return [{"Name": "InferenceComponentName", "Value": self.component}]
        values = {
            "EndpointName": self.endpoint,
            "VariantName": self.variant,
            "EndpointConfigName": self.config,
            "InstanceId": self.instance,
        }
        return [{"Name": name, "Value": value} for name, value in values.items() if value]

    def views(self) -> list["Source"]:
        """The metrics that an observation counts for; those of an inference component have its dimension alone."""
        if self.component:
            return [replace(self, config="", instance="")]
        whole = replace(self, config="", instance="")
        of_config = [replace(whole, config=self.config)] if self.config else []
        of_instance = [replace(whole, instance=self.instance)] if self.instance else []
        return [whole, *of_config, *of_instance]


Bucket = tuple[str, Source, str, int]
"""Namespace, source, metric, and first second of the interval."""


class EndpointMetrics:
    """Counts values by interval, and sends an interval's once it is over, from a thread of its own."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._lock = threading.Lock()
        self._counts: dict[Bucket, Counter[float]] = {}

    def start(self) -> None:
        """Starts to send."""
        do_each(TICK_S, "endpoint-metrics", self._plane.stopping, self._send_what_is_over)

    def count(self, source: Source, *, instances: int, status: int, model_s: float, overhead_s: float) -> None:
        """One invocation: how many instances its variant (or copies its component) has, its status as the caller sees
        it, seconds in the container, seconds beside that."""
        values = {
            "Invocations": 1.0,
            ("InvocationsPerCopy" if source.component else "InvocationsPerInstance"): 1.0 / max(1, instances),
            "Invocation4XXErrors": float(status in CLIENT_ERRORS),
            "Invocation5XXErrors": float(status in SERVER_ERRORS),
            "OverheadLatency": overhead_s * MICROSECONDS,
        }
        if model_s:  # Where no instance had the request, no model took any time.
            values["ModelLatency"] = model_s * MICROSECONDS
        self._add(NAMESPACE, source, values)

    def observe(self, source: Source, name: str, value: float) -> None:
        """One observation of a metric of SageMaker's."""
        self._add(NAMESPACE, source, {name: value})

    def utilized(self, source: Source, values: Mapping[str, float]) -> None:
        """What one instance takes, in percent."""
        self._add(UTILIZATION_NAMESPACE, source, values)

    def note(self, source: Source, name: str, value: float = 1.0) -> None:
        """One observation of a metric of this server's own."""
        self._add(OWN_NAMESPACE, replace(source, config="", instance="", interval_s=OWN_INTERVAL_S), {name: value})

    def _add(self, namespace: str, source: Source, values: Mapping[str, float]) -> None:
        began = int(time.time() // source.interval_s) * source.interval_s
        with self._lock:
            for name, value in values.items():
                self._counts.setdefault((namespace, source, name, began), Counter())[rounded(value)] += 1

    def flush(self, *, until: float | None = None) -> None:
        """Sends what has been counted in intervals that ended until then; all of it by default."""
        with self._lock:
            over = [bucket for bucket in self._counts if until is None or bucket[3] + bucket[1].interval_s <= until]
            taken = {bucket: self._counts.pop(bucket) for bucket in over}
        requests: dict[tuple[str, str], list[dict[str, Any]]] = {}
        seen: dict[Bucket, Counter[float]] = {}
        for (namespace, source, name, began), counts in taken.items():
            for view in source.views():
                seen.setdefault((namespace, view, name, began), Counter()).update(counts)
        for (namespace, source, name, began), counts in seen.items():
            requests.setdefault((source.region, namespace), []).extend(_data(source, name, began, counts))
        for (region, namespace), data in requests.items():
            for first in range(0, len(data), MOST_METRICS):
                params = {"Namespace": namespace, "MetricData": data[first : first + MOST_METRICS]}
                try:
                    self._plane.call("cloudwatch", "PutMetricData", params, region=region)
                except ServiceError as error:
                    logger.warning("endpoint metrics: %s", error)

    def _send_what_is_over(self) -> None:
        if self._counts:
            self.flush(until=time.time())


def rounded(value: float) -> float:
    """To three significant digits."""
    return float(f"{value:.3g}")


def _unit(name: str) -> str:
    if name.endswith("Utilization"):
        return "Percent"
    return "Microseconds" if name.endswith(("Latency", "Time")) else "None"


def _data(source: Source, name: str, began: int, counts: Mapping[float, int]) -> Iterable[dict[str, Any]]:
    pairs = sorted(counts.items())
    for first in range(0, len(pairs), MOST_VALUES):
        some = pairs[first : first + MOST_VALUES]
        yield {
            "MetricName": name,
            "Dimensions": source.dimensions(),
            "Timestamp": datetime.fromtimestamp(began, UTC),
            "Unit": _unit(name),
            "Values": [value for value, _ in some],
            "Counts": [float(count) for _, count in some],
            "StorageResolution": 1 if source.interval_s < INTERVAL_S else INTERVAL_S,
        }
