"""Cost Anomaly Detection of Cost Explorer: monitors and subscriptions. Nothing is spent here, so nothing is found.

Shapes and limits: API_AnomalyMonitor and API_AnomalySubscription of the AWS Cost Management API Reference
(https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/); one monitor of all services an account:
https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html.
"""

import functools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import Call, Overlay, ServiceError, operation

MONITOR = "ce:anomaly-monitor"
SUBSCRIPTION = "ce:anomaly-subscription"


def _ce_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers an overlay that has the records to itself while it runs."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        return operation("ce", name)(alone)

    return register


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _monitor(call: Call, arn: str) -> dict[str, Any]:
    record = call.server.records.get(MONITOR, arn)
    if record is None:
        raise ServiceError("UnknownMonitorException", f"There is no anomaly monitor {arn}.")
    return record


def _subscription(call: Call, arn: str) -> dict[str, Any]:
    record = call.server.records.get(SUBSCRIPTION, arn)
    if record is None:
        raise ServiceError("UnknownSubscriptionException", f"There is no anomaly subscription {arn}.")
    return record


def _check_monitor(call: Call, monitor: dict[str, Any]) -> None:
    kind, dimension = monitor["MonitorType"], monitor.get("MonitorDimension")
    if kind == "CUSTOM" and (dimension or not monitor.get("MonitorSpecification")):
        raise _invalid("A CUSTOM monitor has a MonitorSpecification and no MonitorDimension.")
    if kind == "DIMENSIONAL" and not dimension:
        raise _invalid("A DIMENSIONAL monitor has a MonitorDimension.")
    if dimension == "SERVICE" and any(
        record.get("MonitorDimension") == "SERVICE" for _, record in call.server.records.items(MONITOR)
    ):
        raise ServiceError("LimitExceededException", "The account has its one monitor of all services already.")


@_ce_operation("CreateAnomalyMonitor")
def create_anomaly_monitor(call: Call) -> dict[str, Any]:
    monitor = call.params["AnomalyMonitor"]
    _check_monitor(call, monitor)
    arn = f"arn:aws:ce::{call.account_id}:anomalymonitor/{uuid.uuid4()}"
    dates = {"CreationDate": _today(), "LastUpdatedDate": _today()}
    call.server.records.put(MONITOR, arn, {**monitor, **dates, "MonitorArn": arn})
    _tag(call, arn, call.params.get("ResourceTags"))
    return {"MonitorArn": arn}


@_ce_operation("GetAnomalyMonitors")
def get_anomaly_monitors(call: Call) -> dict[str, Any]:
    """The monitors asked for, or all, on one page."""
    wanted = call.params.get("MonitorArnList")
    found = (
        [_monitor(call, arn) for arn in wanted]
        if wanted
        else [record for _, record in call.server.records.items(MONITOR)]
    )
    return {"AnomalyMonitors": found}


@_ce_operation("UpdateAnomalyMonitor")
def update_anomaly_monitor(call: Call) -> dict[str, Any]:
    record = _monitor(call, call.params["MonitorArn"])
    name = call.params.get("MonitorName") or record["MonitorName"]
    changed = record | {"MonitorName": name, "LastUpdatedDate": _today()}
    call.server.records.put(MONITOR, record["MonitorArn"], changed)
    return {"MonitorArn": record["MonitorArn"]}


@_ce_operation("DeleteAnomalyMonitor")
def delete_anomaly_monitor(call: Call) -> dict[str, Any]:
    arn = _monitor(call, call.params["MonitorArn"])["MonitorArn"]
    call.server.records.delete(MONITOR, arn)
    call.server.records.delete("ce:tags", arn)
    for key, record in call.server.records.items(SUBSCRIPTION):
        left = [one for one in record["MonitorArnList"] if one != arn]
        if left != record["MonitorArnList"]:
            call.server.records.put(SUBSCRIPTION, key, record | {"MonitorArnList": left})
    return {}


def _check_subscription(call: Call, subscription: dict[str, Any]) -> None:
    for arn in subscription["MonitorArnList"]:
        _monitor(call, arn)
    kinds = {one["Type"] for one in subscription["Subscribers"]}
    immediate = subscription["Frequency"] == "IMMEDIATE"
    if not kinds or kinds != ({"SNS"} if immediate else {"EMAIL"}):
        raise _invalid("Frequency IMMEDIATE goes to SNS subscribers, DAILY and WEEKLY to EMAIL subscribers.")


@_ce_operation("CreateAnomalySubscription")
def create_anomaly_subscription(call: Call) -> dict[str, Any]:
    subscription = call.params["AnomalySubscription"]
    _check_subscription(call, subscription)
    arn = f"arn:aws:ce::{call.account_id}:anomalysubscription/{uuid.uuid4()}"
    call.server.records.put(SUBSCRIPTION, arn, {**subscription, "SubscriptionArn": arn, "AccountId": call.account_id})
    _tag(call, arn, call.params.get("ResourceTags"))
    return {"SubscriptionArn": arn}


@_ce_operation("GetAnomalySubscriptions")
def get_anomaly_subscriptions(call: Call) -> dict[str, Any]:
    """The subscriptions asked for, or all, on one page."""
    wanted = call.params.get("SubscriptionArnList")
    found = (
        [_subscription(call, arn) for arn in wanted]
        if wanted
        else [record for _, record in call.server.records.items(SUBSCRIPTION)]
    )
    return {"AnomalySubscriptions": found}


@_ce_operation("UpdateAnomalySubscription")
def update_anomaly_subscription(call: Call) -> dict[str, Any]:
    record = _subscription(call, call.params["SubscriptionArn"])
    members = ("Frequency", "MonitorArnList", "Subscribers", "SubscriptionName", "ThresholdExpression")
    changed = record | {name: call.params[name] for name in members if call.params.get(name) is not None}
    _check_subscription(call, changed)
    call.server.records.put(SUBSCRIPTION, record["SubscriptionArn"], changed)
    return {"SubscriptionArn": record["SubscriptionArn"]}


@_ce_operation("DeleteAnomalySubscription")
def delete_anomaly_subscription(call: Call) -> dict[str, Any]:
    arn = _subscription(call, call.params["SubscriptionArn"])["SubscriptionArn"]
    call.server.records.delete(SUBSCRIPTION, arn)
    call.server.records.delete("ce:tags", arn)
    return {}


def _ours(arn: str) -> bool:
    return ":anomalymonitor/" in arn or ":anomalysubscription/" in arn


def _tag(call: Call, arn: str, tags: list[dict[str, str]] | None) -> None:
    if tags:
        present = call.server.records.get("ce:tags", arn) or {}
        call.server.records.put("ce:tags", arn, present | {tag["Key"]: tag["Value"] for tag in tags})


@_ce_operation("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    arn = call.params["ResourceArn"]
    if not _ours(arn):
        return call.forward()
    tags = call.server.records.get("ce:tags", arn) or {}
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@_ce_operation("TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    arn = call.params["ResourceArn"]
    if not _ours(arn):
        return call.forward()
    _tag(call, arn, call.params["ResourceTags"])
    return {}


@_ce_operation("UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    arn = call.params["ResourceArn"]
    if not _ours(arn):
        return call.forward()
    present = call.server.records.get("ce:tags", arn) or {}
    left = {key: value for key, value in present.items() if key not in call.params["ResourceTagKeys"]}
    call.server.records.put("ce:tags", arn, left)
    return {}
