"""Composite alarms: kept here; their states follow those of the alarms that their rule names.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html. While its ActionsSuppressor
is in ALARM an alarm acts upon nothing; the suppressor's wait and extension periods are kept and not obeyed.
"""

from datetime import UTC, datetime
from typing import Any

from local.aws_server.alarms import actions, history, reasons
from local.aws_server.alarms.rule import RuleError, alarms_of, evaluate
from local.aws_server.operations import Call, Server, ServiceError, operation

KIND = "cloudwatch-composite-alarm"
"""Kind of a record; the key is `region/name`."""
_KEPT = (
    *("AlarmDescription", "AlarmRule", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
    *("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"),
)


_STATE = ("StateValue", "StateReason", "StateUpdatedTimestamp", "StateTransitionedTimestamp")


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("ValidationError", message)


def _records(call: Call) -> dict[str, dict[str, Any]]:
    return _records_of(call.server, call.region)


def _records_of(server: Server, region: str) -> dict[str, dict[str, Any]]:
    return {record["AlarmName"]: record for _, record in server.records.items(KIND, f"{region}/")}


def _states(server: Server, region: str) -> dict[str, str]:
    """State of every metric alarm by name."""
    found = server.call("cloudwatch", "DescribeAlarms", {"AlarmTypes": ["MetricAlarm"]}, region=region)
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found.get("MetricAlarms") or []}


def _state(name: str, records: dict[str, dict[str, Any]], states: dict[str, str]) -> str:
    """The state that an alarm's rule asks for now, or a metric alarm's own."""
    record = records.get(name)
    if record is None:
        return states.get(name, "INSUFFICIENT_DATA")
    return "ALARM" if evaluate(record["AlarmRule"], lambda other: _state(other, records, states)) else "OK"


def follow(server: Server, region: str, changed: str, state: str) -> None:
    """After an alarm's change: brings the composite alarms into the states that their rules ask for, and acts.

    changed, state: the alarm that changed, and what to.
    """
    moment = datetime.now(UTC)
    reason = f"{changed} transitioned to {state} at {moment:%A %d %B, %Y %H:%M:%S} UTC"
    told: list[tuple[dict[str, Any], str]] = []
    with server.records.lock:
        records = _records_of(server, region)
        if not records:
            return
        states = _states(server, region)
        for name, record in records.items():
            if (wanted := _state(name, records, states)) != record.get("StateValue"):
                told.append((_enter(server, region, record, wanted, reason), record.get("StateValue", "OK")))
    for record, before in told:
        _act(server, region, record, before)


def set_state(call: Call, name: str, state: str, reason: str) -> None:
    """SetAlarmState of a composite alarm. Raises ResourceNotFound."""
    record = _records(call).get(name)
    if record is None:
        raise ServiceError("ResourceNotFound", f"There is no alarm {name}.", status=404)
    before = record.get("StateValue", "OK")
    changed = _enter(call.server, call.region, record, state, reason)
    if state != before:
        _act(call.server, call.region, changed, before)


def _enter(server: Server, region: str, record: dict[str, Any], state: str, reason: str) -> dict[str, Any]:
    moment = datetime.now(UTC)
    new = {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": moment}
    if state != record.get("StateValue"):
        new["StateTransitionedTimestamp"] = moment
    before = {"StateValue": "OK", "StateReason": record["AlarmRule"], **record}
    server.records.put(KIND, f"{region}/{record['AlarmName']}", record | new)
    history.note_state(server, region, before, "CompositeAlarm", new)
    return record | new


def _act(server: Server, region: str, record: dict[str, Any], before: str) -> None:
    suppressor = str(record.get("ActionsSuppressor") or "").rpartition(":alarm:")[2]
    if suppressor:
        records, states = _records_of(server, region), _states(server, region)
        if _state(suppressor, records, states) == "ALARM":
            return
    actions.run(server, region, record, "CompositeAlarm", before)


@operation("cloudwatch", "PutCompositeAlarm")
def put_composite_alarm(call: Call) -> dict[str, Any]:
    """Makes the alarm, or tells it anew; its alarms must be there, and none may be itself."""
    params = call.params
    name = params["AlarmName"]
    try:
        asked = alarms_of(params["AlarmRule"])
    except RuleError as error:
        raise invalid(f"AlarmRule is not valid: {error}.") from error
    with call.server.records.lock:
        records = _records(call)
        known = {*_states(call.server, call.region), *records}
        if missing := asked - known:
            raise invalid(f"Could not save the composite alarm as alarms [{', '.join(sorted(missing))}] do not exist.")
        if name in asked:
            raise invalid(f"The composite alarm {name} asks about itself.")
        before = records.get(name)
        moment = datetime.now(UTC)
        record = {
            "AlarmName": name,
            "AlarmArn": call.arn(f"alarm:{name}"),
            "ActionsEnabled": True,
            "AlarmConfigurationUpdatedTimestamp": moment,
            **{member: before[member] for member in _STATE if before and member in before},
            "tags": before["tags"] if before else {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()},
            **{member: params[member] for member in _KEPT if params.get(member) is not None},
        }
        if not before:
            record |= {
                "StateValue": "INSUFFICIENT_DATA",
                "StateReason": reasons.CREATED,
                "StateUpdatedTimestamp": moment,
            }
        call.server.records.put(KIND, f"{call.region}/{name}", record)
    summary = f'Alarm "{name}" {"updated" if before else "created"}'
    data = {"type": "Update" if before else "Create", "updatedAlarm" if before else "createdAlarm": params}
    history.note(call.server, call.region, name, "CompositeAlarm", "ConfigurationUpdate", summary, data)
    follow(call.server, call.region, name, "its rule")
    return {}


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call) -> dict[str, Any]:
    """Metric alarms, unless other types are asked for."""
    params = call.params
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    names, prefix, state = params.get("AlarmNames"), params.get("AlarmNamePrefix") or "", params.get("StateValue")

    def asked(alarm: dict[str, Any]) -> bool:
        name = alarm["AlarmName"]
        return (not names or name in names) and name.startswith(prefix) and state in (None, alarm["StateValue"])

    answer: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    if "MetricAlarm" in types:
        answer["MetricAlarms"] = [alarm for alarm in call.forward().get("MetricAlarms") or [] if asked(alarm)]
    if "CompositeAlarm" in types:
        for record in _records(call).values():
            shown = {"StateValue": "OK", "StateReason": record["AlarmRule"]} | record
            if asked(shown):
                answer["CompositeAlarms"].append({name: value for name, value in shown.items() if name != "tags"})
    return answer


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(call: Call) -> dict[str, Any]:
    """Refuses to delete an alarm that a composite alarm asks about, as CloudWatch does; a missing one is an error."""
    names = set(call.params["AlarmNames"])
    with call.server.records.lock:
        records = _records(call)
        if missing := names - {*records, *_states(call.server, call.region)}:
            raise ServiceError("ResourceNotFound", f"There is no alarm {', '.join(sorted(missing))}.", status=404)
        for name, record in records.items():
            if name not in names and (needed := names & alarms_of(record["AlarmRule"])):
                listed = ", ".join(sorted(needed))
                raise invalid(f"Cannot delete {listed} as there are composite alarms depending on it: {name}.")
        for name in names & set(records):
            call.server.records.delete(KIND, f"{call.region}/{name}")
        if rest := names - set(records):
            call.forward({"AlarmNames": sorted(rest)})
    for name in sorted(names):
        kind: history.AlarmType = "CompositeAlarm" if name in records else "MetricAlarm"
        data = {"type": "Delete", "deletedAlarm": {"alarmName": name}}
        summary = f'Alarm "{name}" deleted'
        history.note(call.server, call.region, name, kind, "ConfigurationUpdate", summary, data)
    return {}


def _tagged(call: Call) -> dict[str, Any] | None:
    return _records(call).get(call.params["ResourceARN"].partition(":alarm:")[2])


def _put_tags(call: Call, record: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    call.server.records.put(KIND, f"{call.region}/{record['AlarmName']}", record | {"tags": tags})
    return {}


@operation("cloudwatch", "ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    record = _tagged(call)
    if record is None:
        return call.forward()
    return {"Tags": [{"Key": key, "Value": value} for key, value in record["tags"].items()]}


@operation("cloudwatch", "TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    record = _tagged(call)
    if record is None:
        return call.forward()
    return _put_tags(call, record, record["tags"] | {tag["Key"]: tag["Value"] for tag in call.params["Tags"]})


@operation("cloudwatch", "UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    record = _tagged(call)
    if record is None:
        return call.forward()
    left = {key: value for key, value in record["tags"].items() if key not in call.params["TagKeys"]}
    return _put_tags(call, record, left)
