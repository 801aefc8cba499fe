"""How much processor and memory the processes of an endpoint take: CPUUtilization and MemoryUtilization.

Names, units, dimensions and frequency: "SageMaker AI endpoint metrics" of
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html. One value an instance and interval, of the
variant alone: told for each instance, too, as with enhanced metrics, those of idle endpoints would take the room of all
other metrics (metric_data/store.py). The memory is this machine's, whatever the instance type.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from local.aws_server.looks import do_each
from local.aws_server.sagemaker.endpoint_metrics import INTERVAL_S, EndpointMetrics, Source
from local.aws_server.sagemaker.fleet import Fleet
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.traffic import Traffic

TICK_S = 1.0


@dataclass(frozen=True)
class Usage:
    """Of an instance's processes: seconds of processor time since they began, bytes of resident memory, and when."""

    processor_s: float
    memory: int
    at: float


@dataclass(frozen=True)
class Look:
    """One at a fleet: the number of its interval since the epoch, and what was seen of each instance."""

    number: int
    usages: Mapping[str, Usage]


class Utilization:
    """Of all endpoints of a server. serving: what serves each, by its key."""

    def __init__(self, plane: Plane, metrics: EndpointMetrics, serving: Callable[[], Mapping[str, Traffic]]) -> None:
        self._plane = plane
        self._metrics = metrics
        self._serving = serving
        self._looks: dict[str, Look] = {}

    def start(self) -> None:
        """Begins to look."""
        do_each(TICK_S, "endpoint-utilization", self._plane.stopping, self.look)

    def look(self) -> None:
        """Measures the fleets that a new interval has begun for."""
        looks: dict[str, Look] = {}
        for key, traffic in self._serving().items():
            for fleet in traffic.fleets():
                folder = fleet.deployment.folder  # each deployment has its own
                before = self._looks.get(folder) or Look(0, {})
                interval_s = interval_of(fleet.deployment.config)
                number = int(time.time() // interval_s)
                if number != before.number:
                    before = Look(number, self._measure(key, fleet, interval_s, before.usages))
                looks[folder] = before
        self._looks = looks

    def _measure(self, key: str, fleet: Fleet, interval_s: int, before: Mapping[str, Usage]) -> dict[str, Usage]:
        region, _, endpoint = key.partition("/")
        found: dict[str, Usage] = {}
        instances = [(variant.name, one) for variant in fleet.everything for one in variant.instances]
        for variant, instance in instances:
            usage = usage_of(instance.pid) if instance.pid else None
            if usage is None:
                continue
            values = {"MemoryUtilization": 100 * usage.memory / psutil.virtual_memory().total}
            earlier = before.get(instance.identity)
            # One that was started again meanwhile has taken less than before.
            if earlier is not None and usage.processor_s >= earlier.processor_s:
                taken_s = usage.processor_s - earlier.processor_s
                values["CPUUtilization"] = 100 * taken_s / (usage.at - earlier.at)
            source = Source(region=region, endpoint=endpoint, variant=variant, interval_s=interval_s)
            self._metrics.utilized(source, values)
            found[instance.identity] = usage
        return found


def interval_of(config: Mapping[str, Any]) -> int:
    """Seconds between two utilization metrics: what an endpoint configuration's MetricsConfig says, enhanced or not
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MetricsConfig.html)."""
    return int((config.get("MetricsConfig") or {}).get("MetricPublishFrequencyInSeconds") or INTERVAL_S)


def usage_of(pid: int) -> Usage | None:
    """Of all that a process has started, itself left out; None where nothing of it runs."""
    processor_s, memory, any_runs = 0.0, 0, False
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                processor_s += times.user + times.system
                memory += process.memory_info().rss
                any_runs = True
    return Usage(processor_s, memory, time.monotonic()) if any_runs else None
