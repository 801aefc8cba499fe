"""What GET /metrics tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The server's own metrics, beside those of its process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.invocations = Counter(
            "serving_invocations",
            "Answers to requests for predictions, by status.",
            ["status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "serving_invocation_seconds",
            "Time from a request's head to its answer, of the requests that were predicted for.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.model_seconds = Histogram(
            "serving_model_seconds", "Time spent in the model a request.", buckets=_SECONDS, registry=self.registry
        )
        self.rows = Counter("serving_predicted_rows", "Rows predicted for.", registry=self.registry)
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
        self._status: dict[int, Counter] = {}

    def count(self, status: int) -> None:
        """Count one answer."""
        counter = self._status.get(status)
        if counter is None:
            counter = self._status[status] = self.invocations.labels(str(status))
        counter.inc()

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
