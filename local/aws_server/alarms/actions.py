"""What an alarm does when its state changes: it publishes to SNS topics, and whoever registers here is told.

The message is that of CloudWatch: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
Actions of other services (EC2, Lambda, Systems Manager) are noted in the history as failed.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.loaders import create_loader

from local.aws_server.alarms import history
from local.aws_server.alarms.history import AlarmType
from local.aws_server.alarms.reasons import stamp
from local.aws_server.operations import ACCOUNT_ID, Server, ServiceError

logger = logging.getLogger(__name__)
Action = Callable[[Server, str, str, dict[str, Any]], None]
"""Takes the server, the region, the action's ARN and the alarm as it is described now."""
_MEMBERS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_registered: dict[str, Action] = {}


def action(service: str) -> Callable[[Action], Action]:
    """Registers what runs the actions whose ARN is of this service; it raises ServiceError where it cannot."""

    def register(function: Action) -> Action:
        _registered[service] = function
        return function

    return register


def run(server: Server, region: str, alarm: dict[str, Any], alarm_type: AlarmType, before: str) -> None:
    """Runs the actions of the state that an alarm is in now. before: the one that it was in."""
    if not alarm.get("ActionsEnabled", True):
        return
    for arn in alarm.get(_MEMBERS[alarm["StateValue"]]) or ():
        _run_one(server, region, alarm, alarm_type, arn, before)


def repeat(server: Server, region: str, alarm: dict[str, Any]) -> None:
    """At each look at an alarm that keeps its state: Auto Scaling actions run again, all others do not.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
    """
    if not alarm.get("ActionsEnabled", True):
        return
    for arn in alarm.get(_MEMBERS[alarm["StateValue"]]) or ():
        if arn.startswith("arn:") and (handler := _registered.get(arn.split(":")[2])):
            try:
                handler(server, region, arn, alarm)
            except ServiceError as error:
                logger.warning("alarm %s: %s: %s", alarm["AlarmName"], arn, error.message)


def _run_one(server: Server, region: str, alarm: dict[str, Any], alarm_type: AlarmType, arn: str, before: str) -> None:
    failure = ""
    try:
        if arn.startswith("arn:aws:sns:"):
            _publish(server, region, alarm, arn, before)
        elif handler := _registered.get(arn.split(":")[2] if arn.startswith("arn:") else ""):
            handler(server, region, arn, alarm)
        else:
            failure = "the local AWS server runs no such action"
    except ServiceError as error:
        failure = f"{error.code}: {error.message}"
    if failure:
        logger.warning("alarm %s: %s: %s", alarm["AlarmName"], arn, failure)
    summary = f"Failed to execute action {arn}" if failure else f"Successfully executed action {arn}"
    data = {"actionState": "Failed" if failure else "Succeeded", "notificationResource": arn}
    history.note(
        server,
        region,
        alarm["AlarmName"],
        alarm_type,
        "Action",
        summary,
        data | ({"error": failure} if failure else {}),
    )


def _publish(server: Server, region: str, alarm: dict[str, Any], topic: str, before: str) -> None:
    subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {_place(region)}'
    params = {"TopicArn": topic, "Subject": subject[:100], "Message": json.dumps(message(region, alarm, before))}
    if topic.endswith(".fifo"):
        params |= {"MessageGroupId": alarm["AlarmName"], "MessageDeduplicationId": f"{datetime.now(UTC).timestamp()}"}
    server.call("sns", "Publish", params, region=topic.split(":")[3])


def message(region: str, alarm: dict[str, Any], before: str) -> dict[str, Any]:
    """The notification of a change of state."""
    told: dict[str, Any] = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm.get("StateReason"),
        "StateChangeTime": stamp(alarm["StateUpdatedTimestamp"]),
        "Region": _place(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before,
        **{name: list(alarm.get(name) or ()) for name in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    if "AlarmRule" in alarm:
        return told | {"AlarmRule": alarm["AlarmRule"]}
    trigger: dict[str, Any] = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm.get("Threshold"),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm.get("Metrics"):
        return told | {"Trigger": trigger | {"Metrics": alarm["Metrics"]}}
    extended = alarm.get("ExtendedStatistic")
    dimensions = [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or ()]
    return told | {
        "Trigger": {
            "MetricName": alarm["MetricName"],
            "Namespace": alarm["Namespace"],
            "StatisticType": "ExtendedStatistic" if extended else "Statistic",
            **({"ExtendedStatistic": extended} if extended else {"Statistic": alarm["Statistic"].upper()}),
            "Unit": alarm.get("Unit"),
            "Dimensions": dimensions,
            **trigger,
        }
    }


def _place(region: str) -> str:
    """The region's name as messages have it, such as `US East (N. Virginia)`."""
    for partition in create_loader().load_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return partition["regions"][region]["description"]
    return region
