"""One window held against the reference: its rows added piece by piece, and what came of it as a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml.captures import PREDICTION
from ml.drift import Comparison, Finding, Profile, Verdict, compare
from ml.drift.page import page
from ml.drift.report import drift_report
from ml.watch.answer import compared
from ml.watch.reference import Reference, aside
from ml.watch.windows import Asked, Window

SCHEMA = 1


class Judge:
    """Gathers the rows of one window."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._profile = reference.profile.like()
        self._added: set[str] = set()

    def add(self, requests: Sequence[Asked]) -> None:
        """Some more requests. Raises DriftError where a value is none of its column's kind."""
        if not requests:
            return
        known = {*self._reference.columns, PREDICTION}
        columns = compared(requests)
        self._added |= columns.keys() - known - aside(self._reference.watch)
        self._profile.add({name: values for name, values in columns.items() if name in known})

    def judged(self, window: Window) -> "Judged":
        """What the rule says of the rows so far. Raises DriftError."""
        watch, rule = self._reference.watch, self._reference.rule
        comparison = None
        if window.rows < watch.min_rows:
            reason = f"{window.rows:,} rows are fewer than min_rows ({watch.min_rows:,})."
            verdict = Verdict(findings=(), rule="", false_alarm_rate=None, judged=False, reason=reason)
        else:
            comparison = compare(self._reference.profile, self._profile)
            verdict = rule.judge(comparison)
        return Judged(
            reference=self._reference,
            window=window,
            profile=self._profile,
            comparison=comparison,
            verdict=verdict,
            broken=[] if comparison is None else _broken(comparison, self._added, window.masked),
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window and what it was found to be. comparison: None where it is not judged. broken: columns that cannot be
    compared, as features of its document."""

    reference: Reference
    window: Window
    profile: Profile
    comparison: Comparison | None
    verdict: Verdict
    broken: Sequence[dict[str, str]]

    def page(self, endpoint: str) -> str:
        """A page of HTML about the window, with pictures of the columns that drifted."""
        assert self.comparison is not None, "a window that is not judged has no page"
        window = self.window
        report = drift_report(
            *self.reference.profile.beside(self.profile),
            self.comparison,
            self.verdict,
            title=f"{endpoint} beside {self.reference.source}",
            facts={"From": f"{window.start:%Y-%m-%d %H:%M:%S} UTC", "To": f"{window.end:%Y-%m-%d %H:%M:%S} UTC"},
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
