"""A comparison and its verdict as a document: JSON with a published schema, and a table for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ml.drift.attributions import AttributionDrift
from ml.drift.columns import CategoryColumn, Column, NumberColumn
from ml.drift.comparison import ColumnComparison, Comparison
from ml.drift.metrics import rows_between_edges
from ml.drift.profile import Profile
from ml.drift.rules import Finding, Verdict

SCHEMA = 1
BARS = 24
"""Bins of a number's picture."""
MOST_SHOWN = 10
"""Categories of a picture; the rest are one."""
MASK = "masked: personal"


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """What a picture shows: shares of the rows that have a value, of the reference and of the current rows.

    edges: of number bins, one more than shares. labels: of categories, as many as shares. One of the two is empty.
    """

    edges: Sequence[float]
    labels: Sequence[str]
    reference: Sequence[float]
    current: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """What was found in one window.

    facts: names and values about the window (endpoint, model, from, to) for the head. distributions: by column; only
    of the drifted ones. made: when, in UTC.
    """

    title: str
    made: datetime
    facts: Mapping[str, str]
    comparison: Comparison
    verdict: Verdict
    distributions: Mapping[str, Distribution]
    personal: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """The document of `ml/schemas/drift.schema.json`."""
        verdict, compared = self.verdict, self.comparison
        return {
            "schema": SCHEMA,
            "title": self.title,
            "made": f"{self.made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "facts": dict(self.facts),
            "rows": {"reference": compared.rows[0], "current": compared.rows[1]},
            "verdict": {
                "drifted": verdict.drifted,
                "judged": verdict.judged,
                "reason": verdict.reason,
                "rule": verdict.rule,
                "falseAlarmRate": verdict.false_alarm_rate,
                "findings": [_finding(finding) for finding in verdict.findings],
            },
            "columns": {name: self._column(column) for name, column in compared.columns.items()},
            "absent": list(compared.absent),
            "added": list(compared.added),
            "changed": {name: list(kinds) for name, kinds in compared.changed.items()},
            "attributions": {segment: attributions_document(one) for segment, one in compared.attributions.items()},
            "distributions": {
                name: {key: list(values) for key, values in asdict(shown).items()}
                for name, shown in self.distributions.items()
            },
        }

    def to_text(self) -> str:
        """A table: the drifted columns with their reasons, then the rest in short."""
        compared = self.comparison
        lines = [
            self.title,
            *(f"  {name}: {value}" for name, value in self.facts.items()),
            f"  {compared.rows[1]:,} rows beside {compared.rows[0]:,} of the reference; {self.verdict.rule}",
            "",
            f"  {headline(self.verdict, compared)}",
        ]
        width = max((len(finding.column) for finding in self.verdict.findings), default=0)
        lines += [f"  {finding.column.ljust(width)}  {finding.text}" for finding in self.verdict.findings]
        lines += [f"  {line}" for line in self.remarks()]
        return "\n".join(lines)

    def remarks(self) -> list[str]:
        """Sentences on columns and categories that came and went."""
        compared = self.comparison
        said: list[str] = []
        if compared.absent:
            said.append(f"Columns of the reference that are not there: {', '.join(compared.absent)}.")
        if compared.added:
            said.append(f"Columns that the reference does not have: {', '.join(compared.added)}.")
        said += [f"{name} is a {now} and was a {before}." for name, (before, now) in compared.changed.items()]
        for name, column in compared.columns.items():
            for words, categories, count in (
                ("has new categories", column.new, column.new_count),
                ("no longer has", column.vanished, column.vanished_count),
            ):
                if count:
                    shown = MASK if name in self.personal else ", ".join(list(categories)[:MOST_SHOWN])
                    more = (
                        f" and {count - MOST_SHOWN:,} more" if count > MOST_SHOWN and name not in self.personal else ""
                    )
                    said.append(f"{name} {words} ({count:,}): {shown}{more}.")
        return said

    def _column(self, column: ColumnComparison) -> dict[str, Any]:
        masked = column.column in self.personal
        return {
            "kind": column.kind,
            "rows": list(column.rows),
            "missing": list(column.missing),
            "exact": column.exact,
            "tests": {
                name: {"value": _finite(test.value), "pValue": test.p_value, "bound": test.bound}
                for name, test in column.tests.items()
            },
            "new": {} if masked else dict(column.new),
            "newCount": column.new_count,
            "vanished": {} if masked else dict(column.vanished),
            "vanishedCount": column.vanished_count,
        }


def drift_report(
    reference: Profile,
    current: Profile,
    comparison: Comparison,
    verdict: Verdict,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
    personal: Sequence[str] = (),
    made: datetime | None = None,
) -> DriftReport:
    """The report of one window.

    reference, current: what was compared. personal: columns whose categories must not be shown; of their numbers no
    picture is drawn either. made: now without it.
    """
    shown: dict[str, Distribution] = {}
    for name in verdict.columns:
        before, now = reference.columns.get(name), current.columns.get(name)
        if name not in personal and before is not None and now is not None:
            drawn = _distribution(before, now)
            if drawn is not None:
                shown[name] = drawn
    return DriftReport(
        title=title,
        made=made or datetime.now(UTC),
        facts=dict(facts or {}),
        comparison=comparison,
        verdict=verdict,
        distributions=shown,
        personal=frozenset(personal),
    )


def attributions_document(drift: AttributionDrift) -> dict[str, Any]:
    """How the order of the columns by attribution has changed, as JSON."""
    return {
        "score": round(drift.score, 6),
        "goneOver": round(drift.gone_over, 6),
        "columns": {
            name: {"shares": [round(share, 6) for share in shares], "places": list(drift.places[name])}
            for name, shares in drift.shares.items()
        },
    }


def headline(verdict: Verdict, comparison: Comparison) -> str:
    """The verdict in a sentence."""
    if not verdict.judged:
        return f"Not judged: {verdict.reason}"
    count, names = len(comparison.columns), verdict.columns
    if not names:
        return f"No drift in {count} columns."
    return f"Drift in {len(names)} of {count} columns: {', '.join(names)}."


def _distribution(before: Column, now: Column) -> Distribution | None:
    if isinstance(before, NumberColumn) and isinstance(now, NumberColumn):
        sides = before.values.steps(), now.values.steps()
        if not (sides[0].count and sides[1].count):
            return None
        low = float(min(side.values[0] for side in sides))
        high = float(max(side.values[-1] for side in sides))
        # A few far values would leave one bar of all others: the picture ends at the 0.5% and 99.5% points of both.
        ends = np.array([side.quantiles(np.array([0.005, 0.995])) for side in sides])
        if high > low and ends[:, 1].max() > ends[:, 0].min():
            low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low - 0.5, low + 0.5])
        shares = [rows_between_edges(side, edges) / side.count for side in sides]
        return Distribution(
            edges=[float(edge) for edge in edges],
            labels=(),
            reference=[float(share) for share in shares[0]],
            current=[float(share) for share in shares[1]],
        )
    if isinstance(before, CategoryColumn) and isinstance(now, CategoryColumn):
        counted = before.frequencies, now.frequencies
        if not (counted[0].count and counted[1].count):
            return None
        share = [{name: rows / one.count for name, rows in one.rows.items()} for one in counted]
        names = sorted({*share[0], *share[1]}, key=lambda name: (-max(one.get(name, 0.0) for one in share), name))
        labels = names[:MOST_SHOWN]
        shares = [[one.get(name, 0.0) for name in labels] for one in share]
        rest = [max(0.0, 1 - sum(one)) for one in shares]
        if max(rest) > 1e-9:
            labels = [*labels, "all others"]
            shares = [[*one, other] for one, other in zip(shares, rest, strict=True)]
        return Distribution(edges=(), labels=labels, reference=shares[0], current=shares[1])
    return None


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "column": finding.column,
        "test": finding.test,
        "value": _finite(finding.value),
        "limit": finding.limit,
        "byPValue": finding.by_p_value,
        "text": finding.text,
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if np.isfinite(value) else None
