"""Scalable targets that are endpoint variants or inference components: their capacity, and what changed it.

https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html.
moto keeps the targets; those of other services are its alone.
"""

import re
import sys
import uuid
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, Call, Server, ServiceError, operation

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
COPIES = "sagemaker:inference-component:DesiredCopyCount"
"""Dimension of an inference component; its resource id is `inference-component/NAME`."""
DIMENSIONS = (DIMENSION, COPIES)
KIND = "autoscaling:activities"
"""Kind of a record: activities, oldest first. The key is `region/resource id`."""
TAGS = "autoscaling:tags"
"""Kind of a record: a target's tags, by key. The key is the target's ARN."""
MOST_ACTIVITIES = 100
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_COMPONENT = re.compile(r"inference-component/([^/]+)")


def is_ours(params: dict[str, Any]) -> bool:
    """Whether a request is about an endpoint variant's instances or an inference component's copies."""
    return params.get("ServiceNamespace") == NAMESPACE and params.get("ScalableDimension") in DIMENSIONS


def dimension_of(resource: str) -> str:
    """The scalable dimension that a resource id belongs to."""
    return COPIES if resource.startswith("inference-component/") else DIMENSION


def component_of(resource: str) -> str:
    """The inference component of a resource id. Raises ValidationException."""
    match = _COMPONENT.fullmatch(resource)
    if match is None:
        raise invalid(f"{resource} is no resource id of an inference component: inference-component/NAME.")
    return match[1]


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("ValidationException", message)


def not_found(what: str, params: dict[str, Any], name: str = "") -> ServiceError:
    """A policy, action or target of a request that is not there. name: the member that names it."""
    where = f"service namespace: {NAMESPACE}, resource ID: {params['ResourceId']}"
    named = f", name: {params[name]}" if name else ""
    return ServiceError(
        "ObjectNotFoundException",
        f"No {what} for {where}, scalable dimension: {params['ScalableDimension']}{named}",
    )


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
    """Status of the endpoint or component, and the instances or copies that it shall have.

    Raises ValidationException where there is none.
    """
    if dimension_of(resource) == COPIES:
        return _copies(server, region, component_of(resource))
    endpoint, variant = names_of(resource)
    try:
        found = server.call("sagemaker", "DescribeEndpoint", {"EndpointName": endpoint}, region=region)
    except ServiceError as error:
        raise invalid(f"Endpoint does not exist: {endpoint}") from error
    for each in found.get("ProductionVariants") or ():
        if each["VariantName"] == variant:
            return found["EndpointStatus"], int(each.get("DesiredInstanceCount") or 0)
    raise invalid(f"Endpoint {endpoint} has no variant {variant}")


def _copies(server: Server, region: str, component: str) -> tuple[str, int]:
    try:
        found = server.call(
            "sagemaker", "DescribeInferenceComponent", {"InferenceComponentName": component}, region=region
        )
    except ServiceError as error:
        raise invalid(f"Inference component does not exist: {component}") from error
    return found["InferenceComponentStatus"], int(found["RuntimeConfig"]["DesiredCopyCount"])


@operation("application-autoscaling", "RegisterScalableTarget")
def register_scalable_target(call: Call) -> dict[str, Any]:
    """Notes the limits of a variant or component that is there."""
    teach_dimensions()
    if is_ours(call.params):
        resource = call.params["ResourceId"]
        capacity(call.server, call.region, resource)
        known = target_of(call.region, resource)
        limits = {name: call.params.get(name) for name in ("MinCapacity", "MaxCapacity")}
        if known is None and None in limits.values():
            raise invalid("MinCapacity and MaxCapacity are required when registering a new scalable target")
        low = limits["MinCapacity"] if limits["MinCapacity"] is not None else known.min_capacity
        high = limits["MaxCapacity"] if limits["MaxCapacity"] is not None else known.max_capacity
        least = 0 if call.params["ScalableDimension"] == COPIES or _is_asynchronous(call, resource) else 1
        if not least <= low <= high:
            raise invalid(f"MinCapacity must be {least} or more, and MaxCapacity no less than it.")
    answer = call.forward()
    if tags := call.params.get("Tags"):
        call.server.records.put(TAGS, answer["ScalableTargetARN"], tags)
    return answer


def _is_asynchronous(call: Call, resource: str) -> bool:
    """Whether a variant may have no instance: those of asynchronous endpoints may
    (https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html)."""
    found = call.server.call(
        "sagemaker", "DescribeEndpoint", {"EndpointName": names_of(resource)[0]}, region=call.region
    )
    return bool(found.get("AsyncInferenceConfig"))


@operation("application-autoscaling", "DescribeScalableTargets")
def describe_scalable_targets(call: Call) -> dict[str, Any]:
    """What is registered."""
    teach_dimensions()
    return call.forward()


def teach_dimensions() -> None:
    """Lets moto accept inference components, which its list of dimensions lacks."""
    from moto.applicationautoscaling import models, responses

    known = models.ScalableDimensionValueSet
    if COPIES not in [each.value for each in known]:
        members = {**{each.name: each.value for each in known}, "SAGEMAKER_INFERENCE_COMPONENT_COPIES": COPIES}
        models.ScalableDimensionValueSet = Enum("ScalableDimensionValueSet", members)
        responses.ScalableDimensionValueSet = models.ScalableDimensionValueSet


def target_of(region: str, resource: str) -> Any:
    """moto's scalable target of a variant or component, None where it is not registered."""
    backend = backend_of(region)
    return backend.targets.get(dimension_of(resource), {}).get(resource) if backend is not None else None


def registered(region: str, endpoint: str) -> list[str]:
    """Resource ids of an endpoint's variants that are registered."""
    backend = backend_of(region)
    known: dict[str, Any] = backend.targets.get(DIMENSION, {}) if backend is not None else {}
    return [resource for resource in known if resource.startswith(f"endpoint/{endpoint}/")]


def set_capacity(server: Server, region: str, resource: str, count: int, cause: str) -> None:
    """Asks SageMaker for a count of instances or copies and notes the activity. It must be in service."""
    what = "copy" if dimension_of(resource) == COPIES else "instance"
    _, before = capacity(server, region, resource)
    failure = ""
    try:
        _ask(server, region, resource, count)
    except ServiceError as error:
        failure = f"Failed to set desired {what} count to {count}. Reason: {error.message}"
    activity = {
        "Description": f"Setting desired {what} count to {count}.",
        "Cause": cause,
        "StatusCode": "Failed" if failure else "InProgress",
        "StatusMessage": failure
        or f"Successfully set desired {what} count to {count}. Waiting for change to be fulfilled by sagemaker.",
        "before": before,
        "after": before if failure else count,
    }
    note(server, region, resource, activity)


def _ask(server: Server, region: str, resource: str, count: int) -> None:
    if dimension_of(resource) == COPIES:
        params = {"InferenceComponentName": component_of(resource), "DesiredRuntimeConfig": {"CopyCount": count}}
        server.call("sagemaker", "UpdateInferenceComponentRuntimeConfig", params, region=region)
        return
    endpoint, variant = names_of(resource)
    wanted = [{"VariantName": variant, "DesiredInstanceCount": count}]
    params = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": wanted}
    server.call("sagemaker", "UpdateEndpointWeightsAndCapacities", params, region=region)


def note(server: Server, region: str, resource: str, activity: dict[str, Any]) -> None:
    """Adds an activity. before, after: instances or copies; they are not told to clients."""
    now = datetime.now(UTC)
    whole = {
        "ActivityId": str(uuid.uuid4()),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": dimension_of(resource),
        "StartTime": now,
        **({} if activity["StatusCode"] == "InProgress" else {"EndTime": now}),
        **activity,
    }
    with server.records.lock:
        kept = server.records.get(KIND, f"{region}/{resource}") or []
        server.records.put(KIND, f"{region}/{resource}", [*kept[1 - MOST_ACTIVITIES :], whole])


def activities(server: Server, region: str, resource: str) -> list[dict[str, Any]]:
    """A target's activities, oldest first; one that was under way is looked after."""
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
    what = "copy" if activity["ScalableDimension"] == COPIES else "instance"
    said = "Change successfully fulfilled by sagemaker." if done else f"The {what} count is {count}."
    return activity | {
        "StatusCode": "Successful" if done else "Failed",
        "StatusMessage": f"Successfully set desired {what} count to {wanted}. {said}",
        "EndTime": datetime.now(UTC),
        "after": count,
    }


@operation("application-autoscaling", "DescribeScalingActivities")
def describe_scaling_activities(call: Call) -> dict[str, Any]:
    """Activities of variants and components, newest first; other services have none here."""
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
