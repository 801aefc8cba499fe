"""The API of metric alarms: what is refused, and that an alarm keeps its state when it is told anew.

Rules: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

import json
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from local.aws_server.alarms import composite, history, reasons
from local.aws_server.alarms.evaluation import COMPARISONS, INSUFFICIENT_DATA, TREATMENTS
from local.aws_server.alarms.subject import DAY_S, SHORT_PERIODS, watched
from local.aws_server.alarms.watch import announce, described
from local.aws_server.metric_data import queries
from local.aws_server.metric_data.expressions import ExpressionError
from local.aws_server.metric_data.statistics import UnknownStatisticError, check_statistic
from local.aws_server.operations import Call, ServiceError, operation

_STATE = (
    *("state_value", "state_reason", "state_reason_data", "state_updated_timestamp"),
    *("state_transitioned_timestamp", "history"),
)
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(call: Call) -> dict[str, Any]:
    """Makes an alarm, in INSUFFICIENT_DATA until it is looked at, or tells it anew."""
    _check(call.params)
    name = call.params["AlarmName"]
    backend = cloudwatch_backends[call.account_id][call.region]
    with call.server.changing("cloudwatch"):
        before = backend.alarms.get(name)
        kept = {each: before.__dict__[each] for each in _STATE if each in before.__dict__} if before else {}
        answer = call.forward()
        alarm = cloudwatch_backends[call.account_id][call.region].alarms[name]
        moment = datetime.now(UTC).replace(tzinfo=None)
        alarm.__dict__.update(
            kept
            or {
                "state_value": INSUFFICIENT_DATA,
                "state_reason": reasons.CREATED,
                "state_reason_data": "",
                "state_updated_timestamp": moment,
                "state_transitioned_timestamp": moment,
            }
        )
    summary = f'Alarm "{name}" {"updated" if before else "created"}'
    data = {"type": "Update" if before else "Create", "updatedAlarm" if before else "createdAlarm": call.params}
    history.note(call.server, call.region, name, "MetricAlarm", "ConfigurationUpdate", summary, data)
    return answer


@operation("cloudwatch", "SetAlarmState")
def set_alarm_state(call: Call) -> dict[str, Any]:
    """A state until the next look at the alarm; a composite alarm's until one of its alarms changes."""
    params = call.params
    name, state = params["AlarmName"], params["StateValue"]
    if state not in STATES:
        raise ServiceError(
            "ValidationError",
            f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(STATES)}]",
        )
    try:
        json.loads(params.get("StateReasonData") or "{}")
    except ValueError as error:
        raise ServiceError("InvalidFormat", "Data was not syntactically valid JSON.") from error
    alarms = described(call.server, call.region, [name])
    if not alarms:
        composite.set_state(call, name, state, params["StateReason"])
        return {}
    call.forward()
    data = params.get("StateReasonData") or ""
    with call.server.changing("cloudwatch"):
        alarm = cloudwatch_backends[call.account_id][call.region].alarms.get(name)
        if alarm is not None and state != alarms[0]["StateValue"]:
            alarm.__dict__["state_transitioned_timestamp"] = datetime.now(UTC).replace(tzinfo=None)
    announce(call.server, call.region, alarms[0], state, params["StateReason"], data)
    return {}


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


def _check(params: dict[str, Any]) -> None:
    metrics = params.get("Metrics") or []
    if bool(metrics) == bool(params.get("MetricName")):
        raise _invalid("Exactly one of MetricName and Metrics must be specified.")
    if params["ComparisonOperator"] not in COMPARISONS or params.get("ThresholdMetricId"):
        raise _invalid("The local AWS server has no anomaly detection: compare with a static Threshold.")
    if params.get("Threshold") is None:
        raise _invalid("A static Threshold must be specified.")
    if params.get("TreatMissingData") not in (None, "", *TREATMENTS):
        raise _invalid(f"Option {params['TreatMissingData']} is not supported. Options are {', '.join(TREATMENTS)}.")
    periods = int(params["EvaluationPeriods"])
    if not 1 <= int(params.get("DatapointsToAlarm") or periods) <= periods:
        raise _invalid("DatapointsToAlarm must be from 1 to EvaluationPeriods.")
    try:
        if metrics:
            queries.check(metrics)
            returning = [query for query in metrics if query.get("ReturnData") is not False]
            if len(returning) != 1:
                raise _invalid("Exactly one element of the metrics list should return data.")
            period = queries.period_of(metrics, watched(metrics))
        else:
            period = _single(params)
    except (ExpressionError, UnknownStatisticError) as error:
        raise _invalid(f"{error}") from error
    if period not in SHORT_PERIODS and (period <= 0 or period % 60):
        raise _invalid("Period must be 10, 20, 30 or a multiple of 60.")
    longest = 7 * DAY_S if period >= 3600 else DAY_S
    if period * periods > longest:
        raise _invalid(f"Metrics cannot be checked across more than {longest} seconds (EvaluationPeriods x Period).")


def _single(params: dict[str, Any]) -> int:
    statistic, extended = params.get("Statistic"), params.get("ExtendedStatistic")
    if bool(statistic) == bool(extended):
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be specified.")
    check_statistic(statistic or extended or "")
    if not params.get("Period") or not params.get("Namespace"):
        raise _invalid("Period and Namespace must be specified with MetricName.")
    return int(params["Period"])
