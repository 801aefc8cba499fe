"""The queues of asynchronous endpoints: kept requests, handed to instances as these are free; and their metrics.

Source of the metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from local.aws_server.looks import do_each
from local.aws_server.sagemaker.async_answer import Answering
from local.aws_server.sagemaker.async_record import KIND, AsyncRequest
from local.aws_server.sagemaker.endpoint_metrics import EndpointMetrics, Source
from local.aws_server.sagemaker.endpoint_record import KIND as ENDPOINTS
from local.aws_server.sagemaker.endpoint_record import EndpointRecord
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.traffic import Traffic

logger = logging.getLogger(__name__)

DEFAULT_CONCURRENT = 4
"""Requests at once to an instance, where the configuration does not say; AWS "chooses an optimal value"."""
LOOK_S = 0.05
"""Time between two looks for a free instance while requests wait."""
GAUGE_S = 10.0


class AsyncQueue:
    """Of all endpoints of a server. traffic: what serves an endpoint, by its key.

    A request leaves the records once its answer is in S3: one that a server was killed with is asked again.
    """

    def __init__(self, plane: Plane, metrics: EndpointMetrics, traffic: Callable[[str], Traffic | None]) -> None:
        self._plane = plane
        self._metrics = metrics
        self._traffic = traffic
        self._changed = threading.Condition()
        self._waiting: dict[str, list[AsyncRequest]] = {}
        self._working: dict[str, int] = {}

    def start(self) -> None:
        """Takes up what an earlier server left, and begins to hand out."""
        for _, request in self._plane.server.records.items(KIND):
            self._waiting.setdefault(request.endpoint_key, []).append(request)
        for waiting in self._waiting.values():
            waiting.sort(key=lambda each: each.key)
        threading.Thread(target=self._hand_out_for_ever, name="async-inference", daemon=True).start()
        do_each(GAUGE_S, "async-inference-gauges", self._plane.stopping, self._measure_all)

    def put(self, request: AsyncRequest) -> None:
        """Keeps a request; once this returns it survives this process."""
        self._plane.server.records.put(KIND, request.key, request)
        with self._changed:
            self._waiting.setdefault(request.endpoint_key, []).append(request)
            self._changed.notify()

    def forget(self, endpoint_key: str) -> None:
        """For an endpoint that was deleted: what waits is dropped."""
        with self._changed:
            dropped = self._waiting.pop(endpoint_key, [])
        for request in dropped:
            self._plane.server.records.delete(KIND, request.key)

    def _hand_out_for_ever(self) -> None:
        while not self._plane.stopping.is_set():
            with self._changed:
                if not any(self._waiting.values()):
                    self._changed.wait(1.0)
                    continue
                keys = [key for key, waiting in self._waiting.items() if waiting]
            # Each endpoint in its turn: one with a long queue holds no other back.
            started: list[str] = []
            try:
                started = [key for key in keys if self._hand_out(key)]
            except Exception:
                logger.exception("asynchronous requests were not handed out")
            if not started:
                self._plane.stopping.wait(LOOK_S)

    def _hand_out(self, key: str) -> bool:
        """Starts one request of an endpoint that has a free instance, or one that has expired."""
        traffic = self._traffic(key)
        if traffic is None:
            if self._plane.server.records.get(ENDPOINTS, key) is None:
                self.forget(key)  # A request that was given back after its endpoint had gone.
            return False
        config = traffic.main.deployment.config.get("AsyncInferenceConfig") or {}
        most = int((config.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance") or DEFAULT_CONCURRENT)
        healthy = sum(each.healthy.is_set() for variant in traffic.main.variants for each in variant.instances)
        with self._changed:
            waiting = self._waiting.get(key) or []
            # One that has waited for too long fails, whether or not there is an instance.
            place = next((place for place, one in enumerate(waiting) if one.expired), 0)
            busy = not healthy or self._working.get(key, 0) >= most * healthy
            if not waiting or (busy and not waiting[place].expired):
                return False
            request = waiting.pop(place)
            self._working[key] = self._working.get(key, 0) + 1
        threading.Thread(target=self._work, args=(request, traffic, config), daemon=True).start()
        return True

    def _work(self, request: AsyncRequest, traffic: Traffic, config: dict[str, Any]) -> None:
        done = False
        try:
            done = Answering(self._plane, self._metrics, traffic, config, request).answer()
        except Exception:
            logger.exception("asynchronous request %s", request.inference_id)
            done = True
        finally:
            if done:
                self._plane.server.records.delete(KIND, request.key)
            with self._changed:
                self._working[request.endpoint_key] -= 1
                if not done and not self._plane.stopping.is_set():
                    self._waiting.setdefault(request.endpoint_key, []).insert(0, request)

    def _measure_all(self) -> None:
        """The gauges of every asynchronous endpoint; also of those without a request, so that they can scale in."""
        for key, record in self._plane.server.records.items(ENDPOINTS):
            if record.deployment is not None and record.deployment.config.get("AsyncInferenceConfig"):
                self._measure(key, record)

    def _measure(self, key: str, record: EndpointRecord) -> None:
        assert record.deployment is not None
        with self._changed:
            waiting = list(self._waiting.get(key, ()))
            backlog = len(waiting) + self._working.get(key, 0)
        instances = sum(record.deployment.counts[name] for name in record.deployment.production)
        values = {
            "ApproximateBacklogSize": float(backlog),
            "ApproximateBacklogSizePerInstance": backlog / max(1, instances),
            "HasBacklogWithoutCapacity": float(bool(backlog) and not instances),
        }
        if waiting:
            values["ApproximateAgeOfOldestRequest"] = waiting[0].waited_s
        source = Source(region=record.region, endpoint=record.name, variant="")
        for name, value in values.items():
            self._metrics.observe(source, name, value)
