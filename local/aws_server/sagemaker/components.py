"""The inference components of one server: the copies that serve each, and the changes that are under way."""

import logging
import threading
import time
from collections.abc import Callable

from local.aws_server.looks import do_each
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.component_record import KIND, ComponentRecord, load, save
from local.aws_server.sagemaker.endpoint_metrics import INTERVAL_S, EndpointMetrics, Source
from local.aws_server.sagemaker.fleet import Fleet, StartError
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.rollout import END_S, end
from local.aws_server.sagemaker.traffic import Traffic

logger = logging.getLogger(__name__)


class Components:
    """Copies by component; each change runs in a thread of its own, one at a time a component."""

    def __init__(self, plane: Plane, metrics: EndpointMetrics) -> None:
        self.metrics = metrics
        self._plane = plane
        self._traffic: dict[str, Traffic] = {}
        self._all: set[Fleet] = set()
        self._lock = threading.Lock()
        self._told_minute = 0

    def traffic(self, key: str) -> Traffic | None:
        """What serves a component; None where no copy is in service."""
        with self._lock:
            traffic = self._traffic.get(key)
        return None if traffic is None or traffic.main.idle else traffic

    def fleets(self) -> list[Fleet]:
        """Every fleet that has processes."""
        with self._lock:
            return list(self._all)

    def create(self, record: ComponentRecord) -> None:
        """Starts the copies of `record.pending`."""
        self._in_thread(self._replace, record)

    def update(self, record: ComponentRecord) -> None:
        """Starts the copies of `record.pending`, which take over from the ones that serve."""
        self._in_thread(self._replace, record)

    def scale(self, record: ComponentRecord) -> None:
        """Brings the copies to `record.copies`."""
        self._in_thread(self._scale, record)

    def delete(self, record: ComponentRecord) -> None:
        """Ends a component's copies and forgets it."""
        self._in_thread(self._delete, record)

    def resume(self) -> None:
        """Brings back the components of an earlier server, and starts to tell of idle ones."""
        for key, _ in self._plane.server.records.items(KIND):
            region, _, name = key.partition("/")
            record = load(self._plane.server, region, name)
            if record is None:
                continue
            if record.status == "Deleting":
                self.delete(record)
            elif record.deployment is not None or record.status == "Creating":
                self._in_thread(self._bring_back, record)
        do_each(1.0, "idle-components", self._plane.stopping, self._tell_idle)

    def _in_thread(self, change: Callable[[ComponentRecord], None], record: ComponentRecord) -> None:
        def run() -> None:
            try:
                change(record)
            except Exception as error:
                logger.exception("inference component %s", record.name)
                self._enter(record, "Failed", f"InternalServerError: {error!r}")

        threading.Thread(target=run, name=f"component-{record.name}", daemon=True).start()

    def _replace(self, record: ComponentRecord) -> None:
        assert record.pending is not None
        try:
            fleet = Fleet(self._plane, record.region, record.endpoint, record.pending)
            self._start(record, fleet, record.copies)
        except StartError as error:
            record.pending = record.pending_specification = None
            self._enter(record, "InService" if record.deployment else "Failed", str(error))
            return
        with self._lock:
            before, self._traffic[record.key] = self._traffic.get(record.key), Traffic(fleet)
        record.deployment, record.pending = record.pending, None
        record.specification = record.pending_specification or record.specification
        record.pending_specification = None
        record.current = record.copies
        self._enter(record, "InService")
        if before is not None:
            self._end(before.main)

    def _start(self, record: ComponentRecord, fleet: Fleet, copies: int) -> None:
        with self._lock:
            self._all.add(fleet)
        try:
            fleet.start({record.variant: copies})
        except StartError:
            fleet.join(END_S)
            if not self._plane.stopping.is_set():
                fleet.clear()
            with self._lock:
                self._all.discard(fleet)
            raise

    def _end(self, fleet: Fleet) -> None:
        end(fleet)
        with self._lock:
            self._all.discard(fleet)

    def _scale(self, record: ComponentRecord) -> None:
        with self._lock:
            traffic = self._traffic.get(record.key)
            if not record.current:
                # Copies that start from zero get no request before they are in service.
                self._traffic.pop(record.key, None)
        if traffic is None:
            record.pending = record.deployment
            self._replace(record)
            return
        failure = ""
        try:
            traffic.main.scale({record.variant: record.copies})
            record.current = record.copies
        except StartError as error:
            failure, record.copies = str(error), record.current
        with self._lock:
            self._traffic[record.key] = traffic
        self._enter(record, "InService", failure)

    def _delete(self, record: ComponentRecord) -> None:
        with self._lock:
            traffic = self._traffic.pop(record.key, None)
        if traffic is not None:
            self._end(traffic.main)
        for deployment in (record.deployment, record.pending):
            if deployment is not None:
                Fleet(self._plane, record.region, record.endpoint, deployment).clear()
        self._plane.server.records.delete(KIND, record.key)
        tags.forget_tags(self._plane.server, record.arn)

    def _bring_back(self, record: ComponentRecord) -> None:
        if record.deployment is None:
            self._replace(record)
            return
        again, wakes = record.pending, record.copies and not record.current
        self._enter(record, "Updating")
        fleet = Fleet(self._plane, record.region, record.endpoint, record.deployment)
        if not wakes:
            with self._lock:
                # Already the one that serves: a call that comes now waits for its first healthy copy.
                self._traffic[record.key] = Traffic(fleet)
        try:
            self._start(record, fleet, record.copies)
        except StartError as error:
            with self._lock:
                self._traffic.pop(record.key, None)
            record.current = 0
            self._enter(record, "Failed", str(error))
            return
        with self._lock:
            self._traffic[record.key] = Traffic(fleet)
        record.current = record.copies
        if again is not None:
            self._replace(record)
            return
        self._enter(record, "InService")

    def _enter(self, record: ComponentRecord, status: str, failure: str = "") -> None:
        if not self._plane.stopping.is_set():
            record.enter(status, failure)
            save(self._plane.server, record)

    def _tell_idle(self) -> None:
        """Zeros of InvocationsPerCopy while there are copies: what target tracking scales in by."""
        minute = int(time.time() // INTERVAL_S)
        if minute == self._told_minute:
            return
        self._told_minute = minute
        for key, record in self._plane.server.records.items(KIND):
            if self.traffic(key) is not None:
                source = Source(
                    region=record.region, endpoint=record.endpoint, variant=record.variant, component=record.name
                )
                self.metrics.observe(source, "InvocationsPerCopy", 0.0)
