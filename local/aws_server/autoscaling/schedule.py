"""Scheduled actions of endpoint variants and inference components: at their time they set limits, the count follows.

https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html. One that
was due while the server was down is left out, but for an `at(…)`, which comes later.
"""

import logging
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local.aws_server.autoscaling import cron, targets
from local.aws_server.looks import looks_each
from local.aws_server.operations import Call, Server, ServiceError, operation
from local.aws_server.schedules import due, interval_of, moment_of, utc

logger = logging.getLogger(__name__)
KIND = "autoscaling:scheduled"
"""Kind of a record: when an action ran last. The key is `region/ARN`."""
TICK_S = 1.0


@operation("application-autoscaling", "PutScheduledAction")
def put_scheduled_action(call: Call) -> dict[str, Any]:
    """Notes an action whose schedule can be kept; told anew, it starts anew."""
    if targets.is_ours(call.params):
        resource = call.params["ResourceId"]
        if targets.target_of(call.region, resource) is None:
            raise targets.not_found("scalable target registered", call.params)
        schedule = call.params.get("Schedule") or ""
        try:
            ZoneInfo(call.params.get("Timezone") or "UTC")
            known = interval_of(schedule) or moment_of(schedule) or cron.fields_of(schedule)
        except (cron.CronError, ZoneInfoNotFoundError, ValueError) as error:
            raise targets.invalid(f"The schedule {schedule} cannot be kept: {error}.") from error
        if not known:
            raise targets.invalid(f"{schedule} is no schedule: at(…), rate(…) or cron(…).")
        ending = f"{resource}:scheduledActionName/{call.params['ScheduledActionName']}"
        for key, _ in call.server.records.items(KIND, f"{call.region}/"):
            if key.endswith(ending):
                call.server.records.delete(KIND, key)
    return call.forward()


@operation("application-autoscaling", "DeleteScheduledAction")
def delete_scheduled_action(call: Call) -> dict[str, Any]:
    """Forgets an action. One that is not there is ObjectNotFoundException, which moto does not say."""
    params = call.params
    if targets.is_ours(params):
        backend = targets.backend_of(call.region)
        known = {
            (each.resource_id, each.scheduled_action_name) for each in (backend.scheduled_actions if backend else ())
        }
        if (params["ResourceId"], params["ScheduledActionName"]) not in known:
            raise targets.not_found("scheduled action found", params, "ScheduledActionName")
    return call.forward()


@looks_each(TICK_S, "scheduled actions")
def look(server: Server) -> None:
    """Looks at the scheduled actions."""
    tick(server, datetime.now(UTC))


def tick(server: Server, now: datetime) -> None:
    """Runs what is due."""
    for region, backend in targets.backends():
        for each in list(backend.scheduled_actions):
            if each.scalable_dimension not in targets.DIMENSIONS:
                continue
            key = f"{region}/{each.arn}"
            start_time, end_time = utc(each.start_time), utc(each.end_time)
            if (start_time and now < start_time) or (end_time and now > end_time):
                continue
            if is_due(each.schedule, each.timezone or "UTC", server.records.get(KIND, key), now):
                server.records.put(KIND, key, now)
                _run(server, region, each)


def is_due(schedule: str, timezone: str, last: datetime | None, now: datetime) -> bool:
    """Whether a schedule's time has come. last: when it ran last."""
    if (fields := cron.fields_of(schedule)) is not None:
        minute = now.replace(second=0, microsecond=0)
        return (last is None or last < minute) and cron.matches(fields, minute.astimezone(ZoneInfo(timezone)))
    if (moment := moment_of(schedule)) is not None:
        return last is None and now >= moment.replace(tzinfo=ZoneInfo(timezone))
    return due(schedule, last, now)


def _run(server: Server, region: str, scheduled: Any) -> None:
    resource = str(scheduled.resource_id)
    told = scheduled.scalable_target_action or {}
    with server.changing("application-autoscaling"):
        target = targets.target_of(region, resource)
        if target is None or (target.suspended_state or {}).get("ScheduledScalingSuspended"):
            return
        target.update(told.get("MinCapacity"), told.get("MaxCapacity"), None)
        low, high = int(target.min_capacity), int(target.max_capacity)
    said = f"min capacity to {low} and max capacity to {high}"
    cause = f"scheduled action name {scheduled.scheduled_action_name} was triggered"
    activity = {"Description": f"Setting {said}", "Cause": cause, "StatusCode": "Successful"}
    targets.note(server, region, resource, activity | {"StatusMessage": f"Successfully set {said}"})
    try:
        _, current = targets.capacity(server, region, resource)
        if current < low:
            targets.set_capacity(server, region, resource, low, f"minimum capacity was set to {low}")
        elif current > high:
            targets.set_capacity(server, region, resource, high, f"maximum capacity was set to {high}")
    except ServiceError as error:
        logger.warning("scheduled action %s: %s", scheduled.scheduled_action_name, error.message)
