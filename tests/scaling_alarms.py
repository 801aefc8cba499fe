"""The alarms that scale endpoints, set off by a test that does not wait for minutes of load."""

import json
from typing import Any


def alarm_with(where: Any, alarm: str, value: float) -> None:
    """What the alarm's own look would do after minutes of such a load. where: has `client`."""
    data = json.dumps({"version": "1.0", "recentDatapoints": [value]})
    cloudwatch = where.client("cloudwatch")
    for state in ("OK", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="load", StateReasonData=data)


def tracking_alarm(where: Any, resource: str, word: str) -> str:
    """Name of an alarm of the one target tracking policy of a resource. word: High or Low."""
    policies = where.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=resource
    )["ScalingPolicies"]
    (policy,) = [one for one in policies if one["PolicyType"] == "TargetTrackingScaling"]
    return next(one["AlarmName"] for one in policy["Alarms"] if f"-Alarm{word}-" in one["AlarmName"])
