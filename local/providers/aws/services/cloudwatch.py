"""Alarms: on metrics, and on other alarms."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_TAGS = Tagging(
    member="Tags",
    style="pairs",
    path="tags",
    add=Call("TagResource", {"ResourceARN": "$arn", "Tags": "$tags"}),
    remove=Call("UntagResource", {"ResourceARN": "$arn", "TagKeys": "$tagKeys"}),
)
_READ_TAGS = Read(
    "ListTagsForResource",
    {"ResourceARN": "$document.AlarmArn"},
    "Tags",
    into="tags",
    gone=("ResourceNotFound", "ResourceNotFoundException"),
)
_GONE = ("ResourceNotFound",)
_ACTIONS = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
}
_WHO_IS_TOLD = (
    Property("actionsEnabled", default=True),
    Property("alarmActions", "set"),
    Property("okActions", "set", path="OKActions"),
    Property("insufficientDataActions", "set"),
)
_METRIC = (
    Property("metricName", required=True, path="Metric.MetricName"),
    Property("namespace", path="Metric.Namespace"),
    Property("dimensions", "map"),
    Property("period", required=True),
    Property("stat", required=True),
    Property("unit"),
)
_PLAIN = {
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "thresholdMetricId": "ThresholdMetricId",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
    **_ACTIONS,
}


def _pairs(dimensions: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in (dimensions or {}).items()]


def _mapping(pairs: Any) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in pairs or ()}


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    """One metric query in CloudWatch's form."""
    told: dict[str, Any] = {
        "Id": query["id"],
        "ReturnData": bool(query.get("returnData")),
        **{
            member: query[name]
            for name, member in (("expression", "Expression"), ("label", "Label"), ("period", "Period"))
            if query.get(name)
        },
    }
    if metric := query.get("metric"):
        told["MetricStat"] = {
            "Metric": {
                "Namespace": metric.get("namespace"),
                "MetricName": metric["metricName"],
                "Dimensions": _pairs(metric.get("dimensions")),
            },
            "Period": metric["period"],
            "Stat": metric["stat"],
            **({"Unit": metric["unit"]} if metric.get("unit") else {}),
        }
    return told


def _put(context: Context, *, new: bool) -> dict[str, Any]:
    params: dict[str, Any] = {"AlarmName": "$name", **{member: f"${name}" for name, member in _PLAIN.items()}}
    if context.new.get("dimensions"):
        params["Dimensions"] = _pairs(context.new["dimensions"])
    if context.new.get("metricQueries"):
        params["Metrics"] = [_query(query) for query in context.new["metricQueries"]]
    call = Call("PutMetricAlarm", params)
    return (context.create(call) if new else context.take(call)) or {}


def _create(context: Context) -> dict[str, Any]:
    return _put(context, new=True)


def _update(context: Context) -> None:
    _put(context, new=False)


def _tell_alarm(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    actual["dimensions"] = _mapping(document.get("Dimensions")) or None
    _forget_nobody(actual)
    queries = {query["Id"]: query for query in document.get("Metrics") or ()}
    for told in actual.get("metricQueries") or ():
        metric = queries[told["id"]].get("MetricStat")
        if metric:
            told["metric"]["dimensions"] = _mapping(metric["Metric"].get("Dimensions")) or None
            told["metric"] = {name: value for name, value in told["metric"].items() if value is not None}
        else:
            told.pop("metric", None)


def _forget_nobody(actual: dict[str, Any]) -> None:
    """An empty list of who is told is as good as none."""
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        actual[name] = actual.get(name) or None


def _has_one_kind(inputs: Mapping[str, Any]) -> str | None:
    """As the provider's note on `metricQueries` says."""
    alone = [name for name in ("metricName", "namespace", "period", "statistic") if inputs.get(name) is not None]
    if inputs.get("metricQueries") and alone:
        return f"aws:cloudwatch/metricAlarm:MetricAlarm: metricQueries and {', '.join(alone)} exclude each other."
    if not inputs.get("metricQueries") and inputs.get("metricName") is None:
        return "aws:cloudwatch/metricAlarm:MetricAlarm: one of metricName and metricQueries must be set."
    return None


METRIC_ALARM = Resource(
    type="aws:cloudwatch/metricAlarm:MetricAlarm",
    service="cloudwatch",
    docs=page("metricalarm", "cloudwatch"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=255, path="AlarmName"),
        Property("alarmDescription"),
        Property("comparisonOperator", required=True),
        Property("evaluationPeriods", required=True),
        Property("datapointsToAlarm"),
        Property("threshold"),
        Property("thresholdMetricId"),
        Property("treatMissingData", default="missing"),
        Property("evaluateLowSampleCountPercentiles", computed=True, path="EvaluateLowSampleCountPercentile"),
        Property("namespace"),
        Property("metricName"),
        Property("dimensions", "map"),
        Property("period"),
        Property("statistic"),
        Property("extendedStatistic"),
        Property("unit"),
        Property(
            "metricQueries",
            "blockset",
            path="Metrics",
            fields=(
                Property("id", required=True),
                Property("expression"),
                Property("label"),
                Property("period"),
                Property("returnData", default=False),
                Property("metric", "block", path="MetricStat", fields=_METRIC),
            ),
        ),
        *_WHO_IS_TOLD,
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(
        Read("DescribeAlarms", {"AlarmNames": ["$id"], "AlarmTypes": ["MetricAlarm"]}, "MetricAlarms[0]"),
        _READ_TAGS,
    ),
    updates=(Function(_update, on=(*_PLAIN, "dimensions", "metricQueries")),),
    delete=(Call("DeleteAlarms", {"AlarmNames": ["$id"]}, ignore=_GONE),),
    outputs={"arn": "AlarmArn"},
    shape=_tell_alarm,
    tagging=_TAGS,
    check=_has_one_kind,
    unique=("name",),
)

_COMPOSITE = {
    "AlarmName": "$alarmName",
    "AlarmRule": "$alarmRule",
    "AlarmDescription": "$alarmDescription",
    "ActionsSuppressor": "$actionsSuppressor.alarm",
    "ActionsSuppressorWaitPeriod": "$actionsSuppressor.waitPeriod",
    "ActionsSuppressorExtensionPeriod": "$actionsSuppressor.extensionPeriod",
    **{member: f"${name}" for name, member in _ACTIONS.items()},
}


def _tell_suppressor(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    _forget_nobody(actual)
    if not document.get("ActionsSuppressor"):
        actual["actionsSuppressor"] = None
        return
    actual["actionsSuppressor"] = {
        "alarm": document["ActionsSuppressor"],
        "waitPeriod": document.get("ActionsSuppressorWaitPeriod"),
        "extensionPeriod": document.get("ActionsSuppressorExtensionPeriod"),
    }


COMPOSITE_ALARM = Resource(
    type="aws:cloudwatch/compositeAlarm:CompositeAlarm",
    service="cloudwatch",
    docs=page("compositealarm", "cloudwatch"),
    id="{alarmName}",
    properties=(
        Property("alarmName", required=True, replaces=REPLACES),
        Property("alarmRule", required=True),
        Property("alarmDescription"),
        Property(
            "actionsSuppressor",
            "block",
            fields=(
                Property("alarm", required=True),
                Property("waitPeriod", required=True),
                Property("extensionPeriod", required=True),
            ),
        ),
        *_WHO_IS_TOLD,
        Property("tags", "map"),
    ),
    create=Call("PutCompositeAlarm", _COMPOSITE),
    reads=(
        Read("DescribeAlarms", {"AlarmNames": ["$id"], "AlarmTypes": ["CompositeAlarm"]}, "CompositeAlarms[0]"),
        _READ_TAGS,
    ),
    updates=(
        Call("PutCompositeAlarm", _COMPOSITE, on=("alarmRule", "alarmDescription", "actionsSuppressor", *_ACTIONS)),
    ),
    delete=(Call("DeleteAlarms", {"AlarmNames": ["$id"]}, ignore=_GONE),),
    outputs={"arn": "AlarmArn"},
    shape=_tell_suppressor,
    tagging=_TAGS,
    unique=("alarmName",),
)

TYPES = (METRIC_ALARM, COMPOSITE_ALARM)
