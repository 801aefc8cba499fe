"""Composite alarms: kept here, with a state that is looked up in those of the alarms that their rule names."""

from datetime import UTC, datetime
from typing import Any

from local.aws_server.alarms.rule import RuleError, alarms_of, evaluate
from local.aws_server.operations import Call, ServiceError, operation

KIND = "cloudwatch-composite-alarm"
"""Kind of a record; the key is `region/name`."""
_KEPT = (
    *("AlarmDescription", "AlarmRule", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
    *("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"),
)


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("ValidationError", message)


def _records(call: Call) -> dict[str, dict[str, Any]]:
    found = call.server.records.items(KIND, f"{call.region}/")
    return {record["AlarmName"]: record for _, record in found}


def _states(call: Call) -> dict[str, str]:
    """State of every metric alarm by name."""
    found = call.forward({}) if call.operation == "DescribeAlarms" else _moto_alarms(call)
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found.get("MetricAlarms") or []}


def _moto_alarms(call: Call) -> dict[str, Any]:
    return call.server.call("cloudwatch", "DescribeAlarms", {"AlarmTypes": ["MetricAlarm"]}, region=call.region)


def _state(name: str, records: dict[str, dict[str, Any]], states: dict[str, str]) -> str:
    record = records.get(name)
    if record is None:
        return states.get(name, "INSUFFICIENT_DATA")
    return "ALARM" if evaluate(record["AlarmRule"], lambda other: _state(other, records, states)) else "OK"


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
        known = {*_states(call), *records}
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
            "StateUpdatedTimestamp": before["StateUpdatedTimestamp"] if before else moment,
            "tags": before["tags"] if before else {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()},
            **{member: params[member] for member in _KEPT if params.get(member) is not None},
        }
        call.server.records.put(KIND, f"{call.region}/{name}", record)
    return {}


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call) -> dict[str, Any]:
    """Metric alarms, unless other types are asked for; composite alarms with the state that they have now."""
    params = call.params
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    answer: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    if "MetricAlarm" in types:
        answer["MetricAlarms"] = call.forward().get("MetricAlarms") or []
    if "CompositeAlarm" in types:
        records, states = _records(call), _states(call)
        names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix") or ""
        for name, record in records.items():
            state = _state(name, records, states)
            if (names and name not in names) or not name.startswith(prefix):
                continue
            if params.get("StateValue") in (None, state):
                shown = {member: value for member, value in record.items() if member != "tags"}
                answer["CompositeAlarms"].append(shown | {"StateValue": state, "StateReason": record["AlarmRule"]})
    return answer


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(call: Call) -> dict[str, Any]:
    """Refuses to delete an alarm that a composite alarm asks about, as CloudWatch does; a missing one is an error."""
    names = set(call.params["AlarmNames"])
    with call.server.records.lock:
        records = _records(call)
        if missing := names - {*records, *_states(call)}:
            raise ServiceError("ResourceNotFound", f"There is no alarm {', '.join(sorted(missing))}.", status=404)
        for name, record in records.items():
            if name not in names and (needed := names & alarms_of(record["AlarmRule"])):
                listed = ", ".join(sorted(needed))
                raise invalid(f"Cannot delete {listed} as there are composite alarms depending on it: {name}.")
        for name in names & set(records):
            call.server.records.delete(KIND, f"{call.region}/{name}")
        if rest := names - set(records):
            call.forward({"AlarmNames": sorted(rest)})
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
