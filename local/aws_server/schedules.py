"""EventBridge Scheduler: schedules are moto's, and those with a rate or a single time truly start their function.

A rate without a start date starts at once, and then at each interval
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). When it last ran is kept, so that after a
restart of the server no schedule is forgotten or started twice. `cron(…)` is recorded, and so are targets other than
functions.
"""

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from local.aws_server.functions.record import require_role
from local.aws_server.functions.rights import may
from local.aws_server.looks import looks_each
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, Call, Server, ServiceError, operation

logger = logging.getLogger(__name__)
KIND = "scheduler:started"
TICK_S = 0.5
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def interval_of(expression: str) -> timedelta | None:
    """The interval of a `rate(…)`; None for another expression."""
    match = re.fullmatch(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)", expression)
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]]) if match and int(match[1]) else None


def moment_of(expression: str) -> datetime | None:
    """The time of an `at(…)`, which is UTC here; None for another expression."""
    match = re.fullmatch(r"at\(\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\s*\)", expression)
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None


def utc(value: Any) -> datetime | None:
    """A time as requests tell it: ISO 8601, seconds since the epoch, or read already. None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not re.fullmatch(r"[\d.]+", value):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(value), UTC)


def due(expression: str, last: datetime | None, now: datetime, start: datetime | None = None) -> bool:
    """Whether a schedule has to start its target now. last: when it did so last. start: its StartDate."""
    if start is not None and now < start:
        return False
    if (once := moment_of(expression)) is not None:
        return last is None and now >= once
    interval = interval_of(expression)
    return interval is not None and (last is None or now >= last + interval)


@operation("scheduler", "CreateSchedule")
def create_schedule(call: Call) -> dict[str, Any]:
    """Checks what AWS checks of a schedule, and leaves the rest to moto."""
    _check(call)
    return call.forward()


@operation("scheduler", "UpdateSchedule")
def update_schedule(call: Call) -> dict[str, Any]:
    _check(call)
    return call.forward()


@operation("scheduler", "DeleteSchedule")
def delete_schedule(call: Call) -> dict[str, Any]:
    """A schedule that is made again under this name starts anew."""
    answer = call.forward()
    group = call.params.get("GroupName") or "default"
    call.server.records.delete(KIND, call.arn(f"schedule/{group}/{call.params['Name']}"))
    return answer


def _check(call: Call) -> None:
    expression = call.params["ScheduleExpression"]
    known = interval_of(expression) or moment_of(expression)
    if not known and not re.fullmatch(r"cron\(\S+( \S+){5}\)", expression):
        raise ServiceError("ValidationException", f"Invalid Schedule Expression {expression}.")
    role = call.params["Target"]["RoleArn"]
    try:
        require_role(call.server, role, "scheduler.amazonaws.com")
    except ServiceError as error:
        message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        raise ServiceError("ValidationException", message) from error


@looks_each(TICK_S, "schedules")
def look(server: Server) -> None:
    """Looks at the schedules."""
    tick(server, datetime.now(UTC))


def tick(server: Server, now: datetime) -> None:
    """Start what is due."""
    for arn, schedule in _schedules():
        start_date = utc(schedule.start_date)
        end_date = utc(schedule.end_date)
        if schedule.state != "ENABLED" or (end_date is not None and now > end_date):
            continue
        if due(schedule.schedule_expression, server.records.get(KIND, arn), now, start_date):
            server.records.put(KIND, arn, now)
            _start_target(server, arn, dict(schedule.target))


def _schedules() -> list[tuple[str, Any]]:
    """What moto holds, without making a backend where there is none."""
    import sys

    models = sys.modules.get("moto.scheduler.models")
    if models is None:
        return []
    with moto_lock:
        backends: Any = models.scheduler_backends[ACCOUNT_ID]
        return [
            (schedule.arn, schedule)
            for backend in list(dict.values(backends))
            for group in backend.schedule_groups.values()
            for schedule in group.schedules.values()
        ]


def _start_target(server: Server, arn: str, target: dict[str, Any]) -> None:
    function, role = str(target["Arn"]), str(target["RoleArn"])
    if ":lambda:" not in function:
        return
    if not may(role, "lambda:InvokeFunction", function):
        logger.warning("%s starts nothing: %s may not lambda:InvokeFunction on %s", arn, role, function)
        return
    request = {
        "FunctionName": function,
        "InvocationType": "Event",
        "Payload": str(target.get("Input") or "{}").encode(),
    }
    try:
        server.call("lambda", "Invoke", request, region=function.split(":")[3])
    except ServiceError as error:
        logger.warning("%s: %s", arn, error.message)
