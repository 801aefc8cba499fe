"""When a monitoring schedule runs, and which time it looks at.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ScheduleConfig.html
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = "NOW"
DAILY = "cron(0 0 ? * * *)"
"""Without a ScheduleConfig SageMaker picks an hour of the day; here it is midnight, UTC."""
_CRON = re.compile(r"cron\(0 (?:(?P<every>\*)|(?P<hour>\d{1,2})(?:/(?P<step>\d{1,2}))?) \? \* \* \*\)")
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class ScheduleError(ValueError):
    """A schedule that SageMaker does not take."""


def hours_of(expression: str) -> tuple[int, ...]:
    """The full hours of a day, UTC, at which a schedule runs; none for NOW. Raises ScheduleError."""
    if expression == NOW:
        return ()
    match = _CRON.fullmatch(expression)
    hour, step = (int(match[name] or 0) for name in ("hour", "step")) if match else (24, 0)
    if match is None or hour > 23 or step > 24 or (match["step"] is not None and step == 0):
        raise ScheduleError(
            f"Invalid ScheduleExpression {expression}: it must be NOW, cron(0 * ? * * *), cron(0 [00-23] ? * * *) or "
            "cron(0 [00-23]/[01-24] ? * * *)."
        )
    if match["every"]:
        return tuple(range(24))
    return tuple(range(hour, 24, step)) if step else (hour,)


def duration(text: str) -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds. Raises ScheduleError."""
    match = _DURATION.fullmatch(text)
    if match is None or text.lstrip("-") in ("P", "PT"):
        raise ScheduleError(f"{text} is no ISO 8601 duration such as -PT1H.")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if match[1] else length


def check(config: Mapping[str, Any], longest_s: int | None) -> None:
    """Raises ScheduleError for a ScheduleConfig that breaks a rule. longest_s: MaxRuntimeInSeconds of its job."""
    expression = config["ScheduleExpression"]
    hours = hours_of(expression)
    start, end = (config.get(f"DataAnalysis{side}Time") for side in ("Start", "End"))
    if (start is None) != (end is None) or (start is None and expression == NOW):
        raise ScheduleError("DataAnalysisStartTime and DataAnalysisEndTime go together; NOW needs both.")
    if start is not None and end is not None and not timedelta(0) < duration(end) - duration(start) <= DAY:
        raise ScheduleError("DataAnalysisStartTime must precede DataAnalysisEndTime by 24 hours at most.")
    if longest_s is not None and hours and timedelta(seconds=longest_s) > period(hours):
        raise ScheduleError("MaxRuntimeInSeconds cannot exceed the frequency of the job.")


def period(hours: tuple[int, ...]) -> timedelta:
    """The time between two runs; a day for NOW."""
    return HOUR * (hours[1] - hours[0]) if len(hours) > 1 else DAY


def newest(expression: str, after: datetime, now: datetime) -> datetime | None:
    """The newest time, later than `after`, at which a schedule was to run until now; those before it are left out."""
    hours = hours_of(expression)
    moment = now.replace(minute=0, second=0, microsecond=0)
    for _ in range(24):
        if moment <= after:
            return None
        if moment.hour in hours:
            return moment
        moment -= HOUR
    return None


def window(config: Mapping[str, Any], scheduled: datetime) -> tuple[datetime, datetime]:
    """The time that a run looks at: by its offsets, else all since the run before."""
    if start := config.get("DataAnalysisStartTime"):
        return scheduled + duration(start), scheduled + duration(config["DataAnalysisEndTime"])
    return scheduled - period(hours_of(config["ScheduleExpression"])), scheduled
