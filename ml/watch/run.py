"""Going on where watching stopped: the windows that are complete since then, each judged once and kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from ml.captures import Captures, captures_uri, read_truth, variants_of
from ml.drift import DriftError
from ml.errors import MlError, NotFoundError
from ml.spec.rollout import SHADOW
from ml.watch.answers import FOLDER as ANSWERS
from ml.watch.answers import Answers, read
from ml.watch.attributing import Attributing, again
from ml.watch.judging import Judge
from ml.watch.model import UnattributedError
from ml.watch.place import WINDOWS, Place
from ml.watch.quality import judged as quality_judged
from ml.watch.quality import measured
from ml.watch.reference import Reference
from ml.watch.windows import by_rows, by_time, in_order
from platform_contract import PlatformContract

QUALITY = "quality"
"""Folder of the documents about windows' quality."""
LAST = "\uffff"
"""An event id after all others."""


class Watcher:
    """Watches one endpoint. endpoint: its full name. reference: what its windows are held against."""

    def __init__(
        self, s3: Any, contract: PlatformContract, team: str, endpoint: str, place: Place, reference: Reference
    ) -> None:
        self._s3 = s3
        self._endpoint = endpoint
        self._uri = captures_uri(contract, team, endpoint)
        self._place = place
        self._reference = reference
        self._asks: Attributing | UnattributedError | None = None
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
        judge, answers = self._judge(), None
        for piece in pieces:
            window = piece.window
            try:
                judge.add(piece.requests, window)
                if watch.quality:
                    answers = answers or Answers(self._reference.segments)
                    answers.add(piece.requests)
                if not piece.last:
                    continue
                judged = judge.judged(window)
            except DriftError as error:
                raise MlError(f"The window from {window.start:%Y-%m-%d %H:%M:%S} UTC on: {error}") from error
            document, name = judged.document(), _name(window.start, name)
            if document["drifted"] and document["judged"]:
                page = judged.page(self._endpoint)
                document["page"] = self._place.write_page(f"{WINDOWS}/{name}.html", page)
            if answers is not None:
                with answers.close() as kept:
                    self._place.write_file(f"{ANSWERS}/{name}.csv.gz", kept)
            document = {"name": name, **document, "last": "" if watch.window else window.last}
            # Last: where this is, the rest is too.
            self._place.write(f"{WINDOWS}/{name}.json", document)
            yield document
            judge, answers = self._judge(), None
        if answers is not None:
            answers.close().close()
        self.unreadable = captures.unreadable

    def _judge(self) -> Judge:
        return Judge(self._reference, self._attributing if self._reference.basis else None)

    def _attributing(self) -> Attributing:
        """What asks the reference's model, loaded once. Raises UnattributedError, the same for each window."""
        basis, watched = self._reference.basis, self._reference.watch.attributions
        assert basis is not None
        assert watched is not None
        if self._asks is None:
            try:
                self._asks = again(self._s3, basis, watched.rows)
            except UnattributedError as error:
                self._asks = error
        if isinstance(self._asks, UnattributedError):
            raise self._asks
        return self._asks

    def quality(self, now: datetime) -> Iterator[dict[str, Any]]:
        """How good the answers of each window are whose truth is still waited for; each is kept, in place of before.

        Nothing where no quality is watched, or no truth has come yet.
        """
        watch, usual = self._reference.watch, self._reference.quality
        if watch.quality is None or usual is None:
            return
        late = timedelta(seconds=watch.quality.late)
        waiting = list(
            takewhile(lambda window: datetime.fromisoformat(window["end"]) + late > now, self._place.windows())
        )
        if not waiting:
            return
        try:
            truth = read_truth(self._s3, watch.quality.truth)
        except NotFoundError:
            return
        with truth:
            for window in reversed(waiting):
                body = self._place.open_file(f"{ANSWERS}/{window['name']}.csv.gz")
                if body is None:
                    continue
                now_measured = measured(watch.quality, truth, read(body), watch.error_rate / usual.tests)
                found = quality_judged(watch.quality, usual, now_measured, min_rows=watch.min_rows)
                before = self._place.read(f"{QUALITY}/{window['name']}.json") or {}
                told = found["lost"] and before.get("told", False)
                found = {"name": window["name"], "start": window["start"], "end": window["end"], "told": told, **found}
                self._place.write(f"{QUALITY}/{window['name']}.json", found)
                yield found

    def quality_told(self, document: dict[str, Any]) -> None:
        """Note that people know of a window's quality."""
        self._place.write(f"{QUALITY}/{document['name']}.json", {**document, "told": True})

    def _cursor(self) -> tuple[datetime, str, str]:
        """Where the newest window ended, by time and event id, and its name; without one, when watching began."""
        names = self._place.names()
        newest = self._place.window(names[-1]) if names else None
        if newest is None:
            return self._reference.made, "", ""
        return datetime.fromisoformat(newest["end"]), str(newest["last"]), names[-1]


def _name(start: datetime, before: str) -> str:
    """A window's name, which sorts after that of the window before: captures tell times to the second."""
    moment = f"{start:%Y%m%dT%H%M%SZ}"
    number = int(before.rpartition("-")[2]) + 1 if before.startswith(moment) else 0
    return f"{moment}-{number:04d}"
