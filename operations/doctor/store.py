"""What a state backend of the engine holds, read where it lies: a bucket of S3 or a folder.

The layout is the engine's (pkg/backend/diy/store.go, state.go and lock.go): `.pulumi/stacks/<project>/<stack>.json`,
whole or compressed, and one file a lock in `.pulumi/locks/organization/<project>/<stack>/`.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from local.pulumi_stack import PROJECT
from operations.doctor.subject import PATIENCE, code_of

GONE = ("NoSuchKey", "404")


class Store(Protocol):
    """A backend's files by their path below it."""

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        ...

    def names(self, folder: str) -> list[str]:
        """Paths of the files in a folder and below."""
        ...


@dataclass(frozen=True)
class Folder:
    """A file:// backend."""

    root: Path

    def read(self, path: str) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def names(self, folder: str) -> list[str]:
        return sorted(str(file.relative_to(self.root)) for file in (self.root / folder).rglob("*") if file.is_file())


@dataclass(frozen=True)
class Bucket:
    """An s3:// backend."""

    client: Any
    name: str
    prefix: str

    def read(self, path: str) -> bytes | None:
        try:
            return self.client.get_object(Bucket=self.name, Key=f"{self.prefix}{path}")["Body"].read()
        except ClientError as error:
            if code_of(error) in GONE:
                return None
            raise

    def names(self, folder: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=f"{self.prefix}{folder.rstrip('/')}/"
        )
        return [each["Key"].removeprefix(self.prefix) for page in pages for each in page.get("Contents", [])]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who works on a stack, as the engine wrote it down."""

    path: str
    user: str
    host: str
    pid: int
    since: str


def bucket_of(backend: str, session: Any) -> Bucket:
    """The bucket of an s3:// address, which may name a folder and its region."""
    parts = urlsplit(backend)
    region = parse_qs(parts.query).get("region", [session.region_name])[0]
    client = session.client("s3", region_name=region, config=PATIENCE)
    prefix = parts.path.strip("/")
    return Bucket(client, parts.netloc, f"{prefix}/" if prefix else "")


def folder_of(backend: str) -> Folder:
    """The folder of a file:// address; file://~ is the home folder."""
    parts = urlsplit(backend)
    return Folder(Path(f"{parts.netloc}{parts.path}").expanduser())


def stack_file(stack: str) -> str:
    """Where a stack's checkpoint is, when it is not compressed."""
    return f".pulumi/stacks/{PROJECT}/{stack}.json"


def checkpoint(store: Store, stack: str) -> dict[str, Any] | None:
    """What the engine wrote down of a stack; None for a stack that is not there.

    Raises ValueError for a file that is cut short.
    """
    path = stack_file(stack)
    kinds: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (("", bytes), (".gz", gzip.decompress))
    for suffix, unpack in kinds:
        content = store.read(f"{path}{suffix}")
        if content is not None:
            try:
                return json.loads(unpack(content))["checkpoint"].get("latest") or {}
            except (OSError, EOFError, KeyError, TypeError) as error:
                raise ValueError(str(error)) from None
    return None


def locks(store: Store, stack: str) -> list[Lock]:
    """Every lock of a stack."""
    found: list[Lock] = []
    for path in store.names(f".pulumi/locks/organization/{PROJECT}/{stack}"):
        if not path.endswith(".json"):
            continue
        try:
            told: dict[str, Any] = json.loads(store.read(path) or b"{}")
        except ValueError:
            told = {}
        found.append(
            Lock(
                path=path,
                user=str(told.get("username", "somebody")),
                host=str(told.get("hostname", "an unknown machine")),
                pid=int(told.get("pid", 0)),
                since=str(told.get("timestamp", ""))[:19],
            )
        )
    return found
