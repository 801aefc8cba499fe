"""What the CodeBuild overlays share: records by region and name, and their errors."""

import functools
from collections.abc import Callable
from typing import Any

from local.aws_server.operations import Call, Overlay, ServiceError, operation

PROJECT = "codebuild-project"
"""Kind of a project's record; the key is `region/name`."""
CREDENTIAL = "codebuild-credential"
"""Kind of a source credential's record; the key is `region/ARN`. It never holds the token."""
FORGES = ("GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET")
"""Source types that have webhooks (https://docs.aws.amazon.com/codebuild/latest/userguide/webhooks.html)."""


def codebuild_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers a CodeBuild overlay that has the records to itself while it runs."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        operation("codebuild", name)(alone)
        return overlay

    return register


def invalid(message: str) -> ServiceError:
    """A member whose value is not accepted."""
    return ServiceError("InvalidInputException", message)


def not_found(message: str) -> ServiceError:
    """There is no such resource."""
    return ServiceError("ResourceNotFoundException", message)


def exists(message: str) -> ServiceError:
    """There is one of this name already."""
    return ServiceError("ResourceAlreadyExistsException", message)


def project_key(call: Call, name_or_arn: str) -> str:
    """Key of a project's record, by its name or its ARN."""
    return f"{call.region}/{name_or_arn.rpartition(':project/')[2] or name_or_arn}"


def project_of(call: Call, name_or_arn: str) -> dict[str, Any]:
    """The project's record; raises ResourceNotFoundException."""
    record = call.server.records.get(PROJECT, project_key(call, name_or_arn))
    if record is None:
        raise not_found(f"Project cannot be found: {name_or_arn}")
    return record
