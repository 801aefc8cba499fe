"""Monitoring schedules at work: what is due is started as a processing job, and followed to its end.

Everything is in the records: a server that was killed goes on. Of the times that passed while it was down the newest
alone is run.
"""

import copy
import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from local.aws_server.looks import looks_each
from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker.monitoring_definitions import definition_of, in_schedules_words
from local.aws_server.sagemaker.monitoring_job import NO_DATA, NoDataError, request_of, violated
from local.aws_server.sagemaker.monitoring_record import (
    EXECUTION_KIND,
    FINAL,
    KIND,
    Execution,
    Schedule,
    save,
    save_execution,
)
from local.aws_server.sagemaker.monitoring_times import newest
from local.aws_server.sagemaker.plane import now

logger = logging.getLogger(__name__)

LAG = timedelta(seconds=5)
"""How long after its time an execution starts, so that captures are in S3; on AWS it may be 20 minutes."""


@looks_each(0.5, "monitoring-schedules")
def look(server: Server) -> None:
    """Start what is due, and follow what runs."""
    moment = now()
    for key, _ in server.records.items(KIND):
        with server.records.lock:
            schedule: Schedule | None = copy.deepcopy(server.records.get(KIND, key))
            if schedule is not None and schedule.status == "Scheduled":
                try:
                    _start(server, schedule, moment)
                except Exception:
                    logger.exception("monitoring schedule %s", key)
    for _, known in server.records.items(EXECUTION_KIND):
        if known.status in FINAL:
            continue
        execution: Execution = copy.deepcopy(known)
        was = execution.status, execution.asked
        try:
            _advance(server, execution, moment)
        except ServiceError as error:
            execution.enter("Failed", f"{error.code}: {error.message}")
        except Exception as error:
            logger.exception("monitoring execution %s", execution.job)
            execution.enter("Failed", f"InternalServerError: {error!r}")
        if (execution.status, execution.asked) != was:
            save_execution(server, execution)


def job_definition(server: Server, region: str, config: dict[str, Any]) -> dict[str, Any]:
    """The MonitoringJobDefinition of a schedule, wherever it is written. Raises ServiceError where it is gone."""
    if (inline := config.get("MonitoringJobDefinition")) is not None:
        return inline
    kind, name = config["MonitoringType"], config["MonitoringJobDefinitionName"]
    document = definition_of(server, region, kind, name)
    if document is None:
        raise ServiceError("ValidationException", f"Could not find the monitoring job definition {name} ({kind}).")
    return in_schedules_words(kind, document)


def _start(server: Server, schedule: Schedule, moment: datetime) -> None:
    asked = schedule.modified if schedule.pending_now else None
    due = asked or newest(schedule.times["ScheduleExpression"], schedule.looked, moment)
    if due is None:
        return
    # A server that is killed between the two writes starts the same execution again: its name is made of its time.
    number = hashlib.sha256(f"{schedule.arn} {due.isoformat()}".encode()).hexdigest()[:24]
    save_execution(
        server,
        Execution(
            schedule=schedule.name,
            region=schedule.region,
            config={**schedule.config, "ScheduleConfig": schedule.times},
            endpoint=schedule.endpoint,
            scheduled=due,
            created=moment,
            modified=moment,
            job=f"model-monitoring-{due:%Y%m%d%H%M}-{number}",
        ),
    )
    schedule.pending_now, schedule.looked = False, due
    save(server, schedule)


def _advance(server: Server, execution: Execution, moment: datetime) -> None:
    where = {"region": execution.region}
    if not execution.asked:
        if moment < execution.scheduled + LAG:
            return
        definition = job_definition(server, execution.region, execution.config)
        try:
            request = request_of(server, execution, definition)
        except NoDataError:
            execution.enter("Failed", NO_DATA)
            return
        try:
            execution.arn = server.call("sagemaker", "CreateProcessingJob", request, **where)["ProcessingJobArn"]
        except ServiceError as error:
            if error.code != "ResourceInUse":  # a server that was killed had asked for it
                raise
        execution.asked = True
        execution.enter("InProgress")
    job = server.call("sagemaker", "DescribeProcessingJob", {"ProcessingJobName": execution.job}, **where)
    execution.arn, status = job["ProcessingJobArn"], job["ProcessingJobStatus"]
    if status == "Completed":
        definition = job_definition(server, execution.region, execution.config)
        if violated(server, execution, definition, job.get("ExitMessage", "")):
            status = "CompletedWithViolations"
    if status != execution.status:
        execution.enter(status, job.get("FailureReason", "") if status == "Failed" else "")
