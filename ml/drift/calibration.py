"""Limits from the reference's own windows: a rule whose rate of false alarms holds where rows depend on each other.

A stream's rows are no independent draws: an hour has one weather, a day one timetable, and a test that knows nothing of
that calls nearly every window drifted. What a window without drift looks like is seen from windows without drift.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ml.drift.attributions import AttributionDrift
from ml.drift.columns import column_in
from ml.drift.comparison import Attributed, Comparison, compare
from ml.drift.errors import DriftError
from ml.drift.profile import Profile, merged_profile
from ml.drift.rules import Finding, Verdict, said

SCHEMA = 1
ATTRIBUTION = "attribution"
MEASURES = ("ks", "jensen_shannon", "missing", ATTRIBUTION)
"""What windows are judged by unless told otherwise: measures that are never infinite."""
MOST_NAMED = 5
"""Columns that are named where the whole has moved, and none of them by itself."""
LEAST_ROWS = 0.5
"""Part of the smallest calibration window's rows below which a window is not judged."""


@dataclass(frozen=True, kw_only=True)
class CalibratedRule:
    """Drift where a window is further from the reference than windows without drift are: somewhere, or on the whole.

    Each measure of each column is taken times √(n·m / (n + m)), so that windows of other sizes compare, and held
    against the same measure of the calibration windows. Two scores come of it:

    - `peak`: the largest ratio of a measure to the largest of the calibration windows. One column that breaks shows.
    - `breadth`: the mean over all measures of -ln p, where p is the share of calibration windows that have as much of
      it (Fisher's combination of p-values, 1932). Many columns that move a little show; how heavy the tail of a single
      measure is (rain falls on few days) does not matter to it.

    Where windows have attributions, there is a third, `attribution`: the largest ratio of the part that has gone over
    from some columns to others (of all rows, and of each segment) to the largest of the calibration windows. It has a
    limit of its own because it scatters less than a column with a heavy tail, and would be lost beside one.

    A window has drifted where one of them is above its limit: the k-th smallest score of the calibration windows, each
    scored by the others, with k = ⌈(1 - rate/s)·(windows + 1)⌉, s being the number of scores (split conformal
    prediction: Vovk, Gammerman and Shafer 2005). A new window that is exchangeable with them is above each with a
    probability of about rate/s, whatever the columns have to do with each other and however rows hang together within a
    window. What hangs together over windows (a season) must be in the calibration windows to be no drift.

    usual: by column and measure the calibration windows' values, ascending. peak_limit, breadth_limit,
    attribution_limit: of the scores; the last is None where there is none. rate: share of windows without drift that
    may be called drifted. least_rows: fewest rows of a calibration window.
    """

    usual: Mapping[str, Mapping[str, Sequence[float]]]
    peak_limit: float
    breadth_limit: float
    rate: float
    least_rows: int
    windows: int
    attribution_limit: float | None = None

    def judge(self, comparison: Comparison) -> Verdict:
        """The verdict on one window, the column that is furthest out first."""
        words = f"calibrated on {self.windows} windows of the reference, at {self.rate:g} a window"
        rows = comparison.rows[1]
        if rows < LEAST_ROWS * self.least_rows:
            reason = f"{rows:,} rows are too few: the smallest window that was calibrated on has {self.least_rows:,}."
            return Verdict(findings=(), rule=words, false_alarm_rate=self.rate, judged=False, reason=reason)
        standing = [
            (column, test, _standing(value, self.usual[column][test]))
            for column, test, value in _values(comparison)
            if self.usual.get(column, {}).get(test)
        ]
        moved = [one for one in standing if one[1] == ATTRIBUTION]
        standing = [one for one in standing if one[1] != ATTRIBUTION]
        broad = _breadth([one for _, _, one in standing]) > self.breadth_limit
        # A window that has moved on the whole is told by the columns that no calibration window had as far out.
        limit = min(1.0, self.peak_limit) if broad else self.peak_limit
        found = [(column, test, one) for column, test, one in standing if one.ratio > limit]
        if broad and not found:
            found = sorted(standing, key=lambda each: each[2].share)[:MOST_NAMED]
        findings = [
            Finding(
                column=column,
                test=test,
                value=one.ratio,
                limit=limit,
                by_p_value=False,
                text=f"{said(comparison.columns[column], test)}, {one.ratio:.3g} times the most that is usual",
            )
            for column, test, one in found
        ]
        for label, _, one in moved:
            findings += self._moved(label, comparison.attributions[label], one.ratio)
        findings.sort(key=lambda finding: -finding.value)
        return Verdict(findings=findings, rule=words, false_alarm_rate=self.rate)

    def _moved(self, label: str, drift: AttributionDrift, ratio: float) -> Iterator[Finding]:
        """The columns of a segment that have most to do with its attributions being too far out."""
        if self.attribution_limit is None or ratio <= self.attribution_limit:
            return
        for name in drift.largest[:MOST_NAMED]:
            part = Attributed(shares=drift.shares[name], places=drift.places[name])
            yield Finding(
                column=column_in(name, label),
                test=ATTRIBUTION,
                value=ratio,
                limit=self.attribution_limit,
                by_p_value=False,
                text=f"{part}; {drift.gone_over:.1%} of all has moved, {ratio:.3g} times the most that is usual",
            )

    def to_json(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "schema": SCHEMA,
            "rate": self.rate,
            "peakLimit": self.peak_limit,
            "breadthLimit": self.breadth_limit,
            **({} if self.attribution_limit is None else {"attributionLimit": self.attribution_limit}),
            "windows": self.windows,
            "leastRows": self.least_rows,
            "usual": {
                column: {test: list(values) for test, values in tests.items()} for column, tests in self.usual.items()
            },
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "CalibratedRule":
        """What `to_json` made. Raises DriftError for a newer version."""
        if document["schema"] > SCHEMA:
            raise DriftError(
                f"The calibration is of version {document['schema']}, and this release reads up to {SCHEMA}: update "
                "Groundwork here, or calibrate again."
            )
        return cls(
            usual=document["usual"],
            peak_limit=document["peakLimit"],
            breadth_limit=document["breadthLimit"],
            attribution_limit=document.get("attributionLimit"),
            rate=document["rate"],
            windows=document["windows"],
            least_rows=document["leastRows"],
        )


def windows_needed(rate: float, scores: int = 2) -> int:
    """The fewest windows that a rate of false alarms can be calibrated on: each score has its part of it."""
    return math.ceil(scores / rate - 1e-9) - 1


def calibrate(
    windows: Sequence[Profile],
    *,
    rate: float = 0.05,
    folds: int = 10,
    measures: Sequence[str] = MEASURES,
    columns: Sequence[str] | None = None,
) -> CalibratedRule:
    """Learn limits from the reference's windows.

    windows: profiles of the reference cut by time, in order, each as long as a window to be judged will be (the
    reference itself is their merge). They are cut into `folds` blocks of neighbours, and each window is held against
    the other blocks: its own neighbours have too much in common with it. rate: share of windows without drift that may
    be called drifted. measures, columns: those to judge by; without columns all. Raises DriftError where there are too
    few windows for the rate.
    """
    if not 0 < rate < 1:
        raise DriftError(f"A rate of false alarms is between 0 and 1, and not {rate:g}.")
    attributed = sum(bool(window.attributions) for window in windows)
    count, number = (3, attributed) if attributed else (2, len(windows))
    needed = max(windows_needed(rate, count), 3)
    if number < needed:
        with_them = " with attributions" if attributed else ""
        raise DriftError(
            f"{number} windows{with_them} cannot show what happens in one of {1 / rate:,.0f}: a rate of {rate:g} needs "
            f"{needed:,} or more. Take shorter windows, a longer reference or a larger rate."
        )
    seen: list[dict[tuple[str, str], _Value]] = []
    for window, others in _left_out(windows, min(folds, len(windows))):
        comparison = compare(others, window, tests=measures, columns=columns)
        seen.append({(column, test): value for column, test, value in _values(comparison)})
    keys = sorted({key for own in seen for key in own})
    values = {key: sorted(own[key].value for own in seen if key in own) for key in keys}
    scores = [_scored(own, values, attributions=False) for own in seen]
    moved = [score for own in seen if (score := _scored(own, values, attributions=True))]
    usual: dict[str, dict[str, list[float]]] = {}
    for column, test in keys:
        usual.setdefault(column, {})[test] = values[column, test]
    rank, moved_rank = (math.ceil((1 - rate / count) * (n + 1) - 1e-9) for n in (len(windows), len(moved)))
    return CalibratedRule(
        usual=usual,
        peak_limit=sorted(_peak(own) for own in scores)[rank - 1],
        attribution_limit=sorted(_peak(own) for own in moved)[moved_rank - 1] if moved else None,
        breadth_limit=sorted(_breadth(own) for own in scores)[rank - 1],
        rate=rate,
        windows=len(windows),
        least_rows=min(window.rows for window in windows),
    )


@dataclass(frozen=True)
class _Value:
    """A measure. least: what one row alone makes of it; less than that is nothing."""

    value: float
    least: float


@dataclass(frozen=True)
class _Standing:
    """Where a value stands among the usual ones. ratio: to the largest of them. share: of those that are as large."""

    ratio: float
    share: float


def _standing(value: _Value, usual: Sequence[float]) -> _Standing:
    """usual: ascending; empty where one window alone has the measure, which then says nothing."""
    if not usual:
        return _Standing(0.0, 1.0)
    as_large = len(usual) - bisect_left(usual, value.value * (1 - 1e-9))
    return _Standing(value.value / max(usual[-1], value.least), (as_large + 1) / (len(usual) + 1))


def _scored(
    own: Mapping[tuple[str, str], _Value], values: Mapping[tuple[str, str], Sequence[float]], *, attributions: bool
) -> list[_Standing]:
    """A calibration window's attributions, or all else of it, held against the other windows."""
    return [
        _standing(value, _without(values[key], value.value))
        for key, value in own.items()
        if (key[1] == ATTRIBUTION) == attributions
    ]


def _peak(standing: Sequence[_Standing]) -> float:
    return max((one.ratio for one in standing), default=0.0)


def _breadth(standing: Sequence[_Standing]) -> float:
    return -sum(math.log(one.share) for one in standing) / len(standing) if standing else 0.0


def _without(ordered: Sequence[float], value: float) -> Sequence[float]:
    place = bisect_left(ordered, value)
    return [*ordered[:place], *ordered[place + 1 :]]


def _left_out(windows: Sequence[Profile], folds: int) -> Iterator[tuple[Profile, Profile]]:
    """Each window and the merge of the blocks that it is not in; no more than one such merge is held at a time."""
    ends = [len(windows) * place // folds for place in range(folds + 1)]
    blocks = [merged_profile(windows[start:end]) for start, end in pairwise(ends)]
    for place, (start, end) in enumerate(pairwise(ends)):
        others = merged_profile(block for number, block in enumerate(blocks) if number != place)
        for window in windows[start:end]:
            yield window, others


def _values(comparison: Comparison) -> Iterator[tuple[str, str, _Value]]:
    """Column, measure and the measure times the root of the effective number of rows; of attributions the segment."""
    for name, column in comparison.columns.items():
        n, m = column.rows
        for test, measured in column.tests.items():
            if test != ATTRIBUTION:
                yield name, test, _of_rows(abs(measured.value), n, m)
    for label, drift in comparison.attributions.items():
        yield label, ATTRIBUTION, _of_rows(drift.gone_over, *drift.rows)


def _of_rows(value: float, n: int, m: int) -> _Value:
    size, least = n * m / (n + m) if n + m else 0.0, 1 / max(m, 1)
    return _Value((value if value >= least else 0.0) * math.sqrt(size), least * math.sqrt(size))
