"""What a job needs in S3: uploaded once, under the digest of its content."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.packaging.helpers import FILE_NAME as HELPERS
from ml.packaging.inputs import LocalInput, read_input
from ml.packaging.source import SourcePackage

SINGLE_PUT_BYTES = 64 * 1024 * 1024
"""Files above this go up in parts, which needs boto3's transfer manager and its import time."""


class Uploads:
    """Uploads under one team's artifact prefix.

    artifact_uri: the prefix, without a slash at its end. profile: AWS profile, for the transfer manager.
    """

    def __init__(self, s3: Any, artifact_uri: str, profile: str | None):
        self._s3 = s3
        self._profile = profile
        self._bucket, _, prefix = artifact_uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def has_source(self, package: SourcePackage) -> bool:
        """Whether the code is there already."""
        return self._exists(f"{self._prefix}code/{package.digest}/source.tar.gz")

    def has_input(self, local: LocalInput) -> bool:
        """Whether a local input is there already."""
        return self._exists(f"{self._prefix}inputs/{local.digest}.json")

    def source(self, package: SourcePackage) -> str:
        """URI of the folder with the code and the driver. The archive goes last: where it is, the rest is too."""
        folder = f"{self._prefix}code/{package.digest}"
        if not self._exists(f"{folder}/source.tar.gz"):
            self._put(f"{folder}/driver.py", package.driver)
            self._put(f"{folder}/{HELPERS}", package.helpers)
            self._put(f"{folder}/source.tar.gz", package.archive)
        return f"s3://{self._bucket}/{folder}/"

    def local_input(self, source: Path | LocalInput) -> str:
        """URI of the folder with the files of a local input."""
        local = source if isinstance(source, LocalInput) else read_input(source)
        folder = f"{self._prefix}inputs/{local.digest}"
        # The list of files lies beside the folder, not in it (the job would get it), and is written last.
        if not self._exists(f"{folder}.json"):
            for file in local.files:
                self._put_file(f"{folder}/{file.name}", file.path)
            self._put(f"{folder}.json", _manifest(local))
        return f"s3://{self._bucket}/{folder}/"

    def content(self, kind: str, files: Mapping[str, bytes]) -> str:
        """URI of a folder, below `kind`, with files of these names and contents."""
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(f"{name}\0{hashlib.sha256(files[name]).hexdigest()}\n".encode())
        folder = f"{self._prefix}{kind}/{digest.hexdigest()}"
        # The last one, by name, is written last: where it is, the rest is too.
        if not self._exists(f"{folder}/{max(files)}"):
            for name in sorted(files):
                self._put(f"{folder}/{name}", files[name])
        return f"s3://{self._bucket}/{folder}/"

    def _exists(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # Without the right to list the bucket, S3 answers 403 for an object that is not there.
            if error_details(error).code in {"404", "NoSuchKey", "NotFound", "403"}:
                return False
            raise
        return True

    def _put(self, key: str, body: bytes) -> None:
        # S3 keeps the checksum beside the object: the version of a data set is found without reading it
        # (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ChecksumSHA256=checksum)

    def _put_file(self, key: str, path: Path) -> None:
        if path.stat().st_size <= SINGLE_PUT_BYTES:
            self._put(key, path.read_bytes())
            return
        import boto3  # only here: large files alone need its transfer manager

        client: Any = boto3.Session(profile_name=self._profile).client("s3")  # pyright: ignore
        client.upload_file(str(path), self._bucket, key)


def _manifest(local: LocalInput) -> bytes:
    return json.dumps({"files": {file.name: file.digest for file in local.files}}, indent=1).encode()
