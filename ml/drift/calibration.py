"""Limits from the reference's own windows: a rule whose rate of false alarms holds where rows depend on each other.

A stream's rows are no independent draws: an hour has one weather, a day one timetable, and a test that knows nothing of
that calls nearly every window drifted. What a window without drift looks like is seen from windows without drift.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from ml.drift.comparison import Comparison, compare
from ml.drift.errors import DriftError
from ml.drift.profile import Profile, merged_profile
from ml.drift.rules import Finding, Verdict, said

SCHEMA = 1
MEASURES = ("ks", "jensen_shannon", "missing")
"""What windows are judged by unless told otherwise: measures that are never infinite."""
LEAST_ROWS = 0.5
"""Part of the smallest calibration window's rows below which a window is not judged."""


@dataclass(frozen=True, kw_only=True)
class CalibratedRule:
    """Drift where a column is further from the reference than windows without drift are.

    Each measure of each column, times √(n·m / (n + m)) so that windows of other sizes compare, is divided by its median
    over the calibration windows: `scales`. A window's score is the largest of these ratios, and `limit` is the
    k-th smallest score of the calibration windows with k = ⌈(1 - rate)·(windows + 1)⌉ (split conformal prediction:
    Vovk, Gammerman and Shafer 2005). A new window that is exchangeable with them has a larger score with a probability
    of at most `rate`, whatever the columns have to do with each other and however rows hang together within a window.
    What hangs together over windows (a season) must be in the calibration windows to be no drift.

    scales: by column and measure. windows: how many there were. least_rows: fewest rows of any of them.
    """

    scales: Mapping[str, Mapping[str, float]]
    limit: float
    rate: float
    windows: int
    least_rows: int

    def judge(self, comparison: Comparison) -> Verdict:
        """The verdict on one window, the column that is furthest out first."""
        words = f"calibrated on {self.windows} windows of the reference, at {self.rate:g} a window"
        rows = comparison.rows[1]
        if rows < LEAST_ROWS * self.least_rows:
            reason = f"{rows:,} rows are too few: the smallest window that was calibrated on has {self.least_rows:,}."
            return Verdict(findings=(), rule=words, false_alarm_rate=self.rate, judged=False, reason=reason)
        found = [
            Finding(
                column=column,
                test=test,
                value=score,
                limit=self.limit,
                by_p_value=False,
                text=f"{said(comparison.columns[column], test)}, {score:.3g} times what is usual (above "
                f"{self.limit:.3g} is drift)",
            )
            for column, test, score in _scores(comparison, self.scales)
            if score > self.limit
        ]
        found.sort(key=lambda finding: -finding.value)
        return Verdict(findings=found, rule=words, false_alarm_rate=self.rate)

    def to_json(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "schema": SCHEMA,
            "rate": self.rate,
            "limit": self.limit,
            "windows": self.windows,
            "leastRows": self.least_rows,
            "scales": {column: dict(scales) for column, scales in self.scales.items()},
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
            scales=document["scales"],
            limit=document["limit"],
            rate=document["rate"],
            windows=document["windows"],
            least_rows=document["leastRows"],
        )


def windows_needed(rate: float) -> int:
    """The fewest windows that a rate of false alarms can be calibrated on: n of them show rates from 1/(n + 1) on."""
    return math.ceil(1 / rate - 1e-9) - 1


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
    needed = max(windows_needed(rate), 3)
    if len(windows) < needed:
        raise DriftError(
            f"{len(windows)} windows cannot show what happens in one of {1 / rate:,.0f}: a rate of {rate:g} needs "
            f"{needed:,} or more. Take shorter windows, a longer reference or a larger rate."
        )
    seen: list[dict[str, dict[str, float]]] = []
    for window, others in _left_out(windows, min(folds, len(windows))):
        comparison = compare(others, window, tests=measures, columns=columns)
        found: dict[str, dict[str, float]] = {}
        for column, test, value in _values(comparison):
            found.setdefault(column, {})[test] = value
        seen.append(found)
    scores = [
        max(
            (
                value / _scale(seen, column, test, without=place)
                for column, tests in own.items()
                for test, value in tests.items()
            ),
            default=0.0,
        )
        for place, own in enumerate(seen)
    ]
    rank = math.ceil((1 - rate) * (len(windows) + 1) - 1e-9)
    keys = sorted({(column, test) for own in seen for column, tests in own.items() for test in tests})
    scales: dict[str, dict[str, float]] = {}
    for column, test in keys:
        scales.setdefault(column, {})[test] = _scale(seen, column, test)
    return CalibratedRule(
        scales=scales,
        limit=sorted(scores)[rank - 1],
        rate=rate,
        windows=len(windows),
        least_rows=min(window.rows for window in windows),
    )


def _left_out(windows: Sequence[Profile], folds: int) -> Iterator[tuple[Profile, Profile]]:
    """Each window and the merge of the blocks that it is not in; no more than one such merge is held at a time."""
    ends = [len(windows) * place // folds for place in range(folds + 1)]
    blocks = [merged_profile(windows[start:end]) for start, end in pairwise(ends)]
    for place, (start, end) in enumerate(pairwise(ends)):
        others = merged_profile(block for number, block in enumerate(blocks) if number != place)
        for window in windows[start:end]:
            yield window, others


def _values(comparison: Comparison) -> Iterator[tuple[str, str, float]]:
    """Column, measure and the measure times the root of the effective number of rows."""
    for name, column in comparison.columns.items():
        n, m = column.rows
        size = n * m / (n + m) if n + m else 0.0
        for test, measured in column.tests.items():
            # Below one row's weight nothing is usual: a column without a missing value has a median of 0.
            yield name, test, max(abs(measured.value), 1 / max(m, 1)) * math.sqrt(size)


def _scale(seen: Sequence[Mapping[str, Mapping[str, float]]], column: str, test: str, without: int = -1) -> float:
    values = [own[column][test] for place, own in enumerate(seen) if place != without and test in own.get(column, {})]
    return median(values) if values else math.inf


def _scores(comparison: Comparison, scales: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str, float]]:
    for column, test, value in _values(comparison):
        scale = scales.get(column, {}).get(test)
        if scale:
            yield column, test, value / scale
