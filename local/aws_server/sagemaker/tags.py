"""Tags of the resources that the data plane keeps; those of other resources are moto's."""

import re
from collections.abc import Sequence
from typing import Any

from local.aws_server.operations import Call, Server, ServiceError, operation
from local.aws_server.sagemaker.plane import require_arn

KIND = "sagemaker:tags"
OWN = (
    *("training-job", "processing-job", "transform-job", "model", "model-package", "model-package-group"),
    *("artifact", "context", "action"),
    *("endpoint-config", "endpoint", "inference-component", "inference-experiment"),
    *("mlflow-tracking-server", "mlflow-app", "monitoring-schedule", "data-quality-job-definition"),
    *("model-quality-job-definition", "model-bias-job-definition", "model-explainability-job-definition"),
)
MOST_TAGS = 50


def set_tags(server: Server, arn: str, tags: Sequence[dict[str, str]] | None) -> None:
    """Tags of a new resource."""
    if tags:
        server.records.put(KIND, arn, {tag["Key"]: tag["Value"] for tag in tags})


def forget_tags(server: Server, arn: str) -> None:
    """For a resource that was deleted."""
    server.records.delete(KIND, arn)


def _own(arn: str) -> bool:
    return arn.split(":")[-1].partition("/")[0] in OWN


def tags_of(server: Server, arn: str) -> dict[str, str]:
    """The tags of a resource that the data plane keeps; a version of a model package group has its group's."""
    return server.records.get(KIND, _group_of(arn) or arn) or {}


def _group_of(arn: str) -> str:
    """ARN of the group that a model package is a version of; empty for every other resource."""
    match = re.fullmatch(r"(arn:[^/]*:)model-package/([^/]+)/\d+", arn)
    return f"{match[1]}model-package-group/{match[2]}" if match else ""


def _refuse_versions(arn: str) -> None:
    if _group_of(arn):
        raise ServiceError("ValidationException", f"{arn} has the tags of its model package group: tag the group.")


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@operation("sagemaker", "AddTags")
def add_tags(call: Call) -> dict[str, Any]:
    """Adds or replaces tags."""
    arn = call.params["ResourceArn"]
    if not _own(arn):
        return call.forward()
    require_arn(call.server, arn)
    _refuse_versions(arn)
    with call.server.records.lock:
        tags = {
            **(call.server.records.get(KIND, arn) or {}),
            **{tag["Key"]: tag["Value"] for tag in call.params["Tags"]},
        }
        if len(tags) > MOST_TAGS:
            raise ServiceError("ResourceLimitExceeded", f"A resource has at most {MOST_TAGS} tags.")
        call.server.records.put(KIND, arn, tags)
    return {"Tags": _listed(tags)}


@operation("sagemaker", "ListTags")
def list_tags(call: Call) -> dict[str, Any]:
    """The tags of a resource, all on one page."""
    arn = call.params["ResourceArn"]
    if not _own(arn):
        return call.forward()
    require_arn(call.server, arn)
    return {"Tags": _listed(tags_of(call.server, arn))}


@operation("sagemaker", "DeleteTags")
def delete_tags(call: Call) -> dict[str, Any]:
    """Removes tags by their keys."""
    arn = call.params["ResourceArn"]
    if not _own(arn):
        return call.forward()
    require_arn(call.server, arn)
    _refuse_versions(arn)
    with call.server.records.lock:
        kept = {
            key: value
            for key, value in (call.server.records.get(KIND, arn) or {}).items()
            if key not in call.params["TagKeys"]
        }
        call.server.records.put(KIND, arn, kept)
    return {}
