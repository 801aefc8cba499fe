"""What the EKS overlays share: records by cluster, their errors, pages of lists."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import Call, Overlay, ServiceError, operation

CLUSTER = "eks-cluster"
"""Kind of the record of a cluster; the key is `region/name`."""


def eks_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers an EKS overlay that has the records to itself while it runs: two callers cannot both be first."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        operation("eks", name)(alone)
        return overlay

    return register


def now() -> datetime:
    """The present, with a zone."""
    return datetime.now(UTC)


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("InvalidParameterException", message)


def in_use(message: str) -> ServiceError:
    """The resource exists already, or something still needs it."""
    return ServiceError("ResourceInUseException", message, status=409)


def not_found(message: str) -> ServiceError:
    """There is no such resource."""
    return ServiceError("ResourceNotFoundException", message, status=404)


def cluster_key(call: Call, name: str) -> str:
    """Key of a cluster's record."""
    return f"{call.region}/{name}"


def cluster_of(call: Call, name: str) -> dict[str, Any]:
    """The cluster's record; raises ResourceNotFoundException."""
    record = call.server.records.get(CLUSTER, cluster_key(call, name))
    if record is None:
        raise not_found(f"No cluster found for name: {name}.")
    return record


def child_key(call: Call, cluster_name: str, name: str) -> str:
    """Key of a record that belongs to a cluster."""
    return f"{cluster_key(call, cluster_name)}/{name}"


def children(call: Call, kind: str, cluster_name: str) -> list[dict[str, Any]]:
    """All records of a kind that belong to a cluster."""
    return [record for _, record in call.server.records.items(kind, child_key(call, cluster_name, ""))]


def page(call: Call, items: list[Any], member: str) -> dict[str, Any]:
    """One page of a list, by the request's maxResults and nextToken."""
    start = int(call.params.get("nextToken") or 0)
    size = call.params.get("maxResults") or 100
    answer: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return answer
