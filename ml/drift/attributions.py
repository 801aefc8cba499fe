"""Feature attribution drift: whether the model still decides by the features that it decided by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.drift.errors import DriftError
from ml.drift.tables import columns_of, numbers

LEAST = 0.9
"""Score below which SageMaker Clarify logs a violation
(https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-model-attribution-drift-violations.html)."""


class Attributions:
    """The mean size of each feature's attribution, which grows by batches: Clarify's `mean_abs`.

    What attributes is the caller's choice (SHAP, permutation, a linear model's contributions); both sides of a
    comparison must have the same.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sums: dict[str, float] = {}

    def add(self, table: Any) -> None:
        """Add rows: one column a feature, one attribution a row, in any table that a Profile takes. Raises DriftError
        for attributions that are no numbers and for features that differ from those before."""
        columns = {name: numbers(values, "number")[0] for name, values in columns_of(table)}
        if self.rows and columns.keys() != self._sums.keys():
            odd = ", ".join(sorted(columns.keys() ^ self._sums.keys()))
            raise DriftError(f"Attributions are of the same features in every batch; these differ: {odd}.")
        for name, values in columns.items():
            if not np.isfinite(values).all():
                raise DriftError(f"The attributions of {name} are not all numbers.")
            self._sums[name] = self._sums.get(name, 0.0) + float(np.abs(values).sum())
        self.rows += len(next(iter(columns.values()), ()))

    def merge(self, other: "Attributions") -> None:
        """Add what another has seen."""
        if self.rows and other.rows and self._sums.keys() != other._sums.keys():
            raise DriftError("Attributions of different features cannot be merged.")
        for name, total in other._sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + total
        self.rows += other.rows

    def to_json(self) -> dict[str, Any]:
        """As a JSON document."""
        return {"rows": self.rows, "sums": self._sums}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Attributions":
        """What `to_json` made."""
        made = cls()
        made.rows, made._sums = document["rows"], dict(document["sums"])
        return made

    @property
    def scores(self) -> dict[str, float]:
        """Mean size by feature, the largest first."""
        ordered = sorted(self._sums.items(), key=lambda one: (-one[1], one[0]))
        return {name: total / self.rows for name, total in ordered} if self.rows else {}


@dataclass(frozen=True, kw_only=True)
class AttributionDrift:
    """score: nDCG, 1 where the order is the same. places: of each feature, in the reference's order: its place in the
    reference and now, counted from 1. shares: likewise its share of the sum of all attributions, 0 where that is 0.
    rows: that the reference's and the current attributions are of, where they are known. drifted: whether the score is
    below `least`."""

    score: float
    least: float
    places: Mapping[str, tuple[int, int]]
    shares: Mapping[str, tuple[float, float]]
    rows: tuple[int, int] = (0, 0)

    @property
    def gone_over(self) -> float:
        """Part of all attribution that is another feature's now: the total variation distance of the shares, 0 to 1."""
        return math.fsum(abs(now - before) for before, now in self.shares.values()) / 2

    @property
    def largest(self) -> tuple[str, ...]:
        """Features whose share changed by at least half as much as any did, the largest change first."""
        changes = {name: abs(now - before) for name, (before, now) in self.shares.items()}
        least = max(changes.values(), default=0.0) / 2
        return tuple(sorted((name for name in changes if changes[name] >= least > 0), key=lambda name: -changes[name]))

    @property
    def drifted(self) -> bool:
        """Whether the score is below the least."""
        return self.score < self.least

    @property
    def moved(self) -> tuple[str, ...]:
        """Features whose place changed, the largest change first."""
        changes = {name: abs(now - before) for name, (before, now) in self.places.items() if now != before}
        return tuple(sorted(changes, key=lambda name: -changes[name]))


def attribution_drift(
    reference: Mapping[str, float], current: Mapping[str, float], least: float = LEAST
) -> AttributionDrift:
    """The normalised discounted cumulative gain of the current order of features, as SageMaker Clarify measures it.

    DCG = Σ a(f_i) / log2(i + 1) over the features f_1, f_2, … by their current attribution, a being the reference's,
    divided by the same sum in the reference's own order (sklearn.metrics.ndcg_score, which Clarify's page names). It
    falls where features that mattered lose their place. reference, current: size of the attribution by feature. Raises
    DriftError where the features differ.
    """
    if reference.keys() != current.keys() or not reference:
        odd = ", ".join(sorted(reference.keys() ^ current.keys())) or "there are none"
        raise DriftError(f"Attributions are compared of the same features: {odd}.")
    before = sorted(reference, key=lambda name: (-abs(reference[name]), name))
    # Features of one size stay in the reference's order: a tie is no change.
    now = sorted(before, key=lambda name: -abs(current[name]))
    gains = [_gain([abs(reference[name]) for name in order]) for order in (now, before)]
    sums = [math.fsum(map(abs, sizes.values())) or 1.0 for sizes in (reference, current)]
    return AttributionDrift(
        score=gains[0] / gains[1] if gains[1] else 1.0,
        least=least,
        places={name: (number, now.index(name) + 1) for number, name in enumerate(before, 1)},
        shares={name: (abs(reference[name]) / sums[0], abs(current[name]) / sums[1]) for name in before},
    )


def _gain(sizes: list[float]) -> float:
    return math.fsum(size / math.log2(place + 1) for place, size in enumerate(sizes, 1))
