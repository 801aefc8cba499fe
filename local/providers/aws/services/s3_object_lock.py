"""A bucket's default retention."""

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource

_ENABLED = "Enabled"


def _put(context: Context) -> dict[str, object]:
    retention = ((context.new.get("rule") or {}).get("defaultRetention")) or {}
    lock: dict[str, object] = {"ObjectLockEnabled": _ENABLED}
    if retention:
        lock["Rule"] = {"DefaultRetention": {key: value for key, value in retention.items() if value is not None}}
    return context.call(
        "PutObjectLockConfiguration",
        {"Bucket": context.id or context.new["bucket"], "ObjectLockConfiguration": lock},
    )


OBJECT_LOCK = Resource(
    type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    service="s3",
    docs=page("bucketobjectlockconfiguration", "s3"),
    id="{bucket}",
    properties=(
        Property("bucket", required=True, replaces=REPLACES, path=""),
        Property("expectedBucketOwner", replaces=REPLACES, path=""),
        Property("objectLockEnabled", default=_ENABLED, replaces=REPLACES),
        Property(
            "rule",
            "block",
            fields=(
                Property(
                    "defaultRetention",
                    "block",
                    required=True,
                    fields=(Property("mode"), Property("days"), Property("years")),
                ),
            ),
        ),
    ),
    create=Function(_put),
    reads=(
        Read(
            "GetObjectLockConfiguration",
            {"Bucket": "$id"},
            "ObjectLockConfiguration",
            gone=("ObjectLockConfigurationNotFoundError", "NoSuchBucket"),
        ),
    ),
    updates=(Function(_put, on=("rule",)),),
    # A bucket's lock cannot be switched off; only its default retention goes.
    delete=(
        Call(
            "PutObjectLockConfiguration",
            {"Bucket": "$id", "ObjectLockConfiguration": {"ObjectLockEnabled": _ENABLED}},
            ignore=("NoSuchBucket", "ObjectLockConfigurationNotFoundError"),
        ),
    ),
    stable=(),
    unique=("bucket",),
)

TYPES = (OBJECT_LOCK,)
