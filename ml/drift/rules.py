"""Rules that turn a comparison into a verdict: by p-values, with a stated rate of false alarms, or by fixed thresholds.

The third rule, for rows that are not independent of each other, is `ml.drift.calibration`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ml.drift.comparison import TESTS, ColumnComparison, Comparison
from ml.drift.errors import DriftError

Control = Literal["benjamini-hochberg", "bonferroni"]
CONTROLS: tuple[Control, ...] = ("benjamini-hochberg", "bonferroni")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Why a column counts as drifted.

    test: the measure, see TESTS. value: what was measured; limit: what it may be. Both are p-values where `by_p_value`.
    text: the same as a sentence without the column's name.
    """

    column: str
    test: str
    value: float
    limit: float
    by_p_value: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a rule says of a window.

    drifted: whether any column did. findings: the strongest first. rule: the rule in words. false_alarm_rate: share of
    windows without drift that may still be called drifted at most; None where the rule states none. judged: False
    where there was too little to judge, and `reason` says what.
    """

    findings: Sequence[Finding]
    rule: str
    false_alarm_rate: float | None
    judged: bool = True
    reason: str = ""

    @property
    def drifted(self) -> bool:
        """Whether any column drifted."""
        return bool(self.findings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The drifted columns, the strongest first, each once."""
        return tuple(dict.fromkeys(finding.column for finding in self.findings))


class Rule(Protocol):
    """What judges a comparison."""

    def judge(self, comparison: Comparison) -> Verdict:
        """The verdict on one window."""
        ...


@dataclass(frozen=True, kw_only=True)
class PValueRule:
    """Drift where a p-value is too small to be chance, with all tests of all columns of a window counted together.

    rate: share of windows without drift in which any column may be called drifted. It holds for rows that are drawn
    independently: with `bonferroni` (p ≤ rate / tests) whatever the columns have to do with each other, and with
    `benjamini-hochberg` (Benjamini and Hochberg 1995; the k-th smallest p ≤ k·rate / tests), which finds more, where
    the columns are independent or positively dependent (Benjamini and Yekutieli 2001): without any drift its false
    discovery rate is the probability of a false alarm. Rows of a stream depend on each other: use a CalibratedRule.
    tests: measures with a p-value that take part. effects: least values of other measures, by name, that a column must
    have too, so that in large windows a difference that is real and small is no alarm; that only lowers the rate.
    """

    rate: float = 0.05
    control: Control = "benjamini-hochberg"
    tests: Sequence[str] = ("ks", "chi_squared", "missing")
    effects: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise DriftError(f"A rate of false alarms is between 0 and 1, and not {self.rate:g}.")
        if self.control not in CONTROLS:
            raise DriftError(f"{self.control!r} controls no error rate; there are {', '.join(CONTROLS)}.")
        _known([*self.tests, *self.effects])

    def judge(self, comparison: Comparison) -> Verdict:
        """The verdict on one window."""
        family = sorted(
            (measured.p_value, column.column, test)
            for column in comparison.columns.values()
            for test, measured in column.tests.items()
            if test in self.tests and measured.p_value is not None
        )
        limit = self._limit([p_value for p_value, _, _ in family])
        findings = [
            Finding(
                column=name,
                test=test,
                value=p_value,
                limit=limit,
                by_p_value=True,
                text=f"{said(comparison.columns[name], test)}, p {p_value:.2g} (up to {limit:.2g} is drift)",
            )
            for p_value, name, test in family
            if p_value <= limit and self._large_enough(comparison.columns[name])
        ]
        words = f"p-values of {len(family)} tests, {self.control} at {self.rate:g} a window"
        return Verdict(findings=findings, rule=words, false_alarm_rate=self.rate)

    def _limit(self, ordered: Sequence[float]) -> float:
        count = len(ordered)
        if not count:
            return 0.0
        if self.control == "bonferroni":
            return self.rate / count
        passed = [place for place, p_value in enumerate(ordered, 1) if p_value <= place * self.rate / count]
        return passed[-1] * self.rate / count if passed else self.rate / count

    def _large_enough(self, column: ColumnComparison) -> bool:
        return all(
            abs(column.tests[test].value) >= least for test, least in self.effects.items() if test in column.tests
        )


@dataclass(frozen=True, kw_only=True)
class ThresholdRule:
    """Drift where a measure reaches a fixed value. No rate of false alarms follows from it: it depends on the window.

    limits: by measure. The defaults are Evidently's for more than 1,000 rows (Wasserstein 0.1 of numbers,
    Jensen-Shannon 0.1 of categories: https://docs.evidentlyai.com/metrics/explainer_drift), with the credit scorers'
    0.25 for the PSI (Siddiqi 2006) where it is asked for. missing: least difference of the shares of missing values.
    """

    numbers: Mapping[str, float] = field(default_factory=lambda: {"wasserstein": 0.1})
    categories: Mapping[str, float] = field(default_factory=lambda: {"jensen_shannon": 0.1})
    missing: float | None = 0.1

    def __post_init__(self) -> None:
        _known([*self.numbers, *self.categories])

    def judge(self, comparison: Comparison) -> Verdict:
        """The verdict on one window, the column that is furthest above its limit first."""
        findings: list[Finding] = []
        for column in comparison.columns.values():
            limits = dict(self.numbers if column.kind in ("number", "time") else self.categories)
            if self.missing is not None:
                limits["missing"] = self.missing
            for test, limit in limits.items():
                measured = column.tests.get(test)
                if measured is not None and abs(measured.value) >= limit:
                    findings.append(
                        Finding(
                            column=column.column,
                            test=test,
                            value=measured.value,
                            limit=limit,
                            by_p_value=False,
                            text=f"{said(column, test)} (from {limit:g} on is drift)",
                        )
                    )
        findings.sort(key=lambda one: -abs(one.value) / one.limit if one.limit else float("-inf"))
        return Verdict(findings=findings, rule="fixed thresholds", false_alarm_rate=None)


def said(column: ColumnComparison, test: str) -> str:
    """A measure in words; of missing values and attributions both shares."""
    if test == "attribution" and column.attribution is not None:
        return str(column.attribution)
    if test == "missing":
        before, now = (gone / rows if rows else 0.0 for gone, rows in zip(column.missing, column.rows, strict=True))
        return f"missing values {before:.2%} before, {now:.2%} now"
    return f"{TESTS[test]} {column.tests[test].value:.4g}"


def _known(tests: Sequence[str]) -> None:
    for test in tests:
        if test not in TESTS:
            raise DriftError(f"{test!r} is no measure; there are {', '.join(TESTS)}.")
