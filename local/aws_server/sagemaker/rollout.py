"""One update of an endpoint under way: the new fleet takes over step by step, or everything goes back.

The steps come from the update's DeploymentConfig (rollout_policy.py). While a step bakes, the state of the alarms that
AutoRollbackConfiguration names decides: one in ALARM, and the old fleet has every request again.
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html
"""

import logging
import time
from collections.abc import Mapping

from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker.endpoint_record import EndpointRecord, save
from local.aws_server.sagemaker.fleet import Fleet, StartError
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.rollout_policy import RolloutPolicy, Step
from local.aws_server.sagemaker.rollout_progress import Progress
from local.aws_server.sagemaker.traffic import Traffic

logger = logging.getLogger(__name__)

ALARM_INTERVAL_S = 0.5
"""Time between two looks at the alarms; AWS does not document its own."""
DRAIN_S = 60.0
"""How long requests in flight may take when their fleet is replaced: as long as an invocation may take."""
END_S = 25.0
CAPACITY = {"canary": "canary capacity", "linear": "linear step capacity", "batch": "batch capacity"}


class RolloutFailedError(Exception):
    """The update does not go on; the message is the endpoint's FailureReason."""


class InterruptedRolloutError(Exception):
    """The server stops: the next one begins the update anew."""


class Rollout:
    """A blue/green update."""

    def __init__(self, plane: Plane, record: EndpointRecord, traffic: Traffic, policy: RolloutPolicy) -> None:
        assert record.pending is not None
        self.progress = Progress()
        self._plane = plane
        self._record = record
        self._traffic = traffic
        self._policy = policy
        self._pending = record.pending
        self._blue = traffic.main
        self._green = Fleet(plane, record.region, record.name, record.pending)
        self._until = time.monotonic() + policy.timeout_s

    def run(self) -> str:
        """Carries the update out: the reason why it was rolled back, "" where it was not.

        Afterwards one fleet serves, the other is retired, and the record says which it is. Raises
        InterruptedRolloutError, with nothing decided.
        """
        self._traffic.add(self._green)
        try:
            self._advance()
        except StartError as error:
            return self._go_back(str(error))
        except RolloutFailedError as error:
            return self._go_back(str(error))
        self._traffic.settle(self._green)
        return ""

    def finish(self) -> None:
        """After a success: ends the old fleet, which may still have requests."""
        end(self._blue)

    def _advance(self) -> None:
        for number, step in enumerate(self._policy.steps):
            if number == 0:
                self._launch(self._pending.counts)
            self._activate(step)
            self._bake(step)

    def _launch(self, counts: Mapping[str, int]) -> None:
        """Starts the new fleet, or more of it."""
        self.progress.enter("Creating", counts, "Launching {} instance(s).")
        try:
            self._green.start(counts)
        except StartError:
            self._heed_stop()
            raise
        self._heed_limits()

    def _activate(self, step: Step) -> None:
        capacity = CAPACITY.get(step.kind, "full capacity")
        self.progress.enter("ActivatingTraffic", step.active, f"Activating traffic on {capacity} of {{}} instance(s).")
        whole = {name: self._pending.counts[name] for name in step.active}
        for variant in self._green.variants:
            self._green.activate(variant, step.active[variant.name], whole[variant.name])
        self._traffic.split({name: (part, whole[name]) for name, part in step.active.items()})
        self.progress.active = {**self._shadows_active(), **step.active}

    def _shadows_active(self) -> dict[str, int]:
        return {name: self._pending.counts[name] for name in self._pending.shadows}

    def _bake(self, step: Step) -> None:
        """Waits, with an eye on the alarms."""
        capacity = CAPACITY.get(step.kind, "full capacity")
        message = f"Baking for {step.bake_s} seconds ({step.member}) with traffic enabled on {capacity} of "
        self.progress.enter("Baking", step.active, message + "{} instance(s).")
        until = time.monotonic() + step.bake_s
        while True:
            if tripped := alarms_in_alarm(self._plane.server, self._record.region, self._policy.alarms):
                raise RolloutFailedError(
                    f"The deployment was rolled back to {self._old_name()}: during the baking period of {capacity} "
                    f"the alarm(s) [{', '.join(tripped)}] of its AutoRollbackConfiguration were in state ALARM."
                )
            self._heed_limits()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._plane.stopping.wait(min(left, ALARM_INTERVAL_S))

    def _heed_stop(self) -> None:
        if self._plane.stopping.is_set():
            raise InterruptedRolloutError

    def _heed_limits(self) -> None:
        self._heed_stop()
        if time.monotonic() > self._until:
            raise RolloutFailedError(
                f"The deployment was rolled back to {self._old_name()}: it took longer than its "
                f"MaximumExecutionTimeoutInSeconds of {self._policy.timeout_s} seconds."
            )

    def _old_name(self) -> str:
        return f"endpoint configuration {self._blue.deployment.config['EndpointConfigName']}"

    def _go_back(self, reason: str) -> str:
        """First the requests, then what is said about them."""
        self._traffic.split({})
        self._say_going_back(reason)
        self._traffic.settle(self._blue)
        end(self._green)
        return reason

    def _say_going_back(self, reason: str) -> None:
        self.progress.enter("Deleting", self.progress.active, "Terminating {} instance(s).")
        self.progress.active = {}
        self._record.enter("RollingBack", reason)
        save(self._plane, self._record)


def end(fleet: Fleet) -> None:
    """Ends a fleet that gets no new requests: first those that it has, then its processes, then its files."""
    fleet.drain(DRAIN_S)
    fleet.retire()
    fleet.join(END_S)
    fleet.clear()


def alarms_in_alarm(server: Server, region: str, names: tuple[str, ...]) -> list[str]:
    """Which of the alarms are in state ALARM; an alarm that is gone meanwhile is not."""
    if not names:
        return []
    try:
        return sorted(name for name, state in alarm_states(server, region, names).items() if state == "ALARM")
    except ServiceError as error:
        logger.warning("alarms of a rollout: %s", error)
        return []


def alarm_states(server: Server, region: str, names: tuple[str, ...]) -> dict[str, str]:
    """State by name of those alarms that there are, composite ones included."""
    request = {"AlarmNames": list(names), "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    answer = server.call("cloudwatch", "DescribeAlarms", request, region=region)
    alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
