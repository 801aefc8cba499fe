"""The endpoints of one server: what serves each, and the changes that are under way."""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker import models, tags
from local.aws_server.sagemaker.async_queue import AsyncQueue
from local.aws_server.sagemaker.components import Components
from local.aws_server.sagemaker.endpoint_record import KIND, Deployment, EndpointRecord, load, save
from local.aws_server.sagemaker.fleet import Fleet, StartError
from local.aws_server.sagemaker.invocations import Invocations
from local.aws_server.sagemaker.multi_model import MultiModel
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.rolling import RollbackFailedError, RollingRollout
from local.aws_server.sagemaker.rollout import END_S, InterruptedRolloutError, Rollout, end
from local.aws_server.sagemaker.rollout_policy import policy_of
from local.aws_server.sagemaker.rollout_progress import Progress
from local.aws_server.sagemaker.traffic import Traffic
from local.aws_server.sagemaker.utilization import Utilization

logger = logging.getLogger(__name__)


class Endpoints:
    """Fleets by endpoint; each change of an endpoint runs in a thread of its own, one at a time an endpoint."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.invocations = Invocations(plane)
        self.multi_model = MultiModel(plane)
        self.components = Components(plane, self.invocations.metrics)
        self._traffic: dict[str, Traffic] = {}
        self.queue = AsyncQueue(plane, self.invocations.metrics, self.traffic)
        self.utilization = Utilization(plane, self.invocations.metrics, self._serving)
        self._starting: dict[str, Fleet] = {}
        self._rollouts: dict[str, Rollout] = {}
        self._lock = threading.RLock()

    def traffic(self, key: str) -> Traffic | None:
        """What serves an endpoint; after a restart also while it is still starting."""
        with self._lock:
            return self._traffic.get(key)

    def _serving(self) -> dict[str, Traffic]:
        with self._lock:
            return dict(self._traffic)

    def progress(self, key: str) -> Progress | None:
        """Of the update that is under way."""
        with self._lock:
            rollout = self._rollouts.get(key)
        return rollout.progress if rollout is not None else None

    def deployment(self, region: str, name: str, config_name: str, revision: int) -> Deployment:
        """The deployment of a configuration; raises ValidationException where it or its models are not there."""
        server = self.plane.server
        config = models.endpoint_config(server, region, config_name)
        if config is None:
            raise models.not_found("endpoint configuration", self.plane.arn(region, f"endpoint-config/{config_name}"))
        variants = [*config["ProductionVariants"], *(config.get("ShadowProductionVariants") or ())]
        return Deployment(
            config=config,
            containers={
                each["VariantName"]: models.container_of(self.plane, region, each["ModelName"])
                for each in variants
                if each.get("ModelName")
            },
            weights={each["VariantName"]: float(each["InitialVariantWeight"]) for each in variants},
            counts={each["VariantName"]: int(each.get("InitialInstanceCount", 1)) for each in variants},
            folder=str(self.plane.folder / "endpoints" / name / f"{revision}"),
        )

    def create(self, record: EndpointRecord) -> None:
        """Brings an endpoint up; its record has the deployment as `pending`."""
        self._in_thread(self._create, record)

    def update(self, record: EndpointRecord) -> None:
        """Replaces an endpoint's fleet by that of `record.pending`, as its DeploymentConfig says."""
        self._in_thread(self._update, record)

    def adjust(self, record: EndpointRecord, weights: dict[str, float], counts: dict[str, int]) -> None:
        """Changes weights and counts of the fleet that serves."""
        self._in_thread(self._adjust, record, weights, counts)

    def delete(self, record: EndpointRecord) -> None:
        """Ends an endpoint's processes and forgets it."""
        self._in_thread(self._delete, record)

    def resume(self) -> None:
        """Brings back the endpoints of an earlier server."""
        for key, _ in self.plane.server.records.items(KIND):
            region, _, name = key.partition("/")
            record = load(self.plane, region, name)
            if record is None:
                continue
            if record.status == "Deleting":
                self.delete(record)
            elif record.deployment is not None:
                self._in_thread(self._bring_back, record)
            elif record.pending is not None and record.status == "Creating":
                self.create(record)
        self.components.resume()

    def shut_down(self) -> None:
        """Ends every process; the records stay, and with them the endpoints."""
        self.plane.stopping.set()
        with self._lock:
            fleets = [fleet for traffic in self._traffic.values() for fleet in traffic.fleets()]
            fleets += self._starting.values()
        fleets += self.components.fleets()
        for fleet in fleets:
            fleet.retire(now=True)
        for fleet in fleets:
            fleet.join(5.0)

    def _in_thread(self, change: Any, record: EndpointRecord, *arguments: Any) -> None:
        def run() -> None:
            try:
                change(record, *arguments)
            except Exception as error:
                logger.exception("endpoint %s", record.name)
                if not self.plane.stopping.is_set():
                    record.enter("Failed", f"InternalServerError: {error!r}")
                    save(self.plane, record)

        threading.Thread(target=run, name=f"endpoint-{record.name}", daemon=True).start()

    def _start(self, record: EndpointRecord, deployment: Deployment) -> Fleet:
        fleet = Fleet(self.plane, record.region, record.name, deployment)
        with self._lock:
            self._starting[record.key] = fleet
        try:
            fleet.start()
        except StartError:
            fleet.join(END_S)
            fleet.clear()
            raise
        finally:
            with self._lock:
                self._starting.pop(record.key, None)
        return fleet

    def _create(self, record: EndpointRecord) -> None:
        assert record.pending is not None
        try:
            fleet = self._start(record, record.pending)
        except StartError as error:
            self._failed(record, str(error))
            return
        with self._lock:
            self._traffic[record.key] = Traffic(fleet)
        record.deployment, record.pending = record.pending, None
        self._enter(record, "InService")

    def _update(self, record: EndpointRecord) -> None:
        assert record.pending is not None
        traffic = self.traffic(record.key)
        if traffic is None:
            self._create(record)
            return
        if (left_over := traffic.green) is not None:
            # A rollback that failed has left both fleets: the old one serves until the new one does.
            traffic.settle(traffic.main)
            end(left_over)
        policy = policy_of(record.deployment_config, record.pending)
        rollout = (RollingRollout if policy.rolling else Rollout)(self.plane, record, traffic, policy)
        with self._lock:
            self._rollouts[record.key] = rollout
        try:
            reason = rollout.run()
        except InterruptedRolloutError:
            return
        except RollbackFailedError as error:
            record.pending = None
            self._enter(record, "UpdateRollbackFailed", str(error))
            return
        finally:
            with self._lock:
                self._rollouts.pop(record.key)
        if reason:
            record.pending = None
            self._enter(record, "InService", reason)
            return
        record.deployment, record.pending = record.pending, None
        self._enter(record, "InService")
        rollout.finish()

    def _adjust(self, record: EndpointRecord, weights: dict[str, float], counts: dict[str, int]) -> None:
        assert record.deployment is not None
        traffic = self.traffic(record.key)
        if traffic is not None:
            try:
                traffic.main.scale(counts)
            except StartError as error:
                self._enter(record, "InService", str(error))
                return
            traffic.main.reweigh(weights)
        record.deployment.weights |= weights
        record.deployment.counts |= counts
        self._enter(record, "InService")

    def _delete(self, record: EndpointRecord) -> None:
        with self._lock:
            traffic = self._traffic.pop(record.key, None)
        self.queue.forget(record.key)
        for fleet in traffic.fleets() if traffic is not None else ():
            fleet.drain(5.0)
            fleet.retire()
            fleet.join(END_S)
            fleet.clear()
        for deployment in (record.deployment, record.pending):
            if deployment is not None:
                Fleet(self.plane, record.region, record.name, deployment).clear()
        with_parent = Path(self.plane.folder / "endpoints" / record.name)
        if with_parent.is_dir() and not any(with_parent.iterdir()):
            with_parent.rmdir()
        self.plane.server.records.delete(KIND, record.key)
        tags.forget_tags(self.plane.server, record.arn)

    def _bring_back(self, record: EndpointRecord) -> None:
        assert record.deployment is not None
        interrupted, was_going_back, reason = record.pending, record.status == "RollingBack", record.failure
        record.enter("SystemUpdating")
        # A server that is killed now must know what this one knows.
        save(self.plane, record if not was_going_back else replace(record, status="RollingBack", failure=reason))
        fleet = Fleet(self.plane, record.region, record.name, record.deployment)
        with self._lock:
            # Already the one that serves: a call that comes now waits for its first healthy instance.
            self._traffic[record.key] = Traffic(fleet)
        try:
            fleet.start()
        except StartError as error:
            with self._lock:
                self._traffic.pop(record.key, None)
            self._failed(record, str(error))
            return
        if interrupted is None or was_going_back:
            if interrupted is not None:
                Fleet(self.plane, record.region, record.name, interrupted).clear()
            record.pending = None
            self._enter(record, "InService", reason if was_going_back else "")
            return
        self._enter(record, "Updating")
        self._update(record)

    def _failed(self, record: EndpointRecord, reason: str) -> None:
        if not self.plane.stopping.is_set():
            self._enter(record, "Failed", reason)

    def _enter(self, record: EndpointRecord, status: str, failure: str = "") -> None:
        record.enter(status, failure)
        save(self.plane, record)


_endpoints: dict[int, Endpoints] = {}


def endpoints_of(server: Server) -> Endpoints:
    """The endpoints of a server; raises ServiceUnavailable once it stops."""
    endpoints = _endpoints.get(id(server))
    if endpoints is None:
        raise ServiceError("ServiceUnavailable", "The local AWS server is stopping.", 503)
    return endpoints


def start_endpoints(server: Server, plane: Plane) -> None:
    """For a server that starts."""
    endpoints = Endpoints(plane)
    _endpoints[id(server)] = endpoints
    endpoints.invocations.start()
    endpoints.utilization.start()
    endpoints.resume()
    endpoints.queue.start()


def stop_endpoints(server: Server) -> None:
    """For a server that stops."""
    endpoints = _endpoints.pop(id(server))
    endpoints.shut_down()
    endpoints.invocations.capture.flush()
    endpoints.invocations.metrics.flush()  # The last: a capture that is lost is counted, too.
