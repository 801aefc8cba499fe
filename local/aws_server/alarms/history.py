"""What happened to alarms: DescribeAlarmHistory, kept for 30 days and for MOST_ITEMS an alarm.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html. A deleted alarm's
history stays.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from local.aws_server.alarms.reasons import stamp
from local.aws_server.operations import Call, Server, ServiceError, operation

KIND = "cloudwatch:alarm-history"
"""Kind of a record: items, oldest first. The key is `region/name`."""
KEPT = timedelta(days=30)
MOST_ITEMS = 200
PAGE = 100
AlarmType = Literal["MetricAlarm", "CompositeAlarm"]


def note(
    server: Server, region: str, name: str, alarm_type: AlarmType, kind: str, summary: str, data: dict[str, Any]
) -> None:
    """Adds an item. kind: ConfigurationUpdate, StateUpdate or Action."""
    now = datetime.now(UTC)
    item = {
        "AlarmName": name,
        "AlarmType": alarm_type,
        "Timestamp": now,
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps({"version": "1.0", **data}, default=_plain, separators=(",", ":")),
    }
    with server.records.lock:
        before = [each for each in server.records.get(KIND, f"{region}/{name}") or () if each["Timestamp"] > now - KEPT]
        server.records.put(KIND, f"{region}/{name}", [*before[1 - MOST_ITEMS :], item])


def note_state(server: Server, region: str, alarm: dict[str, Any], alarm_type: AlarmType, new: dict[str, Any]) -> None:
    """Adds a change of state. alarm: as it was described before. new: StateValue, StateReason, StateReasonData."""
    old = _state(alarm)
    summary = f"Alarm updated from {old['stateValue']} to {new['StateValue']}"
    data = {"oldState": old, "newState": _state(new)}
    note(server, region, alarm["AlarmName"], alarm_type, "StateUpdate", summary, data)


def _state(alarm: dict[str, Any]) -> dict[str, Any]:
    state = {"stateValue": alarm["StateValue"], "stateReason": alarm.get("StateReason") or ""}
    if data := alarm.get("StateReasonData"):
        state["stateReasonData"] = json.loads(data)
    return state


def _plain(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)


def _utc(moment: datetime | None) -> datetime | None:
    """A time that says no zone is in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


@operation("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(call: Call) -> dict[str, Any]:
    """Items of metric alarms unless other types are asked for, newest first unless told otherwise."""
    params = call.params
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    name, kind = params.get("AlarmName"), params.get("HistoryItemType")
    start, end = _utc(params.get("StartDate")), _utc(params.get("EndDate"))
    records = call.server.records.items(KIND, f"{call.region}/")
    items = [
        item
        for _, listed in records
        for item in listed
        if item["AlarmType"] in types
        and name in (None, item["AlarmName"])
        and kind in (None, item["HistoryItemType"])
        and (start is None or _utc(item["Timestamp"]) >= start)
        and (end is None or _utc(item["Timestamp"]) <= end)
    ]
    items.sort(key=lambda item: item["Timestamp"], reverse=params.get("ScanBy") != "TimestampAscending")
    token = params.get("NextToken") or "0"
    if not token.isdigit():
        raise ServiceError("InvalidNextToken", "The next token specified is invalid.")
    first, most = int(token), int(params.get("MaxRecords") or PAGE)
    answer: dict[str, Any] = {"AlarmHistoryItems": items[first : first + most]}
    return answer | ({"NextToken": str(first + most)} if len(items) > first + most else {})
