"""The captured requests of an endpoint between two times, one after the other, from however many files."""

import heapq
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml.captures.record import CapturedRequest, parse_line
from platform_contract import PlatformContract

FOLDER = "capture"
"""Under the team's artifact prefix; below it ENDPOINT/VARIANT/yyyy/mm/dd/hh/."""
LATENESS = timedelta(hours=1)
"""How much later than its request a file may be written, or its folder be named: AWS documents no bound, only that
captures appear in S3 after some minutes."""
READERS = 8
"""Files that are fetched at a time."""
WHOLE_BYTES = 4 << 20
"""Files up to this size are fetched before their turn; a larger one is read line by line when it comes."""
_CHUNK = 1 << 20
_HOUR = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(\d{2})/")


def captures_uri(contract: PlatformContract, team: str, endpoint: str) -> str:
    """The S3 prefix of an endpoint's captures, without a slash at its end. endpoint: its full name."""
    return f"{contract.teams[team].artifact_uri}/{FOLDER}/{endpoint}"


def variants_of(s3: Any, uri: str) -> list[str]:
    """The variants that have captures below a prefix."""
    bucket, prefix = _place(uri)
    found: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/"):
        found += [entry["Prefix"].removeprefix(f"{prefix}/").rstrip("/") for entry in page.get("CommonPrefixes", [])]
    return sorted(found)


@dataclass(frozen=True, kw_only=True, order=True)
class _File:
    """A file of captures; they sort by when they were written."""

    written: str
    key: str
    variant: str
    size: int


class Captures:
    """The captured requests with `start` <= time < `end`, to be iterated over, as often as one likes.

    They come in the order in which their files were written: a request may come after one that is some minutes younger.

    s3: a client. uri: see captures_uri. start, end: with a time zone. variants: names; None for all that are there.
    containing: a text that a line has to have to be looked at at all, such as an id that is searched for.
    """

    def __init__(
        self,
        s3: Any,
        uri: str,
        *,
        start: datetime,
        end: datetime,
        variants: Sequence[str] | None = None,
        containing: str = "",
    ) -> None:
        assert start.tzinfo is not None, "start needs a time zone"
        assert end.tzinfo is not None, "end needs a time zone"
        self._s3 = s3
        self._uri = uri
        self._bucket, self._prefix = _place(uri)
        self._start, self._end = start.astimezone(UTC), end.astimezone(UTC)
        self._variants = variants
        self._needle = json.dumps(containing)[1:-1].encode()
        self.files = 0
        """Files read by the newest iteration."""
        self.unreadable = 0
        """Lines of it that are no captured requests."""

    def __iter__(self) -> Iterator[CapturedRequest]:
        """Raises botocore's ClientError where S3 refuses."""
        self.files = self.unreadable = 0
        variants = self._variants if self._variants is not None else variants_of(self._s3, self._uri)
        files = heapq.merge(*(self._files(variant) for variant in variants))
        for file, lines in self._fetched(files):
            self.files += 1
            for line in lines:
                if not line.strip() or self._needle not in line:
                    continue
                try:
                    request = parse_line(line, file.variant)
                except ValueError:
                    self.unreadable += 1
                    continue
                if self._start <= request.time < self._end:
                    yield request

    def _files(self, variant: str) -> Iterator[_File]:
        """The files of a variant whose hour may have requests of these times, in the order of their names."""
        folder = f"{self._prefix}/{variant}/"
        first, last = self._start.replace(minute=0, second=0, microsecond=0), self._end + LATENESS
        request: dict[str, Any] = {
            "Bucket": self._bucket,
            "Prefix": folder,
            "StartAfter": f"{folder}{first - LATENESS:%Y/%m/%d/%H}",
        }
        for page in self._s3.get_paginator("list_objects_v2").paginate(**request):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(folder)
                hour = _hour(name)
                if hour is None or hour < first - LATENESS:
                    continue
                if hour > last:
                    return
                yield _File(written=name, key=entry["Key"], variant=variant, size=entry["Size"])

    def _fetched(self, files: Iterable[_File]) -> Iterator[tuple[_File, Iterator[bytes]]]:
        """Files with their lines; some are fetched ahead."""
        ahead: deque[tuple[_File, Future[bytes] | None]] = deque()
        with ThreadPoolExecutor(READERS, thread_name_prefix="captures") as readers:
            try:
                for file in files:
                    ahead.append((file, readers.submit(self._whole, file) if file.size <= WHOLE_BYTES else None))
                    if len(ahead) >= READERS:
                        yield self._opened(*ahead.popleft())
                while ahead:
                    yield self._opened(*ahead.popleft())
            finally:
                for _, future in ahead:
                    if future is not None:
                        future.cancel()

    def _opened(self, file: _File, future: "Future[bytes] | None") -> tuple[_File, Iterator[bytes]]:
        return file, iter(future.result().splitlines()) if future is not None else _lines(self._body(file).read)

    def _whole(self, file: _File) -> bytes:
        return self._body(file).read()

    def _body(self, file: _File) -> Any:
        return self._s3.get_object(Bucket=self._bucket, Key=file.key)["Body"]


def _lines(read: Callable[[int], bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _hour(name: str) -> datetime | None:
    match = _HOUR.match(name)
    if match is None:
        return None
    year, month, day, hour = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None


def _place(uri: str) -> tuple[str, str]:
    bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
    return bucket, prefix
