"""Metric alarms: an alarm that is told anew keeps its state, as CloudWatch's does; moto's starts over."""

from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from local.aws_server.operations import Call, operation

_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(call: Call) -> dict[str, Any]:
    backend = cloudwatch_backends[call.account_id][call.region]
    before = backend.alarms.get(call.params["AlarmName"])
    kept = {name: getattr(before, name) for name in _STATE} if before is not None else {}
    answer = call.forward()
    if kept:
        with call.server.changing("cloudwatch"):
            backend.alarms[call.params["AlarmName"]].__dict__.update(kept)
    return answer
