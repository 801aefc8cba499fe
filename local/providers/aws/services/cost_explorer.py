"""Cost anomaly monitors and who hears of anomalies."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_MATCH = (Property("key"), Property("values", "set"), Property("matchOptions", "set", computed=True))
_LEAVES = (
    Property("dimension", "block", path="Dimensions", fields=_MATCH),
    Property("tags", "block", fields=_MATCH),
    Property("costCategory", "block", path="CostCategories", fields=_MATCH),
)
_NAMES = {
    "ands": "And",
    "ors": "Or",
    "not": "Not",
    "dimension": "Dimensions",
    "tags": "Tags",
    "costCategory": "CostCategories",
}


_TAGGING = Tagging(
    member="",
    style="pairs",
    path="tags",
    add=Call("TagResource", {"ResourceArn": "$id", "ResourceTags": "$tags"}),
    remove=Call("UntagResource", {"ResourceArn": "$id", "ResourceTagKeys": "$tagKeys"}),
)


def _expression(value: Any) -> Any:
    """A threshold expression in AWS's words."""
    if isinstance(value, Mapping):
        return {_NAMES.get(key, key): _expression(item) for key, item in value.items() if item is not None}
    return [_expression(item) for item in value] if isinstance(value, list) else value


_TAGS_READ = Read("ListTagsForResource", {"ResourceArn": "$id"}, "ResourceTags", into="tags")


def _create_monitor(context: Context) -> dict[str, Any]:
    new = context.new
    specification = new.get("monitorSpecification")
    monitor = {
        "MonitorName": new["name"],
        "MonitorType": new["monitorType"],
        "MonitorDimension": new.get("monitorDimension"),
        "MonitorSpecification": _without_nothing(json.loads(specification)) if specification else None,
    }
    return context.call("CreateAnomalyMonitor", {"AnomalyMonitor": _without_nothing(monitor)})


def _without_nothing(value: Any) -> Any:
    """Programs write the members of an expression that they do not use as null."""
    if isinstance(value, Mapping):
        return {name: _without_nothing(item) for name, item in value.items() if item is not None}
    return value


def _canonical(value: Any) -> Any:
    return _without_nothing(json.loads(value) if isinstance(value, str) else value)


MONITOR = Resource(
    type="aws:costexplorer/anomalyMonitor:AnomalyMonitor",
    service="ce",
    docs=page("anomalymonitor", "costexplorer"),
    id="answer:MonitorArn",
    regional=False,
    properties=(
        Property("name", autoname=1024, path="MonitorName"),
        Property("monitorType", required=True, replaces=REPLACES),
        Property("monitorDimension", replaces=REPLACES),
        Property("monitorSpecification", "json", replaces=REPLACES, alike=_canonical),
        Property("tags", "map"),
    ),
    create=Function(_create_monitor),
    reads=(
        Read(
            "GetAnomalyMonitors",
            {"MonitorArnList": ["$id"]},
            "AnomalyMonitors[0]",
            gone=("UnknownMonitorException",),
        ),
        _TAGS_READ,
    ),
    updates=(Call("UpdateAnomalyMonitor", {"MonitorArn": "$id", "MonitorName": "$name"}, on=("name",)),),
    delete=(Call("DeleteAnomalyMonitor", {"MonitorArn": "$id"}, ignore=("UnknownMonitorException",)),),
    outputs={"arn": "MonitorArn"},
    tagging=_TAGGING,
)


def _create_subscription(context: Context) -> dict[str, Any]:
    new = context.new
    subscription = {
        "SubscriptionName": new["name"],
        "Frequency": new["frequency"],
        "MonitorArnList": new["monitorArnLists"],
        "Subscribers": new["subscribers"],
        "ThresholdExpression": _expression(new.get("thresholdExpression")),
    }
    params = {name: value for name, value in subscription.items() if value is not None}
    return context.call("CreateAnomalySubscription", {"AnomalySubscription": params})


def _update_subscription(context: Context) -> None:
    params: dict[str, Any] = {"SubscriptionArn": context.id}
    for name, member in (
        ("frequency", "Frequency"),
        ("monitorArnLists", "MonitorArnList"),
        ("subscribers", "Subscribers"),
    ):
        if name in context.changed:
            params[member] = context.new[name]
    if "thresholdExpression" in context.changed:
        params["ThresholdExpression"] = _expression(context.new.get("thresholdExpression"))
    context.call("UpdateAnomalySubscription", params)


SUBSCRIPTION = Resource(
    type="aws:costexplorer/anomalySubscription:AnomalySubscription",
    service="ce",
    docs=page("anomalysubscription", "costexplorer"),
    id="answer:SubscriptionArn",
    regional=False,
    properties=(
        Property("name", replaces=REPLACES, autoname=1024, path="SubscriptionName"),
        Property("frequency", required=True),
        Property("monitorArnLists", "value", required=True, path="MonitorArnList"),
        Property(
            "subscribers",
            "blockset",
            required=True,
            fields=(Property("address", required=True), Property("type", required=True)),
        ),
        Property(
            "thresholdExpression",
            "block",
            computed=True,
            fields=(
                *_LEAVES,
                Property("ands", "blocks", path="And", fields=_LEAVES),
                Property("ors", "blocks", path="Or", fields=_LEAVES),
                Property("not", "block", fields=_LEAVES),
            ),
        ),
        Property("tags", "map"),
    ),
    create=Function(_create_subscription),
    reads=(
        Read(
            "GetAnomalySubscriptions",
            {"SubscriptionArnList": ["$id"]},
            "AnomalySubscriptions[0]",
            gone=("UnknownSubscriptionException",),
        ),
        _TAGS_READ,
    ),
    updates=(
        Function(_update_subscription, on=("frequency", "monitorArnLists", "subscribers", "thresholdExpression")),
    ),
    delete=(Call("DeleteAnomalySubscription", {"SubscriptionArn": "$id"}, ignore=("UnknownSubscriptionException",)),),
    outputs={"arn": "SubscriptionArn"},
    tagging=_TAGGING,
)


TYPES = (MONITOR, SUBSCRIPTION)
