"""Scalable targets that are endpoint variants, their capacity, and what changed it: DescribeScalingActivities.

https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html.
moto keeps the targets; those of other services are its alone.
"""

import re
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, Call, Server, ServiceError, operation

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
KIND = "autoscaling:activities"
"""Kind of a record: activities, oldest first. The key is `region/resource id`."""
MOST_ACTIVITIES = 100
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")


def is_variant(params: dict[str, Any]) -> bool:
    """Whether a request is about an endpoint variant's instance count."""
    return params.get("ServiceNamespace") == NAMESPACE and params.get("ScalableDimension") == DIMENSION


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("ValidationException", message)


def backends() -> list[tuple[str, Any]]:
    """moto's backends by region, without loading its module where nothing has used it."""
    models = sys.modules.get("moto.applicationautoscaling.models")
    if models is None:
        return []
    with moto_lock:
        return list(dict.items(models.applicationautoscaling_backends[ACCOUNT_ID]))


def backend_of(region: str) -> Any:
    """moto's backend of a region, None where nothing has used it. What `changing` surrounds is kept by this look-up."""
    if region not in dict(backends()):
        return None
    with moto_lock:
        return sys.modules["moto.applicationautoscaling.models"].applicationautoscaling_backends[ACCOUNT_ID][region]


def names_of(resource: str) -> tuple[str, str]:
    """Endpoint and variant of a resource id. Raises ValidationException."""
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise invalid(f"{resource} is no resource id of a variant: endpoint/NAME/variant/NAME.")
    return match[1], match[2]


def capacity(server: Server, region: str, resource: str) -> tuple[str, int]:
    """The endpoint's status, and the variant's instances. Raises ValidationException where there is none."""
    endpoint, variant = names_of(resource)
    try:
        found = server.call("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint}, region=region)
    except ServiceError as error:
        raise invalid(f"Endpoint does not exist: {endpoint}") from error
    for each in found.get("ProductionVariants") or ():
        if each["VariantName"] == variant:
            return found["EndpointStatus"], int(each.get("DesiredInstanceCount") or 0)
    raise invalid(f"Endpoint {endpoint} has no variant {variant}")


@operation("application-autoscaling", "RegisterScalableTarget")
def register_scalable_target(call: Call) -> dict[str, Any]:
    """Notes the limits of a variant that is there."""
    if is_variant(call.params):
        resource = call.params["ResourceId"]
        capacity(call.server, call.region, resource)
        known = target_of(call.region, resource)
        limits = {name: call.params.get(name) for name in ("MinCapacity", "MaxCapacity")}
        if known is None and None in limits.values():
            raise invalid("MinCapacity and MaxCapacity are required when registering a new scalable target")
        low = limits["MinCapacity"] if limits["MinCapacity"] is not None else known.min_capacity
        high = limits["MaxCapacity"] if limits["MaxCapacity"] is not None else known.max_capacity
        if not 1 <= low <= high:
            raise invalid("A variant's MinCapacity must be 1 or more, and MaxCapacity no less than it.")
    return call.forward()


def target_of(region: str, resource: str) -> Any:
    """moto's scalable target of a variant, None where it is not registered."""
    backend = backend_of(region)
    return backend.targets.get(DIMENSION, {}).get(resource) if backend is not None else None


def set_capacity(server: Server, region: str, resource: str, count: int, cause: str) -> None:
    """Asks SageMaker for an instance count and notes the activity. The endpoint must be in service."""
    endpoint, variant = names_of(resource)
    _, before = capacity(server, region, resource)
    failure = ""
    try:
        wanted = [{"VariantName": variant, "DesiredInstanceCount": count}]
        params = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": wanted}
        server.call("sagemaker", "UpdateEndpointWeightsAndCapacities", params, region=region)
    except ServiceError as error:
        failure = f"Failed to set desired instance count to {count}. Reason: {error.message}"
    activity = {
        "Description": f"Setting desired instance count to {count}.",
        "Cause": cause,
        "StatusCode": "Failed" if failure else "InProgress",
        "StatusMessage": failure
        or f"Successfully set desired instance count to {count}. Waiting for change to be fulfilled by sagemaker.",
        "before": before,
        "after": before if failure else count,
    }
    note(server, region, resource, activity)


def note(server: Server, region: str, resource: str, activity: dict[str, Any]) -> None:
    """Adds an activity. before, after: instances; they are not told to clients."""
    now = datetime.now(UTC)
    whole = {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "StartTime": now,
        **({} if activity["StatusCode"] == "InProgress" else {"EndTime": now}),
        **activity,
    }
    with server.records.lock:
        kept = server.records.get(KIND, f"{region}/{resource}") or []
        server.records.put(KIND, f"{region}/{resource}", [*kept[1 - MOST_ACTIVITIES :], whole])


def activities(server: Server, region: str, resource: str) -> list[dict[str, Any]]:
    """A variant's activities, oldest first; one that was under way is looked after."""
    kept: list[dict[str, Any]] = server.records.get(KIND, f"{region}/{resource}") or []
    if not any(each["StatusCode"] == "InProgress" for each in kept):
        return kept
    try:
        status, count = capacity(server, region, resource)
    except ServiceError:
        status, count = "Deleted", 0
    if status in ("Updating", "SystemUpdating", "Creating"):
        return kept
    with server.records.lock:
        kept = [_settled(each, count) for each in server.records.get(KIND, f"{region}/{resource}") or []]
        server.records.put(KIND, f"{region}/{resource}", kept)
    return kept


def _settled(activity: dict[str, Any], count: int) -> dict[str, Any]:
    if activity["StatusCode"] != "InProgress":
        return activity
    wanted = activity["after"]
    done = count == wanted
    said = "Change successfully fulfilled by sagemaker." if done else f"The variant has {count} instances."
    return activity | {
        "StatusCode": "Successful" if done else "Failed",
        "StatusMessage": f"Successfully set desired instance count to {wanted}. {said}",
        "EndTime": datetime.now(UTC),
        "after": count,
    }


@operation("application-autoscaling", "DescribeScalingActivities")
def describe_scaling_activities(call: Call) -> dict[str, Any]:
    """Activities of endpoint variants, newest first; other services have none here."""
    params = call.params
    wanted = params.get("ResourceId")
    if params["ServiceNamespace"] != NAMESPACE:
        return {"ScalingActivities": []}
    found: list[dict[str, Any]] = []
    for key, _ in call.server.records.items(KIND, f"{call.region}/"):
        resource = key.partition("/")[2]
        if wanted in (None, resource):
            found += activities(call.server, call.region, resource)
    found.sort(key=lambda each: each["StartTime"], reverse=True)
    first, most = int(params.get("NextToken") or 0), int(params.get("MaxResults") or 50)
    shown = [{name: value for name, value in each.items() if name[0].isupper()} for each in found]
    answer: dict[str, Any] = {"ScalingActivities": shown[first : first + most]}
    return answer | ({"NextToken": str(first + most)} if len(found) > first + most else {})
