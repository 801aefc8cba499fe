"""What GET /metrics tells Prometheus."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Durations:
    """A histogram that costs a request next to nothing: it is put into Prometheus's form when somebody asks.

    For one thread alone, the server's.
    """

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Note one duration."""
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Metric:
        """What was noted so far."""
        bounds = [*map(str, _SECONDS), "+Inf"]
        buckets = [(bound, float(count)) for bound, count in zip(bounds, accumulate(self._counts), strict=True)]
        return HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)


class _Requests(Collector):
    """What is counted with every request."""

    def __init__(self) -> None:
        self.seconds = Durations(
            "serving_invocation_seconds",
            "Time from a request's head to its answer, of the requests that were predicted for.",
        )
        self.model_seconds = Durations("serving_model_seconds", "Time spent in the model a request.")
        self.by_status: defaultdict[int, int] = defaultdict(int)
        self.rows = 0

    def collect(self) -> Iterator[Metric]:
        answers = "Answers to requests for predictions, by status."
        invocations = CounterMetricFamily("serving_invocations", answers, labels=["status"])
        for status, count in self.by_status.items():
            invocations.add_metric([str(status)], count)
        yield invocations
        yield self.seconds.collect()
        yield self.model_seconds.collect()
        yield CounterMetricFamily("serving_predicted_rows", "Rows predicted for.", value=self.rows)


class Metrics:
    """The server's own metrics, beside those of its process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = _Requests()
        self.registry.register(self._requests)
        self.in_flight = Gauge("serving_in_flight", "Requests being answered or waiting.", registry=self.registry)
        self.ready = Gauge("serving_ready", "1 while GET /ping answers 200, else 0.", registry=self.registry)
        self.load_seconds = Gauge("serving_model_load_seconds", "Time that loading took.", registry=self.registry)
        self.captures_written = Counter(
            "serving_captures_written", "Requests and answers that were captured to S3.", registry=self.registry
        )
        self.captures_lost = Counter(
            "serving_captures_lost",
            "Requests and answers that were to be captured and are in no file: S3 refused them, or they were too many.",
            registry=self.registry,
        )

    def count(self, status: int) -> None:
        """Count one answer."""
        self._requests.by_status[status] += 1

    def predicted(self, rows: int, model_seconds: float, seconds: float) -> None:
        """Count one request that was predicted for."""
        self._requests.rows += rows
        self._requests.model_seconds.observe(model_seconds)
        self._requests.seconds.observe(seconds)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
