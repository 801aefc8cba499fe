"""Schedules of EventBridge Scheduler."""

from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource

_GONE = ("ResourceNotFoundException",)
_MEMBERS = {
    "Name": "$name",
    "GroupName": "$groupName",
    "ScheduleExpression": "$scheduleExpression",
    "ScheduleExpressionTimezone": "$scheduleExpressionTimezone",
    "FlexibleTimeWindow": "$flexibleTimeWindow",
    "Target": "$target",
    "State": "$state",
    "Description": "$description",
    "KmsKeyArn": "$kmsKeyArn",
}
"""Of CreateSchedule and UpdateSchedule alike: an update replaces everything, and what it leaves out is unset
(https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html)."""

SCHEDULE = Resource(
    type="aws:scheduler/schedule:Schedule",
    service="scheduler",
    docs=page("schedule", "scheduler"),
    id="{groupName}/{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=64),
        Property("groupName", default="default", replaces=REPLACES),
        Property("scheduleExpression", required=True),
        Property("scheduleExpressionTimezone", default="UTC"),
        Property(
            "flexibleTimeWindow",
            "block",
            required=True,
            fields=(Property("mode", required=True), Property("maximumWindowInMinutes")),
        ),
        Property(
            "target",
            "block",
            required=True,
            fields=(
                Property("arn", required=True),
                Property("roleArn", required=True),
                Property("input"),
                Property(
                    "retryPolicy",
                    "block",
                    computed=True,
                    fields=(
                        Property("maximumEventAgeInSeconds", default=86_400),
                        Property("maximumRetryAttempts", default=185),
                    ),
                ),
            ),
        ),
        Property("state", default="ENABLED"),
        Property("description", default=""),
        Property("kmsKeyArn"),
    ),
    create=Call("CreateSchedule", _MEMBERS),
    reads=(Read("GetSchedule", {"Name": "$name", "GroupName": "$groupName"}, gone=_GONE),),
    updates=(Call("UpdateSchedule", _MEMBERS),),
    delete=(Call("DeleteSchedule", {"Name": "$name", "GroupName": "$groupName"}, ignore=_GONE),),
    outputs={"arn": "Arn"},
    stable=("arn",),
    unique=("name", "groupName"),
)

TYPES = (SCHEDULE,)
