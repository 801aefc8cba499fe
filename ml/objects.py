"""Copying objects within S3, and removing them."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import no_such_object
from ml.errors import MlError, NotFoundError

LARGEST_COPY = 5 * 1024**3
"""Bytes that one CopyObject takes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
MOST_REMOVED = 1000
"""Objects that DeleteObjects takes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


def copy_object(s3: Any, source: str, target: str) -> None:
    """Copy an object. source, target: `s3://bucket/key`. Raises MlError for one that is too large or not there."""
    bucket, _, key = source.removeprefix("s3://").partition("/")
    to_bucket, _, to_key = target.removeprefix("s3://").partition("/")
    try:
        size = int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if no_such_object(error):
            raise NotFoundError(f"{source} is not there any more.") from error
        raise
    if size > LARGEST_COPY:
        raise MlError(f"{source} has {size} bytes; a copy of S3 takes {LARGEST_COPY}.")
    s3.copy_object(Bucket=to_bucket, Key=to_key, CopySource={"Bucket": bucket, "Key": key})


def remove_objects(s3: Any, bucket: str, keys: Iterable[str]) -> None:
    """Remove objects, as many at once as S3 takes. Raises MlError for one that S3 keeps."""
    named = [{"Key": key} for key in sorted(keys)]
    for start in range(0, len(named), MOST_REMOVED):
        some = {"Objects": named[start : start + MOST_REMOVED], "Quiet": True}
        answer: Mapping[str, Any] = s3.delete_objects(Bucket=bucket, Delete=some)
        for error in answer.get("Errors", ()):
            raise MlError(f"s3://{bucket}/{error.get('Key')} stays: {error.get('Message')}")
