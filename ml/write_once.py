"""Objects in S3 that are written once and never changed: what the ledger and the audit log are made of.

Every write is conditional (`If-None-Match: *`): S3 itself refuses the second writer of a key, with 412, or with 409
where both are at it at once (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details

CONFLICT_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Before each new attempt at a key that somebody else is writing at this moment."""
READERS = 8
"""Objects that are read at a time; a botocore client keeps ten connections."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object as S3 lists it. key: relative to the prefix. modified: by S3's own clock. size: in bytes."""

    key: str
    modified: datetime
    size: int


@dataclass(frozen=True, kw_only=True)
class Tampering:
    """What is not there any more of an object: an older version, or a deletion. key: relative to the prefix."""

    key: str
    deleted: bool
    at: datetime


class WriteOnce:
    """Objects under one prefix.

    s3: a client. uri: `s3://bucket/prefix`, without a slash at its end. Keys are relative to it.
    """

    def __init__(self, s3: Any, uri: str):
        self._s3 = s3
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def uri(self) -> str:
        """The prefix, with a slash at its end."""
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, key: str, body: bytes) -> bool:
        """Write an object that is not there. Whether it is there now with this content.

        False: somebody else's has the key. True also where this very content is there: the client tries again when an
        answer is lost on the way, and is then told that its own first attempt has taken the key.
        """
        for pause in (*CONFLICT_PAUSES_S, None):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    IfNoneMatch="*",
                    ContentType="application/json",
                )
            except ClientError as error:
                code = error_details(error).code
                if code == "PreconditionFailed":
                    return self.get(key) == body
                if code == "ConditionalRequestConflict" and pause is not None:
                    time.sleep(pause)
                    continue
                raise
            return True
        raise AssertionError("the last attempt returns or raises")

    def get(self, key: str) -> bytes:
        """An object's content. Raises botocore's ClientError where it is not there."""
        return self._s3.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()

    def get_all(self, keys: Sequence[str]) -> list[bytes]:
        """The contents of many objects, in the order of their keys."""
        if len(keys) < 2:
            return [self.get(key) for key in keys]
        with ThreadPoolExecutor(min(READERS, len(keys))) as readers:
            return list(readers.map(self.get, keys))

    def listing(self, under: str = "", *, most: int | None = None) -> Iterator[Stored]:
        """Objects whose key begins with `under`, in the order of their keys. most: how many at most."""
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix + under}
        if most is not None:
            request["MaxKeys"] = min(most, 1000)
        count = 0
        while True:
            answer = self._s3.list_objects_v2(**request)
            for entry in answer.get("Contents", []):
                if most is not None and count >= most:
                    return
                count += 1
                yield Stored(
                    key=entry["Key"].removeprefix(self._prefix), modified=entry["LastModified"], size=entry["Size"]
                )
            if not answer.get("IsTruncated") or (most is not None and count >= most):
                return
            request["ContinuationToken"] = answer["NextContinuationToken"]

    def tampering(self, under: str = "") -> list[Tampering]:
        """Older versions and deletions of objects: of what is written once, there is none.

        Raises botocore's ClientError where the caller may not list versions.
        """
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix + under}
        found: list[Tampering] = []
        while True:
            answer = self._s3.list_object_versions(**request)
            for deleted, entries in (
                (True, answer.get("DeleteMarkers", [])),
                (False, [entry for entry in answer.get("Versions", []) if not entry["IsLatest"]]),
            ):
                found += [
                    Tampering(key=entry["Key"].removeprefix(self._prefix), deleted=deleted, at=entry["LastModified"])
                    for entry in entries
                ]
            if not answer.get("IsTruncated"):
                return found
            request["KeyMarker"] = answer["NextKeyMarker"]
            request["VersionIdMarker"] = answer["NextVersionIdMarker"]
