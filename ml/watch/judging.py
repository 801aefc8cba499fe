"""One window held against the reference: its rows added piece by piece, and what came of it as a document."""

from collections.abc import Sequence
from typing import Any

from ml.captures import PREDICTION
from ml.drift import Comparison, Finding, Verdict, compare
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
        self.profile = reference.profile.like()
        self.added: set[str] = set()

    def add(self, rows: Sequence[Asked]) -> None:
        """Some more rows. Raises DriftError where a value is none of its column's kind."""
        if not rows:
            return
        known = {*self._reference.columns, PREDICTION}
        columns = compared(row.values for row in rows)
        self.added |= columns.keys() - known - aside(self._reference.watch)
        self.profile.add({name: values for name, values in columns.items() if name in known})

    def verdict(self, window: Window) -> tuple[Comparison | None, Verdict]:
        """What the rule says of the rows so far."""
        watch, rule = self._reference.watch, self._reference.rule
        if window.rows < watch.min_rows:
            reason = f"{window.rows:,} rows are fewer than min_rows ({watch.min_rows:,})."
            return None, Verdict(findings=(), rule="", false_alarm_rate=None, judged=False, reason=reason)
        comparison = compare(self._reference.profile, self.profile)
        return comparison, rule.judge(comparison)

    def page(self, endpoint: str, window: Window) -> str:
        """A page of HTML about the window, with pictures of the columns that drifted. Raises DriftError."""
        comparison, verdict = self.verdict(window)
        assert comparison is not None, "a window that is not judged has no page"
        report = drift_report(
            self._reference.profile,
            self.profile,
            comparison,
            verdict,
            title=f"{endpoint} beside {self._reference.source}",
            facts={"From": f"{window.start:%Y-%m-%d %H:%M:%S} UTC", "To": f"{window.end:%Y-%m-%d %H:%M:%S} UTC"},
            personal=sorted(window.masked),
        )
        return page(report)

    def document(self, window: Window) -> dict[str, Any]:
        """What is kept of the window. Raises DriftError."""
        comparison, verdict = self.verdict(window)
        broken = [] if comparison is None else _broken(comparison, self.added, window.masked)
        return {
            "schema": SCHEMA,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "rows": window.rows,
            "requests": window.requests,
            "unreadable": window.unreadable,
            "judged": verdict.judged,
            "reason": verdict.reason,
            "drifted": verdict.drifted or bool(broken),
            "rule": verdict.rule,
            "features": [*broken, *({"column": one.column, **_finding(one)} for one in verdict.findings)],
            "columns": {} if comparison is None else _measures(comparison),
        }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"test": finding.test, "value": finding.value, "limit": finding.limit, "text": finding.text}


def _broken(comparison: Comparison, added: set[str], masked: set[str]) -> list[dict[str, Any]]:
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
