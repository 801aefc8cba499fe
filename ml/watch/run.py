"""Going on where watching stopped: the windows that are complete since then, each judged once and kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ml.captures import Captures, captures_uri, variants_of
from ml.drift import DriftError
from ml.errors import MlError
from ml.watch.judging import Judge
from ml.watch.place import WINDOWS, Place
from ml.watch.reference import Reference
from ml.watch.windows import by_rows, by_time, in_order
from platform_contract import PlatformContract

SHADOW = "shadow"
"""Variant whose answers nobody gets."""


class Watcher:
    """Watches one endpoint. endpoint: its full name. reference: what its windows are held against."""

    def __init__(
        self, s3: Any, contract: PlatformContract, team: str, endpoint: str, place: Place, reference: Reference
    ) -> None:
        self._s3 = s3
        self._uri = captures_uri(contract, team, endpoint)
        self._place = place
        self._reference = reference
        self.unreadable = 0
        """Captured lines that could not be read, of the newest run."""

    def windows(self, until: datetime) -> Iterator[dict[str, Any]]:
        """The document of each window that is complete by `until` and was not known, once it is kept."""
        start, last, name = self._cursor()
        variants = [name for name in variants_of(self._s3, self._uri) if name != SHADOW]
        captures = Captures(self._s3, self._uri, start=start, end=until, variants=variants)
        requests = in_order(captures, (start, last))
        watch, columns = self._reference.watch, self._reference.columns
        if watch.rows is not None:
            pieces = by_rows(requests, watch.rows, columns)
        else:
            assert watch.window is not None
            pieces = by_time(requests, timedelta(seconds=watch.window), until, columns)
        judge = Judge(self._reference)
        for piece in pieces:
            window = piece.window
            try:
                judge.add(piece.rows)
                if not piece.last:
                    continue
                document = judge.document(window)
            except DriftError as error:
                raise MlError(f"The window from {window.start:%Y-%m-%d %H:%M:%S} UTC on: {error}") from error
            name = _name(window.start, name)
            document = {"name": name, **document, "last": "" if watch.window else window.last}
            self._place.write(f"{WINDOWS}/{name}.json", document)
            yield document
            judge = Judge(self._reference)
        self.unreadable = captures.unreadable

    def _cursor(self) -> tuple[datetime, str, str]:
        """Where the newest window ended, by time and event id, and its name; without one, when watching began."""
        names = self._place.names()
        newest = self._place.read(f"{WINDOWS}/{names[-1]}.json") if names else None
        if newest is None:
            return self._reference.made, "", ""
        return datetime.fromisoformat(newest["end"]), str(newest["last"]), names[-1]


def _name(start: datetime, before: str) -> str:
    """A window's name, which sorts after that of the window before: captures tell times to the second."""
    moment = f"{start:%Y%m%dT%H%M%SZ}"
    number = int(before.rpartition("-")[2]) + 1 if before.startswith(moment) else 0
    return f"{moment}-{number:04d}"
