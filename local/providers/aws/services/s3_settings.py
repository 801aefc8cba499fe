"""What is configured on a bucket, each as a resource of its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource

_NO_BUCKET = ("NoSuchBucket",)
_BUCKET = Property("bucket", required=True, replaces=REPLACES, path="")
_OWNER = Property("expectedBucketOwner", replaces=REPLACES, path="")


def _setting(
    name: str, properties: tuple[Property, ...], put: Call | Function, get: Read, remove: Call, *, owner: bool = True
) -> Resource:
    """A setting that is written, changed and taken away as a whole."""
    changing = tuple(prop.name for prop in properties)
    again: Call | Function = (
        Call(put.operation, put.params, on=changing) if isinstance(put, Call) else Function(put.run, on=changing)
    )
    return Resource(
        type=f"aws:s3/{name[0].lower()}{name[1:]}:{name}",
        service="s3",
        docs=page(name.lower(), "s3"),
        id="{bucket}",
        properties=(_BUCKET, *((_OWNER,) if owner else ()), *properties),
        create=put,
        reads=(get,),
        updates=(again,),
        delete=(remove,),
        stable=(),
        unique=("bucket",),
    )


VERSIONING = _setting(
    "BucketVersioning",
    (
        Property(
            "versioningConfiguration",
            "block",
            required=True,
            path="@",
            fields=(Property("status", required=True), Property("mfaDelete", computed=True, path="MFADelete")),
        ),
    ),
    Call(
        "PutBucketVersioning",
        {"Bucket": "$bucket", "VersioningConfiguration": {"Status": "$versioningConfiguration.status"}},
    ),
    Read("GetBucketVersioning", {"Bucket": "$id"}, "[@][?Status] | [0]", gone=_NO_BUCKET),
    Call(
        "PutBucketVersioning",
        {"Bucket": "$id", "VersioningConfiguration": {"Status": "Suspended"}},
        ignore=_NO_BUCKET,
    ),
)

ENCRYPTION = _setting(
    "BucketServerSideEncryptionConfiguration",
    (
        Property(
            "rules",
            "blocks",
            required=True,
            path="ServerSideEncryptionConfiguration.Rules",
            fields=(
                Property(
                    "applyServerSideEncryptionByDefault",
                    "block",
                    fields=(
                        Property("sseAlgorithm", required=True),
                        Property("kmsMasterKeyId"),
                    ),
                ),
                Property("bucketKeyEnabled", default=False),
            ),
        ),
    ),
    Call("PutBucketEncryption", {"Bucket": "$bucket", "ServerSideEncryptionConfiguration": {"Rules": "$rules"}}),
    Read(
        "GetBucketEncryption",
        {"Bucket": "$id"},
        gone=("ServerSideEncryptionConfigurationNotFoundError", *_NO_BUCKET),
    ),
    Call("DeleteBucketEncryption", {"Bucket": "$id"}, ignore=_NO_BUCKET),
)

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

PUBLIC_ACCESS_BLOCK = _setting(
    "BucketPublicAccessBlock",
    tuple(
        Property(name, default=False, path=f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}")
        for name in _BLOCKS
    ),
    Call(
        "PutPublicAccessBlock",
        {
            "Bucket": "$bucket",
            "PublicAccessBlockConfiguration": {f"{name[0].upper()}{name[1:]}": f"${name}" for name in _BLOCKS},
        },
    ),
    Read("GetPublicAccessBlock", {"Bucket": "$id"}, gone=("NoSuchPublicAccessBlockConfiguration", *_NO_BUCKET)),
    Call("DeletePublicAccessBlock", {"Bucket": "$id"}, ignore=_NO_BUCKET),
    owner=False,
)

OWNERSHIP = _setting(
    "BucketOwnershipControls",
    (
        Property(
            "rule",
            "block",
            required=True,
            path="OwnershipControls.Rules[0]",
            fields=(Property("objectOwnership", required=True),),
        ),
    ),
    Call("PutBucketOwnershipControls", {"Bucket": "$bucket", "OwnershipControls": {"Rules": ["$rule"]}}),
    Read("GetBucketOwnershipControls", {"Bucket": "$id"}, gone=("OwnershipControlsNotFoundError", *_NO_BUCKET)),
    Call("DeleteBucketOwnershipControls", {"Bucket": "$id"}, ignore=("OwnershipControlsNotFoundError", *_NO_BUCKET)),
    owner=False,
)

POLICY = _setting(
    "BucketPolicy",
    (Property("policy", "json", required=True),),
    Call("PutBucketPolicy", {"Bucket": "$bucket", "Policy": "$policy"}),
    Read("GetBucketPolicy", {"Bucket": "$id"}, gone=("NoSuchBucketPolicy", *_NO_BUCKET)),
    Call("DeleteBucketPolicy", {"Bucket": "$id"}, ignore=_NO_BUCKET),
    owner=False,
)

LOGGING = _setting(
    "BucketLogging",
    (
        Property("targetBucket", required=True),
        Property("targetPrefix", required=True),
    ),
    Call(
        "PutBucketLogging",
        {
            "Bucket": "$bucket",
            "BucketLoggingStatus": {
                "LoggingEnabled": {"TargetBucket": "$targetBucket", "TargetPrefix": "$targetPrefix"}
            },
        },
    ),
    Read("GetBucketLogging", {"Bucket": "$id"}, "LoggingEnabled", gone=_NO_BUCKET),
    Call("PutBucketLogging", {"Bucket": "$id", "BucketLoggingStatus": {}}, ignore=_NO_BUCKET),
)


def _put_lifecycle(context: Context) -> None:
    rules = [_lifecycle_rule(rule) for rule in context.new.get("rules") or []]
    context.call(
        "PutBucketLifecycleConfiguration",
        {"Bucket": context.new["bucket"], "LifecycleConfiguration": {"Rules": rules}},
    )


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as S3 takes it: every rule has a filter (an empty one for the whole bucket), tags are a list."""
    result = dict(rule)
    chosen = dict(rule.get("filter") or {})
    if isinstance(chosen.get("and"), Mapping):
        both = dict(chosen["and"])
        if isinstance(both.get("tags"), Mapping):
            both["tags"] = [{"Key": key, "Value": value} for key, value in both["tags"].items()]
        chosen["and"] = both
    if "prefix" not in result:
        result["filter"] = chosen or {"prefix": ""}
    return result


def _tags_as_map(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    for rule in actual.get("rules") or []:
        both = (rule.get("filter") or {}).get("and")
        if both and isinstance(both.get("tags"), list):
            both["tags"] = {each["Key"]: each["Value"] for each in both["tags"]}


_SIZES = (Property("objectSizeGreaterThan"), Property("objectSizeLessThan"))
_LIFECYCLE_RULE = (
    Property("id", required=True, path="ID"),
    Property("status", required=True),
    Property("prefix"),
    Property(
        "filter",
        "block",
        computed=True,
        fields=(
            Property("prefix"),
            *_SIZES,
            Property("tag", "block", fields=(Property("key", required=True), Property("value", required=True))),
            Property("and", "block", fields=(Property("prefix"), *_SIZES, Property("tags", "map"))),
        ),
    ),
    Property(
        "expiration",
        "block",
        fields=(Property("days"), Property("date"), Property("expiredObjectDeleteMarker", computed=True)),
    ),
    Property(
        "transitions",
        "blockset",
        fields=(Property("days"), Property("date"), Property("storageClass", required=True)),
    ),
    Property(
        "noncurrentVersionExpiration",
        "block",
        fields=(Property("noncurrentDays"), Property("newerNoncurrentVersions")),
    ),
    Property(
        "noncurrentVersionTransitions",
        "blockset",
        fields=(
            Property("noncurrentDays"),
            Property("newerNoncurrentVersions"),
            Property("storageClass", required=True),
        ),
    ),
    Property("abortIncompleteMultipartUpload", "block", fields=(Property("daysAfterInitiation"),)),
)

_LIFECYCLE = _setting(
    "BucketLifecycleConfiguration",
    (Property("rules", "blocks", fields=_LIFECYCLE_RULE),),
    Function(_put_lifecycle),
    Read("GetBucketLifecycleConfiguration", {"Bucket": "$id"}, gone=("NoSuchLifecycleConfiguration", *_NO_BUCKET)),
    Call("DeleteBucketLifecycle", {"Bucket": "$id"}, ignore=_NO_BUCKET),
)
LIFECYCLE = replace(_LIFECYCLE, shape=_tags_as_map)

TYPES = (VERSIONING, ENCRYPTION, PUBLIC_ACCESS_BLOCK, OWNERSHIP, POLICY, LOGGING, LIFECYCLE)
