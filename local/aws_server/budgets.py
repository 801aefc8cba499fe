"""AWS Budgets: every budget with its notifications, subscribers and tags. Nothing is spent here, so nobody is notified.

Whole in place of moto's, which knows neither subscribers, updates nor tags. Shapes and limits: API_budgets_* of the AWS
Cost Management API Reference (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/).
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import Call, Overlay, ServiceError, operation

KIND = "budgets:budget"
MOST_NOTIFICATIONS = 5
_FOREVER = datetime(2087, 6, 15, tzinfo=UTC)
_NOTHING_SPENT = {"ActualSpend": {"Amount": "0.0", "Unit": "USD"}}
_COST_TYPES = {
    **dict.fromkeys(
        (
            *("IncludeTax", "IncludeSubscription", "IncludeRefund", "IncludeCredit", "IncludeUpfront"),
            *("IncludeRecurring", "IncludeOtherSubscription", "IncludeSupport", "IncludeDiscount"),
        ),
        True,
    ),
    "UseBlended": False,
    "UseAmortized": False,
}


def _budgets_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers an overlay that has the records to itself while it runs."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        return operation("budgets", name)(alone)

    return register


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _key(call: Call, name: str) -> str:
    account = call.params.get("AccountId", call.account_id)
    if account != call.account_id:
        raise ServiceError("AccessDeniedException", f"Account {account} is not the caller's, {call.account_id}.")
    return f"{account}/{name}"


def _find(call: Call, name: str) -> dict[str, Any]:
    record = call.server.records.get(KIND, _key(call, name))
    if record is None:
        raise ServiceError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.", status=404)
    return record


def _put(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    call.server.records.put(KIND, _key(call, record["Budget"]["BudgetName"]), record)
    return {}


def _checked(budget: dict[str, Any]) -> dict[str, Any]:
    """The budget with what AWS fills in."""
    if not any(budget.get(member) for member in ("BudgetLimit", "PlannedBudgetLimits", "AutoAdjustData")):
        raise _invalid("A budget needs BudgetLimit, PlannedBudgetLimits or AutoAdjustData.")
    if limit := budget.get("BudgetLimit"):
        amount = float(limit["Amount"])
        if amount <= 0 and budget["BudgetType"] == "COST":
            raise _invalid("The amount of a cost budget must be greater than 0.")
        budget = budget | {"BudgetLimit": {"Amount": str(amount), "Unit": limit["Unit"]}}
    if budget.get("FilterExpression") and (budget.get("CostFilters") or not budget.get("Metrics")):
        raise _invalid("FilterExpression goes together with Metrics, and not with CostFilters.")
    period = budget.get("TimePeriod") or {}
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    filled = {
        "TimePeriod": {"Start": period.get("Start") or month, "End": period.get("End") or _FOREVER},
        "CalculatedSpend": _NOTHING_SPENT,
        "LastUpdatedTime": datetime.now(UTC),
    }
    if budget["BudgetType"] == "COST" and not budget.get("Metrics"):
        filled["CostTypes"] = _COST_TYPES | (budget.get("CostTypes") or {})
    return {"CostFilters": {}, **budget, **filled}


def _notification(given: dict[str, Any]) -> dict[str, Any]:
    return {"ThresholdType": "PERCENTAGE", "NotificationState": "OK", **given}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    members = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return all(_notification(one)[name] == _notification(other)[name] for name in members)


def _check_subscribers(subscribers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    topics = [one["Address"] for one in subscribers if one["SubscriptionType"] == "SNS"]
    if not subscribers or len(topics) > 1 or len(subscribers) - len(topics) > 10:
        raise _invalid("A notification has one SNS subscriber at most, up to 10 e-mail subscribers, and one of them.")
    return subscribers


def _with_notification(record: dict[str, Any], given: dict[str, Any], to: list[dict[str, Any]]) -> dict[str, Any]:
    present = record["Notifications"]
    name = record["Budget"]["BudgetName"]
    if any(_same(given, one["Notification"]) for one in present):
        raise ServiceError("DuplicateRecordException", f"Budget {name} has this notification already.")
    if len(present) >= MOST_NOTIFICATIONS:
        raise ServiceError("CreationLimitExceededException", f"A budget has {MOST_NOTIFICATIONS} notifications.")
    added = {"Notification": _notification(given), "Subscribers": _check_subscribers(to)}
    return record | {"Notifications": [*present, added]}


def _find_notification(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    record = _find(call, call.params["BudgetName"])
    for one in record["Notifications"]:
        if _same(call.params["Notification"], one["Notification"]):
            return record, one
    raise ServiceError("NotFoundException", "The budget has no such notification.", status=404)


@_budgets_operation("CreateBudget")
def create_budget(call: Call) -> dict[str, Any]:
    budget = call.params["Budget"]
    name = budget["BudgetName"]
    if call.server.records.get(KIND, _key(call, name)) is not None:
        raise ServiceError("DuplicateRecordException", f"Error creating budget: {name} - the budget already exists.")
    tags = {tag["Key"]: tag["Value"] for tag in call.params.get("ResourceTags") or []}
    record: dict[str, Any] = {"Budget": _checked(budget), "Notifications": [], "Tags": tags}
    for each in call.params.get("NotificationsWithSubscribers") or []:
        record = _with_notification(record, each["Notification"], each["Subscribers"])
    return _put(call, record)


@_budgets_operation("DescribeBudget")
def describe_budget(call: Call) -> dict[str, Any]:
    return {"Budget": _find(call, call.params["BudgetName"])["Budget"]}


@_budgets_operation("DescribeBudgets")
def describe_budgets(call: Call) -> dict[str, Any]:
    """All budgets of the account, on one page."""
    records = call.server.records.items(KIND, f"{call.account_id}/")
    return {"Budgets": [record["Budget"] for _, record in records]}


@_budgets_operation("UpdateBudget")
def update_budget(call: Call) -> dict[str, Any]:
    budget = call.params["NewBudget"]
    record = _find(call, budget["BudgetName"])
    period = budget.get("TimePeriod") or record["Budget"]["TimePeriod"]
    return _put(call, record | {"Budget": _checked(budget | {"TimePeriod": period})})


@_budgets_operation("DeleteBudget")
def delete_budget(call: Call) -> dict[str, Any]:
    name = call.params["BudgetName"]
    _find(call, name)
    call.server.records.delete(KIND, _key(call, name))
    return {}


@_budgets_operation("DescribeNotificationsForBudget")
def describe_notifications_for_budget(call: Call) -> dict[str, Any]:
    record = _find(call, call.params["BudgetName"])
    return {"Notifications": [one["Notification"] for one in record["Notifications"]]}


@_budgets_operation("DescribeSubscribersForNotification")
def describe_subscribers_for_notification(call: Call) -> dict[str, Any]:
    return {"Subscribers": _find_notification(call)[1]["Subscribers"]}


@_budgets_operation("CreateNotification")
def create_notification(call: Call) -> dict[str, Any]:
    record = _find(call, call.params["BudgetName"])
    return _put(call, _with_notification(record, call.params["Notification"], call.params["Subscribers"]))


@_budgets_operation("DeleteNotification")
def delete_notification(call: Call) -> dict[str, Any]:
    record, found = _find_notification(call)
    return _put(call, record | {"Notifications": [one for one in record["Notifications"] if one is not found]})


def _tagged(call: Call) -> dict[str, Any]:
    return _find(call, call.params["ResourceARN"].rpartition(":budget/")[2])


@_budgets_operation("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in _tagged(call)["Tags"].items()]}


@_budgets_operation("TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    record = _tagged(call)
    return _put(call, record | {"Tags": record["Tags"] | {t["Key"]: t["Value"] for t in call.params["ResourceTags"]}})


@_budgets_operation("UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    record = _tagged(call)
    gone = call.params["ResourceTagKeys"]
    return _put(call, record | {"Tags": {key: value for key, value in record["Tags"].items() if key not in gone}})
