"""Monitoring schedules and their executions, as they are kept."""

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.aws_server.operations import Server
from local.aws_server.sagemaker.monitoring_times import DAILY
from local.aws_server.sagemaker.status import WithStatus

KIND = "sagemaker:monitoring-schedule"
EXECUTION_KIND = "sagemaker:monitoring-execution"
FINAL = frozenset({"Completed", "CompletedWithViolations", "Failed", "Stopped"})


@dataclass
class Schedule:
    """One schedule. looked: until when its times were seen to. pending_now: whether it is to run once, at once."""

    name: str
    region: str
    arn: str
    config: dict[str, Any]
    endpoint: str
    created: datetime
    modified: datetime
    looked: datetime
    status: str = "Scheduled"
    pending_now: bool = False

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.name}"

    @property
    def times(self) -> dict[str, Any]:
        """Its ScheduleConfig."""
        return self.config.get("ScheduleConfig") or {"ScheduleExpression": DAILY}

    def summary(self) -> dict[str, Any]:
        """One entry of ListMonitoringSchedules."""
        members = {
            "MonitoringScheduleName": self.name,
            "MonitoringScheduleArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "MonitoringScheduleStatus": self.status,
            "EndpointName": self.endpoint,
            "MonitoringJobDefinitionName": self.config.get("MonitoringJobDefinitionName"),
            "MonitoringType": self.config.get("MonitoringType"),
        }
        return {name: value for name, value in members.items() if value}


@dataclass
class Execution(WithStatus):
    """One run of a schedule. config: the schedule's, as it was then. job: name of its processing job. asked: whether
    that was asked for."""

    schedule: str
    region: str
    config: dict[str, Any]
    endpoint: str
    scheduled: datetime
    created: datetime
    modified: datetime
    job: str
    status: str = "Pending"
    asked: bool = False
    arn: str = ""
    failure: str = ""

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.schedule}/{self.job}"

    def summary(self) -> dict[str, Any]:
        """One entry of ListMonitoringExecutions."""
        members = {
            "MonitoringScheduleName": self.schedule,
            "ScheduledTime": self.scheduled,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "MonitoringExecutionStatus": self.status,
            "ProcessingJobArn": self.arn,
            "EndpointName": self.endpoint,
            "FailureReason": self.failure,
            "MonitoringJobDefinitionName": self.config.get("MonitoringJobDefinitionName"),
            "MonitoringType": self.config.get("MonitoringType"),
        }
        return {name: value for name, value in members.items() if value}


def load(server: Server, region: str, name: str) -> Schedule | None:
    """A copy of a schedule, to be changed and saved."""
    return copy.deepcopy(server.records.get(KIND, f"{region}/{name}"))


def save(server: Server, schedule: Schedule) -> None:
    """Once this returns, the schedule survives this process."""
    server.records.put(KIND, schedule.key, schedule)


def save_execution(server: Server, execution: Execution) -> None:
    """Once this returns, the execution survives this process."""
    server.records.put(EXECUTION_KIND, execution.key, execution)


def executions_of(server: Server, region: str, name: str = "") -> list[Execution]:
    """The executions of a schedule, or of all; oldest first."""
    prefix = f"{region}/{name}/" if name else f"{region}/"
    found = [copy.deepcopy(one) for _, one in server.records.items(EXECUTION_KIND, prefix)]
    return sorted(found, key=lambda one: one.created)
