"""One window held against the reference: its rows added piece by piece, and what came of it as a document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ml.captures import PREDICTION
from ml.drift import Comparison, Finding, Profile, Verdict, compare
from ml.drift.attributions import LEAST
from ml.drift.page import page
from ml.drift.report import attributions_document, drift_report
from ml.watch.answer import compared
from ml.watch.attributing import Attributing, UnattributedError
from ml.watch.reference import Reference, aside
from ml.watch.sample import Sample, of_columns
from ml.watch.windows import Asked, Window

SCHEMA = 1


class Judge:
    """Gathers the rows of one window. attributing: brings what asks the model, where attributions are watched; called
    once the rows are there, and raises UnattributedError."""

    def __init__(self, reference: Reference, attributing: Callable[[], Attributing] | None = None) -> None:
        self._reference = reference
        self._attributing = attributing
        self._sample: Sample | None = None
        self._profile = reference.profile.like()
        self._added: set[str] = set()

    def add(self, requests: Sequence[Asked], window: Window) -> None:
        """Some more requests of the window. Raises DriftError where a value is none of its column's kind."""
        if not requests:
            return
        known = {*self._reference.columns, PREDICTION}
        columns = compared(requests)
        self._added |= columns.keys() - known - aside(self._reference.watch)
        self._profile.add({name: values for name, values in columns.items() if name in known})
        watched = self._reference.watch.attributions
        if watched is not None:
            self._sample = self._sample or Sample(watched.rows, [int(window.start.timestamp())])
            self._sample.add(sum(one.count for one in requests), of_columns(columns))

    def judged(self, window: Window) -> "Judged":
        """What the rule says of the rows so far. Raises DriftError."""
        watch, rule = self._reference.watch, self._reference.rule
        comparison, attributed = None, None
        if window.rows < watch.min_rows:
            reason = f"{window.rows:,} rows are fewer than min_rows ({watch.min_rows:,})."
            verdict = Verdict(findings=(), rule="", false_alarm_rate=None, judged=False, reason=reason)
        else:
            attributed = self._attribute()
            comparison = compare(self._reference.profile, self._profile)
            verdict = rule.judge(comparison)
        return Judged(
            reference=self._reference,
            window=window,
            profile=self._profile,
            comparison=comparison,
            verdict=verdict,
            broken=[] if comparison is None else _broken(comparison, self._added, window.masked),
            attributed=attributed,
        )

    def _attribute(self) -> "Attributed | None":
        """Add the attributions to the window's profile; None where they are not watched."""
        if self._attributing is None:
            return None
        rows = len(self._sample.rows) if self._sample else 0
        try:
            if self._sample is None:
                raise UnattributedError("no request has rows.")
            self._profile.attributions.update(self._attributing().of(self._sample, self._profile, answered=True))
        except UnattributedError as error:
            return Attributed(rows=rows, reason=str(error))
        return Attributed(rows=rows)


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """Rows that the model was asked about, and why there are no attributions; empty where there are."""

    rows: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window and what it was found to be. comparison: None where it is not judged. broken: columns that cannot be
    compared, as features of its document. attributed: None where attributions are not watched, or it is not judged."""

    reference: Reference
    window: Window
    profile: Profile
    comparison: Comparison | None
    verdict: Verdict
    broken: Sequence[dict[str, str]]
    attributed: Attributed | None = None

    def page(self, endpoint: str) -> str:
        """A page of HTML about the window, with pictures of the columns that drifted."""
        assert self.comparison is not None, "a window that is not judged has no page"
        window = self.window
        facts = {"From": f"{window.start:%Y-%m-%d %H:%M:%S} UTC", "To": f"{window.end:%Y-%m-%d %H:%M:%S} UTC"}
        if self.attributed is not None:
            what = (
                f"not judged: {self.attributed.reason}" if self.attributed.reason else f"{self.attributed.rows:,} rows"
            )
            facts["Attributions"] = what
        report = drift_report(
            *self.reference.profile.beside(self.profile),
            self.comparison,
            self.verdict,
            title=f"{endpoint} beside {self.reference.source}",
            facts=facts,
            personal=sorted(window.masked),
        )
        return page(report)

    def document(self) -> dict[str, Any]:
        """What is kept of the window."""
        window, verdict = self.window, self.verdict
        return {
            "schema": SCHEMA,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "rows": window.rows,
            "requests": window.requests,
            "unreadable": window.unreadable,
            "judged": verdict.judged,
            "reason": verdict.reason,
            "drifted": verdict.drifted or bool(self.broken),
            "rule": verdict.rule,
            "features": [*self.broken, *({"column": one.column, **_finding(one)} for one in verdict.findings)],
            "columns": {} if self.comparison is None else _measures(self.comparison),
            "attributions": self._attributions(),
        }

    def _attributions(self) -> dict[str, Any] | None:
        """How the order of the columns has changed, in all rows and in each segment."""
        if self.attributed is None or self.comparison is None:
            return None
        found = {label: attributions_document(one) for label, one in self.comparison.attributions.items()}
        return {
            "judged": not self.attributed.reason,
            "reason": self.attributed.reason,
            "rows": self.attributed.rows,
            "least": LEAST,
            **found.pop("", {}),
            "segments": found,
        }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"test": finding.test, "value": finding.value, "limit": finding.limit, "text": finding.text}


def _broken(comparison: Comparison, added: set[str], masked: set[str]) -> list[dict[str, str]]:
    """Columns that cannot be compared at all: drift without a measure. A masked column is where it should be."""
    told = {name: "the window has no such column" for name in comparison.absent if name not in masked}
    told |= {name: f"was {kinds[0]}, is {kinds[1]}" for name, kinds in comparison.changed.items()}
    told |= dict.fromkeys(sorted(added), "the reference has no such column")
    return [{"column": name, "test": "schema", "text": text} for name, text in told.items()]


def _measures(comparison: Comparison) -> dict[str, Any]:
    return {
        name: {
            **{test: round(measured.value, 6) for test, measured in column.tests.items()},
            **({"new": dict(column.new)} if column.new else {}),
            **({"vanished": dict(column.vanished)} if column.vanished else {}),
        }
        for name, column in comparison.columns.items()
    }
