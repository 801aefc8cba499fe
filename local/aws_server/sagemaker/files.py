"""Moving files between a container's folder and S3."""

import json
import math
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane, s3_location

PART_BYTES = 32 << 20
"""Objects move in pieces of this size, so that memory holds one piece and not the object."""


class DataError(Exception):
    """Data could not be moved; the message is what FailureReason says."""


class Bucket:
    """S3 as one caller sees it."""

    def __init__(self, plane: Plane, region: str, access_key_id: str | None) -> None:
        self._plane = plane
        self._options: dict[str, Any] = {"region": region, "access_key_id": access_key_id}

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """An S3 operation; raises ServiceError."""
        return self._plane.call("s3", operation, params, **self._options)

    def keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        """(key, size, ETag) of every object under a prefix."""
        request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        while True:
            page = self.call("ListObjectsV2", request)
            for item in page.get("Contents", []):
                yield item["Key"], int(item["Size"]), item.get("ETag", "")
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def exists(self, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.call("HeadObject", {"Bucket": bucket, "Key": key})
        except ServiceError as error:
            if error.status in (403, 404) or error.code in ("404", "NoSuchKey", "NoSuchBucket", "NotFound", "403"):
                return False
            raise
        return True

    def download(self, bucket: str, key: str, size: int, target: Path) -> None:
        """One object into a file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            if size <= PART_BYTES:
                file.write(self.call("GetObject", {"Bucket": bucket, "Key": key})["Body"])
                return
            for start in range(0, size, PART_BYTES):
                span = f"bytes={start}-{min(start + PART_BYTES, size) - 1}"
                file.write(self.call("GetObject", {"Bucket": bucket, "Key": key, "Range": span})["Body"])

    def fetch(self, uri: str, target: Path) -> None:
        """The object of an S3 URI into a file; raises DataError where there is none."""
        bucket, key = s3_location(uri)
        try:
            size = int(self.call("HeadObject", {"Bucket": bucket, "Key": key})["ContentLength"])
            self.download(bucket, key, size, target)
        except ServiceError as error:
            raise DataError(f"Could not find {uri}: {error.code}") from error

    def upload(self, source: Path, bucket: str, key: str, kms_key_id: str | None = None) -> None:
        """A file into one object."""
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        where = {"Bucket": bucket, "Key": key}
        size = source.stat().st_size
        with source.open("rb") as file:
            if size <= PART_BYTES:
                self.call("PutObject", {**where, "Body": file.read(), **extra})
                return
            upload_id = self.call("CreateMultipartUpload", {**where, **extra})["UploadId"]
            parts: list[dict[str, Any]] = []
            for number in range(1, math.ceil(size / PART_BYTES) + 1):
                part = {**where, "UploadId": upload_id, "PartNumber": number, "Body": file.read(PART_BYTES)}
                parts.append({"PartNumber": number, "ETag": self.call("UploadPart", part)["ETag"]})
            self.call("CompleteMultipartUpload", {**where, "UploadId": upload_id, "MultipartUpload": {"Parts": parts}})


def download_prefix(bucket: Bucket, uri: str, target: Path, shard: tuple[int, int] = (0, 1)) -> int:
    """What lies under an S3 URI into a folder, with the names that File mode gives; returns the number of files.

    uri: a prefix, or the key of one object. shard: (index, count) of the host that gets every count-th object.
    """
    name, prefix = s3_location(uri)
    count = 0
    for number, (key, size, _) in enumerate(bucket.keys(name, prefix)):
        relative = relative_name(key, prefix)
        if not relative or key.endswith("/"):
            continue
        count += 1
        if number % shard[1] == shard[0]:
            bucket.download(name, key, size, inside(target, relative))
    return count


def relative_name(key: str, prefix: str) -> str:
    """Where an object of a prefix lies in the channel's folder.

    A prefix ends at a `/` or at the end of a key; cut anywhere else, names keep the whole of their last folder.
    """
    rest = key[len(prefix) :]
    if prefix.endswith("/") or not prefix or rest.startswith("/"):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def download_source(bucket: Bucket, source: Mapping[str, Any], target: Path, rank: int, hosts: int) -> int:
    """What a channel or an input names, into a folder; returns the number of files.

    source: S3DataSource of a channel, or S3Input of a processing job's input. rank, hosts: which host of how many.
    """
    if source["S3DataType"] != "S3Prefix":
        return download_manifest(bucket, source["S3Uri"], target)
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    return download_prefix(bucket, source["S3Uri"], target, (rank, hosts) if sharded else (0, 1))


def download_manifest(bucket: Bucket, uri: str, target: Path) -> int:
    """The objects that a manifest file lists: `[{"prefix": "s3://b/p/"}, "name", …]`."""
    name, key = s3_location(uri)
    try:
        entries: Any = json.loads(bucket.call("GetObject", {"Bucket": name, "Key": key})["Body"])
        prefix = entries[0]["prefix"]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"ClientError: The manifest {uri} is not a list that starts with a prefix: {error!r}"
        ) from error
    for entry in entries[1:]:
        bucket.fetch(prefix + entry, inside(target, entry))
    return len(entries) - 1


def inside(folder: Path, name: str) -> Path:
    """`folder/name`. Raises DataError for a name that leads out of the folder."""
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder):
        raise DataError(f"ClientError: The object name {name!r} leads out of its channel.")
    return path


def pack(folder: Path, archive: Path) -> bool:
    """A folder's contents as a tar.gz; False, and no file, where the folder is empty."""
    if not any(folder.iterdir()):
        return False
    # Level 1: models hardly compress, and a higher level takes many times as long.
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, arcname=entry.name)
    return True


def unpack(archive: Path, folder: Path) -> None:
    """A tar.gz (or tar) into a folder; raises DataError for a file that is none or that leads out of the folder."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive.name} is not a tar archive that can be unpacked: {error}") from error


def upload_folder(
    bucket: Bucket,
    folder: Path,
    uri: str,
    kms_key_id: str | None = None,
    known: dict[str, int] | None = None,
    *,
    follow_links: bool = True,
) -> int:
    """Every file of a folder under a prefix; returns how many were sent.

    known: path to modification time (ns) of what was sent already; kept up to date. follow_links: whether a symbolic
        link to a file is sent as that file, or left out.
    """
    name, prefix = s3_location(uri)
    sent = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or (path.is_symlink() and not follow_links):
            continue
        relative = path.relative_to(folder).as_posix()
        changed = path.stat().st_mtime_ns
        if known is not None and known.get(relative) == changed:
            continue
        bucket.upload(path, name, f"{prefix.rstrip('/')}/{relative}".lstrip("/"), kms_key_id)
        sent += 1
        if known is not None:
            known[relative] = changed
    return sent


def console_link(region: str, group: str) -> str:
    """The address of a log group that SageMaker's messages carry."""
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group={quote(group, safe='/')}"
    )
