"""The API of monitoring schedules and their executions."""

import copy
from collections.abc import Iterable
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import monitoring_times, tags
from local.aws_server.sagemaker.monitoring import job_definition
from local.aws_server.sagemaker.monitoring_job import capture_of, endpoint_input
from local.aws_server.sagemaker.monitoring_record import KIND, Execution, Schedule, executions_of, load, save
from local.aws_server.sagemaker.monitoring_times import DAILY, NOW, ScheduleError
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.validation import validate


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _schedule(call: Call) -> Schedule:
    name = call.params["MonitoringScheduleName"]
    schedule = load(call.server, call.region, name)
    if schedule is None:
        raise ServiceError("ResourceNotFound", f"Monitoring schedule {name} does not exist.")
    return schedule


def _checked(call: Call) -> tuple[dict[str, Any], str]:
    """The request's configuration and the endpoint that it monitors. Raises ServiceError for what cannot be run."""
    config = copy.deepcopy(call.params["MonitoringScheduleConfig"])
    named = {"MonitoringJobDefinitionName", "MonitoringType"} & config.keys()
    if ("MonitoringJobDefinition" in config) == bool(named) or len(named) == 1:
        raise _refusal("Give either MonitoringJobDefinition, or MonitoringJobDefinitionName and MonitoringType.")
    if config.get("MonitoringType", "DataQuality") != "DataQuality":
        raise _refusal(
            f"The local SageMaker keeps definitions of {config['MonitoringType']} jobs, and schedules those of "
            "DataQuality: what AWS's own containers of the others are given is not documented."
        )
    definition = job_definition(call.server, call.region, config)
    require_role(call.server, definition["RoleArn"])
    given = endpoint_input(definition)
    capture_of(call.server, call.region, given["EndpointName"])
    times = config.get("ScheduleConfig") or {"ScheduleExpression": DAILY}
    longest = (definition.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
    try:
        monitoring_times.check(times, longest)
        for side in ("Start", "End"):
            if offset := given.get(f"{side}TimeOffset"):
                monitoring_times.duration(offset)
    except ScheduleError as error:
        raise _refusal(str(error)) from error
    return config, given["EndpointName"]


@operation("sagemaker", "CreateMonitoringSchedule")
def create_monitoring_schedule(call: Call) -> dict[str, Any]:
    """Notes a schedule; from now on it runs at its times, and one of NOW at once."""
    validate(call)
    config, endpoint = _checked(call)
    name, moment = call.params["MonitoringScheduleName"], now()
    arn = call.arn(f"monitoring-schedule/{name}")
    with call.server.records.lock:
        if load(call.server, call.region, name) is not None:
            raise ServiceError("ResourceInUse", f"Monitoring schedule {arn} exists already.")
        schedule = Schedule(
            name=name,
            region=call.region,
            arn=arn,
            config=config,
            endpoint=endpoint,
            created=moment,
            modified=moment,
            looked=moment,
        )
        schedule.pending_now = schedule.times["ScheduleExpression"] == NOW
        save(call.server, schedule)
        tags.set_tags(call.server, arn, call.params.get("Tags"))
    return {"MonitoringScheduleArn": arn}


@operation("sagemaker", "UpdateMonitoringSchedule")
def update_monitoring_schedule(call: Call) -> dict[str, Any]:
    """Replaces what a schedule runs, and when."""
    validate(call)
    _schedule(call)
    config, endpoint = _checked(call)
    with call.server.records.lock:
        schedule = _schedule(call)
        schedule.config, schedule.endpoint = config, endpoint
        schedule.modified = schedule.looked = now()
        schedule.pending_now = schedule.times["ScheduleExpression"] == NOW
        save(call.server, schedule)
    return {"MonitoringScheduleArn": schedule.arn}


@operation("sagemaker", "DescribeMonitoringSchedule")
def describe_monitoring_schedule(call: Call) -> dict[str, Any]:
    """A schedule with its newest execution."""
    schedule = _schedule(call)
    executions = executions_of(call.server, call.region, schedule.name)
    last = {"LastMonitoringExecutionSummary": executions[-1].summary()} if executions else {}
    answer = {name: value for name, value in schedule.summary().items() if name != "MonitoringJobDefinitionName"}
    return {**answer, "MonitoringScheduleConfig": schedule.config, **last}


@operation("sagemaker", "ListMonitoringSchedules")
def list_monitoring_schedules(call: Call) -> dict[str, Any]:
    """Schedules by endpoint, definition, name, status or time."""
    validate(call)
    known = (schedule for _, schedule in call.server.records.items(KIND, f"{call.region}/"))
    return _listed(call, "MonitoringSchedule", known)


@operation("sagemaker", "ListMonitoringExecutions")
def list_monitoring_executions(call: Call) -> dict[str, Any]:
    """Executions, also those of schedules that are gone."""
    validate(call)
    name = call.params.get("MonitoringScheduleName", "")
    return _listed(call, "MonitoringExecution", executions_of(call.server, call.region, name))


def _listed(call: Call, kind: str, known: Iterable[Schedule | Execution]) -> dict[str, Any]:
    """A page of those that a request asks for."""
    filters = {
        "EndpointName": "EndpointName",
        "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
        "MonitoringTypeEquals": "MonitoringType",
    }
    entries = (
        entry
        for entry in (one.summary() for one in known)
        if all(call.params.get(asked) in (None, entry.get(member)) for asked, member in filters.items())
    )
    found, token = page(entries, call.params, name="MonitoringScheduleName", status=f"{kind}Status")
    return {f"{kind}Summaries": found, **token}


def _enter(call: Call, status: str) -> None:
    validate(call)
    with call.server.records.lock:
        schedule = _schedule(call)
        if schedule.status != status:
            schedule.status = status
            # What was due while it stood still is not made up for.
            schedule.modified = schedule.looked = now()
            save(call.server, schedule)


@operation("sagemaker", "StopMonitoringSchedule")
def stop_monitoring_schedule(call: Call) -> None:
    """No execution starts from now on; what runs goes on."""
    _enter(call, "Stopped")


@operation("sagemaker", "StartMonitoringSchedule")
def start_monitoring_schedule(call: Call) -> None:
    """Executions start again."""
    _enter(call, "Scheduled")


@operation("sagemaker", "DeleteMonitoringSchedule")
def delete_monitoring_schedule(call: Call) -> None:
    """Forgets a schedule; its executions are kept."""
    with call.server.records.lock:
        schedule = _schedule(call)
        call.server.records.delete(KIND, schedule.key)
        tags.forget_tags(call.server, schedule.arn)
