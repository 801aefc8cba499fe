"""What the overlays share: errors, ARNs, statuses, tags."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from local.aws_server.operations import Call, Overlay, ServiceError, operation

ACTIVE: Mapping[str, Any] = {"statusCode": "ACTIVE"}
LARGEST_DEFINITION_BYTES = 1_000_000
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html"""


def amp_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers an overlay that has the records to itself while it runs."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        operation("amp", name)(alone)
        return overlay

    return register


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("ValidationException", message)


def not_found(what: str, id_: str) -> ServiceError:
    """There is no such resource."""
    return ServiceError("ResourceNotFoundException", f"{what} not found: {id_}", status=404)


def conflict(message: str) -> ServiceError:
    """It exists already."""
    return ServiceError("ConflictException", message, status=409)


def arn(call: Call, resource: str) -> str:
    """ARN of a resource: the service is called aps there."""
    return f"arn:aws:aps:{call.region}:{call.account_id}:{resource}"


def workspace_of(call: Call, workspace_id: str) -> dict[str, Any]:
    """moto's workspace; raises ResourceNotFoundException."""
    answer = call.server.call("amp", "DescribeWorkspace", {"workspaceId": workspace_id}, region=call.region)
    return answer["workspace"]


def yaml_of(blob: bytes, what: str) -> dict[str, Any]:
    """The document in a blob; raises ValidationException for what is no YAML object or too large."""
    if len(blob) > LARGEST_DEFINITION_BYTES:
        raise invalid(f"{what} has {len(blob):,} bytes; {LARGEST_DEFINITION_BYTES:,} are allowed.")
    try:
        parsed = yaml.safe_load(blob)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid(f"error parsing {what}: {error}") from error
    if not isinstance(parsed, dict):
        raise invalid(f"error parsing {what}: it is not an object.")
    return parsed


def set_tags(call: Call, resource_arn: str, tags: Mapping[str, str] | None) -> None:
    """Sets tags, which moto keeps by ARN for everything of the service."""
    if tags:
        call.server.call("amp", "TagResource", {"resourceArn": resource_arn, "tags": tags}, region=call.region)


def tags_of(call: Call, resource_arn: str) -> dict[str, str]:
    """Tags of a resource."""
    answer = call.server.call("amp", "ListTagsForResource", {"resourceArn": resource_arn}, region=call.region)
    return answer.get("tags") or {}
