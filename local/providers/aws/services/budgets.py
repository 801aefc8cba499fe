"""Budgets, with their notifications and who gets them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from local.providers.aws import tags
from local.providers.aws.context import Context, partition_of
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("NotFoundException",)
_WHO = {"AccountId": "$account", "BudgetName": "$name"}
_TIME = "%Y-%m-%d_%H:%M"
_EXPRESSION_NAMES = {"ands": "And", "ors": "Or", "not": "Not"}

_MATCH = (Property("key"), Property("values", "set"), Property("matchOptions", "set", computed=True))
_LEAVES = (
    Property("dimensions", "block", fields=_MATCH),
    Property("tags", "block", fields=_MATCH),
    Property("costCategories", "block", fields=_MATCH),
)
_INCLUDED = (
    *("includeCredit", "includeDiscount", "includeOtherSubscription", "includeRecurring", "includeRefund"),
    *("includeSubscription", "includeSupport", "includeTax", "includeUpfront"),
)
_COST_TYPES = (
    *(Property(name, default=True) for name in _INCLUDED),
    *(Property(name, default=False) for name in ("useAmortized", "useBlended")),
)


def _number(value: Any) -> str:
    """AWS answers 500.0 for 500."""
    try:
        return f"{float(value):.2f}"
    except (TypeError, ValueError):
        return str(value)


def _expression(value: Any) -> Any:
    """A filter expression in AWS's words."""
    if isinstance(value, Mapping):
        return {_EXPRESSION_NAMES.get(key, key): _expression(item) for key, item in value.items() if item is not None}
    return [_expression(item) for item in value] if isinstance(value, list) else value


def _time(value: Any) -> Any:
    return datetime.strptime(value, f"{_TIME}%z").isoformat() if isinstance(value, str) else value


def _budget(context: Context) -> dict[str, Any]:
    """The budget as CreateBudget and UpdateBudget take it."""
    new = context.new
    period = {
        "Start": _time(f"{new['timePeriodStart']}+0000") if new.get("timePeriodStart") else None,
        "End": _time(f"{new['timePeriodEnd']}+0000") if new.get("timePeriodEnd") else None,
    }
    limit = {"Amount": new.get("limitAmount"), "Unit": new.get("limitUnit") or "USD"}
    budget = {
        "BudgetName": new["name"],
        "BudgetType": new["budgetType"],
        "TimeUnit": new["timeUnit"],
        "BudgetLimit": limit if new.get("limitAmount") is not None else None,
        "CostFilters": {each["name"]: each["values"] for each in new.get("costFilters") or []} or None,
        "CostTypes": new.get("costTypes"),
        "FilterExpression": _expression(new.get("filterExpression")),
        "Metrics": [new["metrics"]] if new.get("metrics") else None,
        "TimePeriod": {name: value for name, value in period.items() if value} or None,
    }
    return {name: value for name, value in budget.items() if value is not None}


def _subscribers(notification: Mapping[str, Any]) -> list[dict[str, str]]:
    kinds = {"EMAIL": "subscriberEmailAddresses", "SNS": "subscriberSnsTopicArns"}
    return [
        {"SubscriptionType": kind, "Address": address}
        for kind, member in kinds.items()
        for address in sorted(notification.get(member) or [])
    ]


def _notification(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ComparisonOperator": wanted["comparisonOperator"],
        "NotificationType": wanted["notificationType"],
        "Threshold": float(wanted["threshold"]),
        "ThresholdType": wanted["thresholdType"],
    }


def _create(context: Context) -> dict[str, Any]:
    params: dict[str, Any] = {"AccountId": context.aws.account_id, "Budget": _budget(context)}
    if notifications := context.new.get("notifications"):
        params["NotificationsWithSubscribers"] = [
            {"Notification": _notification(each), "Subscribers": _subscribers(each)} for each in notifications
        ]
    tagging, wanted = context.resource.tagging, context.new_tags()
    if tagging and wanted:
        params[tagging.member] = tags.wire(tagging, wanted)
    return context.call("CreateBudget", params)


def _update(context: Context) -> None:
    context.call("UpdateBudget", {"AccountId": context.aws.account_id, "NewBudget": _budget(context)})


def _told_notifications(context: Context, name: str) -> list[dict[str, Any]]:
    who = {"AccountId": context.aws.account_id, "BudgetName": name}
    told: list[dict[str, Any]] = []
    for each in context.call("DescribeNotificationsForBudget", who).get("Notifications", []):
        notification = {key: value for key, value in each.items() if key != "NotificationState"}
        found = context.call("DescribeSubscribersForNotification", {**who, "Notification": notification})
        by_kind: dict[str, list[str]] = {"EMAIL": [], "SNS": []}
        for subscriber in found.get("Subscribers", []):
            by_kind[subscriber["SubscriptionType"]].append(subscriber["Address"])
        told.append(
            {
                "comparisonOperator": each["ComparisonOperator"],
                "notificationType": each["NotificationType"],
                "threshold": each["Threshold"],
                "thresholdType": each.get("ThresholdType", "PERCENTAGE"),
                **({"subscriberEmailAddresses": sorted(by_kind["EMAIL"])} if by_kind["EMAIL"] else {}),
                **({"subscriberSnsTopicArns": sorted(by_kind["SNS"])} if by_kind["SNS"] else {}),
            }
        )
    return told


def _replace_notifications(context: Context) -> None:
    """A notification has no id: what is no longer wanted goes, and what is new comes."""
    who = {"AccountId": context.aws.account_id, "BudgetName": context.new["name"]}

    def key(each: Mapping[str, Any]) -> tuple[Any, Any]:
        return (tuple(sorted(_notification(each).items())), tuple(str(one) for one in _subscribers(each)))

    wanted = {key(each): each for each in context.new.get("notifications") or []}
    present = {key(each): each for each in _told_notifications(context, context.new["name"])}
    for gone in present.keys() - wanted.keys():
        context.call("DeleteNotification", {**who, "Notification": _notification(present[gone])})
    for new in wanted.keys() - present.keys():
        made = {"Notification": _notification(wanted[new]), "Subscribers": _subscribers(wanted[new])}
        context.call("CreateNotification", {**who, **made})


def _shape(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    filters = document.get("CostFilters") or {}
    actual["costFilters"] = [{"name": name, "values": values} for name, values in filters.items()] or None
    actual["notifications"] = _told_notifications(context, str(document["BudgetName"])) or None
    for name, member in (("timePeriodStart", "Start"), ("timePeriodEnd", "End")):
        moment = (document.get("TimePeriod") or {}).get(member)
        actual[name] = moment.strftime(_TIME) if isinstance(moment, datetime) else None
    arn = f"arn:{partition_of(context.region)}:budgets::{context.aws.account_id}:budget/{document['BudgetName']}"
    cast(dict[str, Any], document)["tags"] = context.call("ListTagsForResource", {"ResourceARN": arn}).get(
        "ResourceTags"
    )


BUDGET = Resource(
    type="aws:budgets/budget:Budget",
    service="budgets",
    docs=page("budget", "budgets"),
    id="{account}:{name}",
    regional=False,
    properties=(
        Property("name", replaces=REPLACES, autoname=100, path="BudgetName"),
        Property("budgetType", required=True),
        Property("timeUnit", required=True),
        Property("limitAmount", computed=True, path="BudgetLimit.Amount", alike=_number),
        Property("limitUnit", computed=True, path="BudgetLimit.Unit"),
        Property("costFilters", "blockset", fields=(Property("name", required=True), Property("values", "set"))),
        Property("costTypes", "block", computed=True, fields=_COST_TYPES),
        Property(
            "filterExpression",
            "block",
            fields=(
                *_LEAVES,
                Property("ands", "blocks", path="And", fields=_LEAVES),
                Property("ors", "blocks", path="Or", fields=_LEAVES),
                Property("not", "block", fields=_LEAVES),
            ),
        ),
        Property("metrics", path="Metrics[0]"),
        Property(
            "notifications",
            "blockset",
            fields=(
                Property("comparisonOperator", required=True),
                Property("notificationType", required=True),
                Property("threshold", required=True),
                Property("thresholdType", required=True),
                Property("subscriberEmailAddresses", "set"),
                Property("subscriberSnsTopicArns", "set"),
            ),
        ),
        Property("timePeriodStart", computed=True),
        Property("timePeriodEnd", computed=True),
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(
        # DescribeBudget tells no ARN, so the tags are read in `shape`.
        Read("DescribeBudget", _WHO, "Budget", gone=_GONE),
    ),
    updates=(
        Function(
            _update,
            on=(
                *("budgetType", "timeUnit", "limitAmount", "limitUnit", "costFilters", "costTypes"),
                *("filterExpression", "metrics", "timePeriodStart", "timePeriodEnd"),
            ),
        ),
        Function(_replace_notifications, on=("notifications",)),
    ),
    delete=(Call("DeleteBudget", _WHO, ignore=_GONE),),
    derived={"arn": "arn:{partition}:budgets::{account}:budget/{name}"},
    shape=_shape,
    tagging=Tagging(
        member="ResourceTags",
        style="pairs",
        path="tags",
        add=Call("TagResource", {"ResourceARN": "$arn", "ResourceTags": "$tags"}),
        remove=Call("UntagResource", {"ResourceARN": "$arn", "ResourceTagKeys": "$tagKeys"}),
    ),
    unique=("name",),
)

TYPES = (BUDGET,)
