"""The version of a data set: a digest of what is in it, so that the same content has the same version everywhere.

A version is the SHA-256 over the names and SHA-256 of all files (ml/data/content.py). Of an object whose SHA-256 S3 has
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html) the content is not read; of all
others it is read once, and the digest kept in the cache folder under the object's ETag and version.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import cache_folder, error_details
from ml.data.content import version_of
from ml.environment import Environment, readable_errors
from ml.errors import NotFoundError, SpecError
from ml.packaging.inputs import read_input
from ml.spec import JobSpec
from platform_contract import Team

_BLOCK = 1024 * 1024
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class ObjectVersion:
    """One object. name: as a job finds it in the channel's folder. version_id: S3's, None in a bucket without."""

    name: str
    size_bytes: int
    sha256: str
    version_id: str | None


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """What lies under a prefix. digest: the version."""

    uri: str
    digest: str
    objects: tuple[ObjectVersion, ...]

    @property
    def size_bytes(self) -> int:
        """Of all objects together."""
        return sum(one.size_bytes for one in self.objects)

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return {
            "uri": self.uri,
            "version": self.digest,
            "files": len(self.objects),
            "size_bytes": self.size_bytes,
            "objects": [asdict(one) for one in self.objects],
        }


def data_version(environment: Environment, uri: str) -> DataVersion:
    """The version of every object whose key begins with an S3 URI, as SageMaker reads a channel.

    Raises NotFoundError where there is none, EnvironmentNotReadyError where the caller may not look.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    with readable_errors(environment):
        s3 = environment.clients.client("s3")
        try:
            listed = [one for one in _listing(s3, bucket, prefix) if relative_name(one["Key"], prefix)]
        except ClientError as error:
            if error_details(error).code == "NoSuchBucket":
                raise NotFoundError(f"There is no bucket {bucket!r} ({uri}).") from error
            raise
        if not listed:
            raise NotFoundError(f"Nothing lies at {uri}.")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            objects = tuple(pool.map(partial(_object, s3, bucket, prefix), listed))
    digest = version_of({one.name: one.sha256 for one in objects})
    return DataVersion(uri=uri, digest=digest, objects=objects)


def input_version(environment: Environment, team: Team, source: str, folder: Path) -> DataVersion:
    """The version of an input as a spec names it: a path on this machine, an S3 URI, or a path of the team's data.

    folder: what a path is relative to.
    """
    if source.startswith("s3://"):
        return data_version(environment, source)
    if source.startswith(("./", "../", "/")):
        return local_version(folder / source)
    return data_version(environment, f"{team.data_uri}/{source.lstrip('/')}")


def local_version(path: Path) -> DataVersion:
    """The version of a file or folder on this machine. Raises SpecError where there is none."""
    if not path.exists():
        raise SpecError(f"{path}: no such file or folder")
    local = read_input(path)
    objects = tuple(
        ObjectVersion(name=file.name, size_bytes=file.path.stat().st_size, sha256=file.digest, version_id=None)
        for file in local.files
    )
    return DataVersion(uri=path.as_posix(), digest=local.digest, objects=objects)


def spec_versions(environment: Environment, team: Team, spec: JobSpec, folder: Path) -> dict[str, DataVersion]:
    """The version of each of a spec's inputs."""
    return {name: input_version(environment, team, channel.source, folder) for name, channel in spec.inputs.items()}


def relative_name(key: str, prefix: str) -> str:
    """Where an object lies in the folder of a channel with this prefix; nothing for what is only a folder's mark.

    A prefix that ends within a name keeps the whole of the name.
    """
    if key.endswith("/"):
        return ""
    rest = key[len(prefix) :]
    if not rest:
        return key.rsplit("/", 1)[-1]
    if prefix.endswith("/") or not prefix or rest.startswith("/"):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _listing(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _object(s3: Any, bucket: str, prefix: str, listed: Mapping[str, Any]) -> ObjectVersion:
    key = str(listed["Key"])
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    version = head.get("VersionId")
    return ObjectVersion(
        name=relative_name(key, prefix),
        size_bytes=int(head["ContentLength"]),
        sha256=_checksum(head) or _read_once(s3, bucket, key, str(head["ETag"]), version),
        version_id=version,
    )


def _checksum(head: Mapping[str, Any]) -> str | None:
    """The SHA-256 that S3 has of the whole object, in hex. One of an upload in parts is a digest of digests."""
    checksum = head.get("ChecksumSHA256")
    if not checksum or head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT" or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _read_once(s3: Any, bucket: str, key: str, etag: str, version: str | None) -> str:
    identity = hashlib.sha256(json.dumps([bucket, key, etag, version]).encode()).hexdigest()
    kept = cache_folder() / "data-digests" / identity[:2] / identity
    # Without versions an ETag alone tells contents apart, and one of an encrypted object need not: it is read again.
    if version and kept.is_file():
        return kept.read_text()
    digest = hashlib.sha256()
    request = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    body: Any = s3.get_object(**request)["Body"]
    while block := body.read(_BLOCK):
        digest.update(block)
    if version:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(digest.hexdigest())
        except OSError:  # a machine without a place for it reads again
            pass
    return digest.hexdigest()
