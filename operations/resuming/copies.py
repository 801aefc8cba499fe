"""Copies of a stack's state that the backend keeps, for one whose file is cut short.

The engine copies the file to `.bak` before each write, to `.pulumi/backups/` before each update and to
`.pulumi/history/` after it (pkg/backend/diy/state.go); a bucket with versions keeps every write.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.state_store import Bucket, Store, stack_file, unpacked

SUFFIXES = ("", ".gz", ".zst")
NEWEST = 20
"""Versions of a bucket that are looked at."""


@dataclass(frozen=True)
class Copy:
    """A copy that can be read. where: for people. document: the whole file. taken: when the engine wrote that state."""

    where: str
    document: dict[str, Any]
    taken: datetime

    @property
    def resources(self) -> int:
        """How many resources it has."""
        latest: dict[str, list[Any]] = self.document["checkpoint"].get("latest") or {}
        return len(latest.get("resources") or [])

    @property
    def content(self) -> bytes:
        """The file, not compressed."""
        return json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()


def newest_copy(store: Store, stack: str, project: str) -> Copy | None:
    """The newest that is whole; None where none is."""
    found = [copy for copies in _sources(store, stack, project) if (copy := next(copies, None)) is not None]
    return max(found, key=lambda copy: copy.taken, default=None)


def _sources(store: Store, stack: str, project: str) -> Iterator[Iterator[Copy]]:
    """The copies of each kind, newest first, and only those that can be read."""
    path = stack_file(stack, project)
    yield _readable(store, [f"{path}{suffix}.bak" for suffix in SUFFIXES])
    for folder, word in (("backups", ".json"), ("history", ".checkpoint.json")):
        endings = tuple(f"{word}{suffix}" for suffix in SUFFIXES)
        names = store.names(f".pulumi/{folder}/{project}/{stack}")
        # Their names end in the nanoseconds at which they were taken, of one length until the year 2286.
        yield _readable(store, sorted((name for name in names if name.endswith(endings)), reverse=True))
    if isinstance(store, Bucket):
        yield _versions(store, path)


def _readable(store: Store, paths: list[str]) -> Iterator[Copy]:
    for path in paths:
        content = store.read(path)
        if content is not None and (copy := parsed(path, content)) is not None:
            yield copy


def _versions(bucket: Bucket, path: str) -> Iterator[Copy]:
    listed = bucket.client.list_object_versions(Bucket=bucket.name, Prefix=f"{bucket.prefix}{path}", MaxKeys=NEWEST * 3)
    keys = {f"{bucket.prefix}{path}{suffix}" for suffix in SUFFIXES}
    versions = sorted(listed.get("Versions", []), key=lambda each: each["LastModified"], reverse=True)
    for each in [one for one in versions if one["Key"] in keys][:NEWEST]:
        read = bucket.client.get_object(Bucket=bucket.name, Key=each["Key"], VersionId=each["VersionId"])
        if (copy := parsed(f"version {each['VersionId']} of {each['Key']}", read["Body"].read())) is not None:
            yield copy


def parsed(where: str, content: bytes) -> Copy | None:
    """A copy from a file; None for one that is no whole state."""
    try:
        document: dict[str, Any] = json.loads(unpacked(content))
        taken = datetime.fromisoformat(str(document["checkpoint"]["latest"]["manifest"]["time"]))
    except (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError):
        return None
    return Copy(where, document, taken.astimezone())
