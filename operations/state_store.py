"""What a state backend of the engine holds, where it lies: a bucket of S3 or a folder.

The layout is the engine's (pkg/backend/diy/store.go and state.go): `.pulumi/stacks/<project>/<stack>.json`, whole or
compressed, and beside it what it was before, in `.pulumi/backups/` and `.pulumi/history/`.
"""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from local.pulumi_stack import PROJECT
from operations.calls import PATIENCE, code_of

GONE = ("NoSuchKey", "404")
GZIP, ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""The first bytes of a compressed file: sdk/go/common/encoding/marshal.go of the engine, RFC 1952 and RFC 8878."""


class Store(Protocol):
    """A backend's files by their path below it."""

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        ...

    def names(self, folder: str) -> list[str]:
        """Paths of the files in a folder and below."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Puts a file in the place of what is there, whole or not at all."""
        ...

    def delete(self, path: str) -> None:
        """Deletes a file; one that is not there is no error."""
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

    def write(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        half.write_bytes(content)
        half.replace(file)

    def delete(self, path: str) -> None:
        file = self.root / path
        file.unlink(missing_ok=True)
        # What the backend keeps beside each file where its address does not say `metadata=skip`.
        file.with_name(f"{file.name}.attrs").unlink(missing_ok=True)


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

    def write(self, path: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"{self.prefix}{path}", Body=content)

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"{self.prefix}{path}")


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


def store_of(backend: str, session: Callable[[], Any]) -> Store | None:
    """The files of a backend; None for one that keeps none, such as Pulumi Cloud.

    session: gives the boto3 session through which a bucket is reached; asked only for one.
    """
    match urlsplit(backend).scheme:
        case "s3":
            return bucket_of(backend, session())
        case "file":
            return folder_of(backend)
        case _:
            return None


def stack_file(stack: str, project: str = PROJECT) -> str:
    """Where a stack's checkpoint is, when it is not compressed."""
    return f".pulumi/stacks/{project}/{stack}.json"


def checkpoint(store: Store, stack: str, project: str = PROJECT) -> dict[str, Any] | None:
    """What the engine wrote down of a stack; None for a stack that is not there.

    Raises ValueError for a file that is cut short.
    """
    path = stack_file(stack, project)
    for suffix in ("", ".gz", ".zst"):
        content = store.read(f"{path}{suffix}")
        if content is not None:
            try:
                return json.loads(unpacked(content))["checkpoint"].get("latest") or {}
            except (OSError, EOFError, KeyError, TypeError) as error:
                raise ValueError(str(error)) from None
    return None


def unpacked(content: bytes) -> bytes:
    """A file of the backend, which the engine may have compressed: with gzip or, in newer ones, with Zstandard
    (PULUMI_DIY_BACKEND_GZIP, PULUMI_DIY_BACKEND_ZSTD). As to the engine, the first bytes say which, not the name.

    Raises ValueError, OSError or EOFError for one that is cut short.
    """
    if content.startswith(GZIP):
        return gzip.decompress(content)
    if content.startswith(ZSTANDARD):
        import zstandard

        try:
            return zstandard.ZstdDecompressor().decompressobj().decompress(content)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
    return content
