"""S3: what moto would take for a bucket's creation and lose is refused instead."""

from typing import Any

from local.aws_server.moto_bridge import not_implemented
from local.aws_server.moto_fixes import bucket_policies
from local.aws_server.operations import Call, operation

__all__ = ["bucket_policies"]

_KINDS = ("IntelligentTiering", "Metrics", "Analytics")
_LOST = (
    *(f"{verb}Bucket{what}Configuration" for what in _KINDS for verb in ("Put", "Get", "Delete")),
    *(f"ListBucket{what}Configurations" for what in _KINDS),
    *(f"{verb}BucketMetadata{what}Configuration" for what in ("", "Table") for verb in ("Create", "Get", "Delete")),
    *("GetBucketAbac", "PutBucketAbac"),
)
"""To moto, the Put of one of these is CreateBucket, and the Delete is DeleteBucket."""


def _refuse(call: Call) -> dict[str, Any]:
    raise not_implemented("s3", call.operation)


for _name in _LOST:
    operation("s3", _name)(_refuse)
