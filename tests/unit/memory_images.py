"""A registry and CloudWatch Logs in memory, as far as a deployment asks them."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError


def digest_of(reference: str) -> str:
    """The digest that the registry below gives a tag."""
    return "sha256:" + hashlib.sha256(reference.encode()).hexdigest()


class MemoryRegistry:
    """Has every image that it is asked about, but those in `missing` (`NAME:TAG`)."""

    def __init__(self, *missing: str) -> None:
        self._missing = missing

    def describe_images(self, repositoryName: str, imageIds: list[dict[str, str]]) -> Any:  # noqa: N803
        (wanted,) = imageIds
        tag = wanted.get("imageTag", "")
        if f"{repositoryName.rpartition('/')[2]}:{tag}" in self._missing:
            error = {"Code": "ImageNotFoundException", "Message": "no such image"}
            raise ClientError({"Error": error}, "DescribeImages")
        detail = {
            "imageDigest": wanted.get("imageDigest") or digest_of(tag),
            "imageTags": [tag] if tag else [],
            "imagePushedAt": datetime(2026, 11, 21, tzinfo=UTC),
            "imageSizeInBytes": 1_000_000,
            "imageScanFindingsSummary": {"findingSeverityCounts": {}},
        }
        return {"imageDetails": [detail]}


class MemoryLogs:
    """Log groups and the days that they are kept."""

    def __init__(self) -> None:
        self.groups: dict[str, int | None] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.refuses = ""

    def create_log_group(self, logGroupName: str, tags: dict[str, str]) -> None:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": "no"}}, "CreateLogGroup")
        if logGroupName in self.groups:
            raise ClientError({"Error": {"Code": "ResourceAlreadyExistsException", "Message": "x"}}, "CreateLogGroup")
        self.groups[logGroupName] = None
        self.tags[logGroupName] = tags

    def put_retention_policy(self, logGroupName: str, retentionInDays: int) -> None:  # noqa: N803
        self.groups[logGroupName] = retentionInDays
