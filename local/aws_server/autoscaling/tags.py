"""Tags of scalable targets, which moto does not keep.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html
"""

from typing import Any

from local.aws_server.autoscaling import targets
from local.aws_server.operations import Call, ServiceError, operation

MOST_TAGS = 50


def _tags(call: Call) -> dict[str, str]:
    """Of the target that a call names. Raises ResourceNotFoundException."""
    arn = call.params["ResourceARN"]
    known = targets.backend_of(call.region)
    arns = {target.arn for each in known.targets.values() for target in each.values()} if known is not None else set()
    if arn not in arns:
        raise ServiceError("ResourceNotFoundException", f"There is no scalable target {arn}.")
    return call.server.records.get(targets.TAGS, arn) or {}


@operation("application-autoscaling", "TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    """Adds or replaces tags."""
    with call.server.records.lock:
        tags = {**_tags(call), **call.params["Tags"]}
        if len(tags) > MOST_TAGS:
            raise ServiceError("TooManyTagsException", f"A scalable target has at most {MOST_TAGS} tags.")
        call.server.records.put(targets.TAGS, call.params["ResourceARN"], tags)
    return {}


@operation("application-autoscaling", "UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    """Removes tags by their keys."""
    with call.server.records.lock:
        kept = {key: value for key, value in _tags(call).items() if key not in call.params["TagKeys"]}
        call.server.records.put(targets.TAGS, call.params["ResourceARN"], kept)
    return {}


@operation("application-autoscaling", "ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """A target's tags."""
    return {"Tags": _tags(call)}
