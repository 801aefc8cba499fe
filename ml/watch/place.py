"""Where watching keeps what it knows: below `<team's artifact prefix>/watch/ENDPOINT/`.

`reference.json` says what is compared with and how; `windows/START.json` what a window was found to be, and
`windows/START.html` shows it, where it drifted; `answers/START.csv.gz` has its answers, and `quality/START.json` says
how good these were, as far as their truth is there. A window's document is written when it is complete, so the newest
says where the next run goes on; `settled.json` names the last one whose drift was told and reacted to.
"""

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import no_such_object
from platform_contract import PlatformContract

FOLDER = "watch"
REFERENCE = "reference.json"
WINDOWS = "windows"
SETTLED = "settled.json"


class Place:
    """The documents of one endpoint. s3: a client. endpoint: its full name."""

    def __init__(self, s3: Any, contract: PlatformContract, team: str, endpoint: str) -> None:
        self._s3 = s3
        self.team = team
        self.endpoint = endpoint
        root = f"{contract.teams[team].artifact_uri}/{FOLDER}/{endpoint}"
        self._bucket, _, self._prefix = root.removeprefix("s3://").partition("/")

    def uri(self, name: str) -> str:
        """The S3 URI of a document."""
        return f"s3://{self._bucket}/{self._prefix}/{name}"

    def read(self, name: str) -> dict[str, Any] | None:
        """A document; None where it is not there."""
        body = self.open_file(name)
        return None if body is None else json.loads(body.read())

    def write(self, name: str, document: Any) -> None:
        """Put a document in the place of what is there."""
        body = json.dumps(document, allow_nan=False, default=str).encode()
        self._put(name, body, "application/json")

    def write_page(self, name: str, text: str) -> str:
        """Put a page of HTML; its URI."""
        self._put(name, text.encode(), "text/html; charset=utf-8")
        return self.uri(name)

    def write_file(self, name: str, file: Any) -> None:
        """Put a file of bytes."""
        self._s3.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=file)

    def open_file(self, name: str) -> Any | None:
        """The body of such a file, to be read; None where it is not there."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}")["Body"]
        except ClientError as error:
            if no_such_object(error):
                return None
            raise

    def windows(self) -> Iterator[dict[str, Any]]:
        """The documents of the windows, newest first."""
        for name in reversed(self.names()):
            if (document := self.window(name)) is not None:
                yield document

    def window(self, name: str) -> dict[str, Any] | None:
        """The document of a window; None where there is none."""
        return self.read(f"{WINDOWS}/{name}.json")

    def unsettled(self) -> list[dict[str, Any]]:
        """The drifted windows that nobody has been told of, oldest first; none where telling has not begun."""
        settled = self.read(SETTLED)
        if settled is None:
            return []
        found = (self.window(name) for name in self.names() if name > settled["window"])
        return [document for document in found if document is not None and document["drifted"]]

    def settle(self) -> None:
        """All windows until now are told, and reacted to."""
        names = self.names()
        self.write(SETTLED, {"window": names[-1] if names else ""})

    def names(self) -> list[str]:
        """Names of the windows that are known, oldest first."""
        folder = f"{self._prefix}/{WINDOWS}/"
        found: list[str] = []
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder):
            keys = (entry["Key"].removeprefix(folder) for entry in page.get("Contents", []))
            found += [key.removesuffix(".json") for key in keys if key.endswith(".json")]
        return sorted(found)

    def _put(self, name: str, body: bytes, kind: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=body, ContentType=kind)
