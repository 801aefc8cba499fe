"""Buckets themselves; what is configured on them is in s3_settings."""

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

GONE = ("NoSuchBucket",)


def _create(context: Context) -> dict[str, str]:
    params: dict[str, object] = {"Bucket": context.new["bucket"]}
    if context.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
    if context.new.get("objectLockEnabled"):
        params["ObjectLockEnabledForBucket"] = True
    return context.call("CreateBucket", params)


def _empty_if_asked(context: Context) -> None:
    """`forceDestroy`: every version of every object goes before the bucket does."""
    if not context.value("forceDestroy"):
        return
    while True:
        try:
            answer = context.call("ListObjectVersions", {"Bucket": context.id, "MaxKeys": 1000})
        except AwsError as error:
            if error.code in GONE:
                return
            raise
        found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        if not found:
            return
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        context.call("DeleteObjects", {"Bucket": context.id, "Delete": {"Objects": objects, "Quiet": True}})


BUCKET = Resource(
    type="aws:s3/bucket:Bucket",
    service="s3",
    docs=page("bucket", "s3"),
    id="{bucket}",
    properties=(
        Property("bucket", replaces=REPLACES, autoname=63),
        Property("forceDestroy", default=False, path=""),
        Property("objectLockEnabled", default=False, replaces=REPLACES, path="lock.ObjectLockEnabled == 'Enabled'"),
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(
        Read("GetBucketLocation", {"Bucket": "$id"}, gone=GONE),
        Read("GetBucketTagging", {"Bucket": "$id"}, "TagSet", into="tags", gone=("NoSuchTagSet",)),
        Read(
            "GetObjectLockConfiguration",
            {"Bucket": "$id"},
            "ObjectLockConfiguration",
            into="lock",
            gone=("ObjectLockConfigurationNotFoundError",),
        ),
    ),
    delete=(Function(_empty_if_asked), Call("DeleteBucket", {"Bucket": "$id"}, ignore=GONE)),
    derived={
        "arn": "arn:{partition}:s3:::{id}",
        "bucketDomainName": "{id}.s3.amazonaws.com",
        "bucketRegionalDomainName": "{id}.s3.{region}.amazonaws.com",
        "bucketRegion": "{region}",
    },
    stable=("arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion"),
    tagging=Tagging(
        member="",
        style="pairs",
        path="tags",
        add=Call("PutBucketTagging", {"Bucket": "$id", "Tagging": {"TagSet": "$tags"}}),
        remove=Call("DeleteBucketTagging", {"Bucket": "$id"}),
        whole=True,
    ),
    unique=("bucket",),
)

TYPES = (BUCKET,)
