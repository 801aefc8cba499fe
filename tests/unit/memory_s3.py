"""An S3 that keeps objects and their versions in memory, as `ml`'s records need one, and an environment around it."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from ml.aws import Clients
from ml.environment import Environment

START = datetime(2026, 11, 21, tzinfo=UTC)
CALLER = "arn:aws:sts::123456789012:assumed-role/research-submit/ada"


@dataclass
class Version:
    body: bytes
    modified: datetime
    deleted: bool = False


@dataclass
class MemoryS3:
    """Objects by bucket and key, each a list of versions. Every write takes a second of its clock."""

    objects: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def _current(self, bucket: str, key: str) -> Version | None:
        versions = self.objects.get((bucket, key), [])
        return versions[-1] if versions and not versions[-1].deleted else None

    def _add(self, bucket: str, key: str, version: Version) -> None:
        self.objects.setdefault((bucket, key), []).append(version)

    def _now(self) -> datetime:
        return START + timedelta(seconds=len(self.writes))

    def put_object(self, *, Bucket: str, Key: str, Body: Any, IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803
        if IfNoneMatch and self._current(Bucket, Key) is not None:
            raise refusal("PreconditionFailed", 412, "PutObject")
        self.writes.append(f"PutObject {Key}")
        self._add(Bucket, Key, Version(Body if isinstance(Body, bytes) else Body.read(), self._now()))

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        version = self._current(Bucket, Key)
        if version is None:
            raise refusal("NoSuchKey", 404, "GetObject")
        return {"Body": io.BytesIO(version.body)}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.writes.append(f"DeleteObject {Key}")
        self._add(Bucket, Key, Version(b"", self._now(), deleted=True))

    def delete_objects(self, *, Bucket: str, Delete: Any) -> Any:  # noqa: N803
        for one in Delete["Objects"]:
            self.delete_object(Bucket=Bucket, Key=one["Key"])
        return {}

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        version = self._current(Bucket, Key)
        if version is None:
            raise refusal("404", 404, "HeadObject")
        return {"ContentLength": len(version.body)}

    def copy_object(self, *, Bucket: str, Key: str, CopySource: Any) -> None:  # noqa: N803
        body = self.get_object(Bucket=CopySource["Bucket"], Key=CopySource["Key"])["Body"]
        self.put_object(Bucket=Bucket, Key=Key, Body=body)

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", MaxKeys: int = 1000, **call: Any) -> Any:  # noqa: N803
        after = max(call.get("ContinuationToken", ""), call.get("StartAfter", ""))
        keys = sorted(
            key
            for bucket, key in self.objects
            if bucket == Bucket and key.startswith(Prefix) and key > after and self._current(bucket, key)
        )
        if end := call.get("Delimiter"):
            folders = {key[: key.index(end, len(Prefix)) + 1] for key in keys if end in key[len(Prefix) :]}
            return {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}
        page = [(key, cast(Version, self._current(Bucket, key))) for key in keys[:MaxKeys]]
        contents = [{"Key": key, "LastModified": one.modified, "Size": len(one.body)} for key, one in page]
        more = {"IsTruncated": True, "NextContinuationToken": page[-1][0]} if len(keys) > MaxKeys else {}
        return {"Contents": contents, **more}

    def get_paginator(self, _: str) -> Any:
        """Of list_objects_v2, the one that is asked for."""
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **request: Any) -> Iterator[Any]:
        answer = self.list_objects_v2(**request)
        yield answer
        while answer.get("IsTruncated"):
            answer = self.list_objects_v2(**request, ContinuationToken=answer["NextContinuationToken"])
            yield answer

    def list_object_versions(self, *, Bucket: str, Prefix: str = "", **_: Any) -> Any:  # noqa: N803
        answer: dict[str, list[Any]] = {"Versions": [], "DeleteMarkers": []}
        for (bucket, key), versions in sorted(self.objects.items()):
            if bucket == Bucket and key.startswith(Prefix):
                for version in versions:
                    entry = {"Key": key, "LastModified": version.modified, "IsLatest": version is versions[-1]}
                    answer["DeleteMarkers" if version.deleted else "Versions"].append(entry)
        return answer

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys of the objects that are there."""
        return [entry["Key"] for entry in self.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]

    def replace(self, bucket: str, key: str, body: bytes | None) -> None:
        """Put other bytes in an object's place, or nothing, and leave no trace of it."""
        if body is None:
            del self.objects[bucket, key]
        else:
            self.objects[bucket, key] = [Version(body, self.objects[bucket, key][-1].modified)]


def refusal(code: str, status: int, operation: str) -> ClientError:
    """An error as AWS answers it."""
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)


def environment(services: Mapping[str, Any] | None = None, *, name: str = "dev") -> Environment:
    """An environment whose clients are these; S3 is a MemoryS3 where none is given."""
    clients = {"s3": MemoryS3(), **(services or {})}
    stand_in = SimpleNamespace(client=lambda service: clients[service], caller_arn=CALLER, region="eu-west-1")
    return Environment(name=name, profile=None, clients=cast(Clients, stand_in))
