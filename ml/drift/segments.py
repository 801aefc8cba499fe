"""Drift by segment: a profile for each value of a column, so that what moves for some is not lost among all."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.drift.columns import Kind, label_of
from ml.drift.comparison import Comparison, compare
from ml.drift.errors import DriftError
from ml.drift.profile import Profile
from ml.drift.rules import PValueRule, Rule, Verdict
from ml.drift.tables import category, columns_of, is_missing, taken

OTHERS = "others"
"""The segment of all values that have none of their own."""
MISSING = "missing"
"""The segment of rows without a value."""
SEGMENTS = 20


class Segments:
    """Profiles by the value of one column.

    by: that column. most: segments with a profile of their own, the first values that occur; rows of all other values
    are in `others`, so memory is bounded by most + 2 profiles. kinds and the rest: as in Profile.
    """

    def __init__(
        self,
        by: str,
        *,
        most: int = SEGMENTS,
        kinds: Mapping[str, Kind] | None = None,
        columns: Iterable[str] | None = None,
    ) -> None:
        self.by = by
        self.profiles: dict[str, Profile] = {}
        self.most = most
        self._kinds: dict[str, Kind] = dict(kinds or {})
        self._columns = None if columns is None else frozenset(columns)
        self._closed = False

    def like(self) -> "Segments":
        """Empty ones of the same values and kinds: what rows are added to that are held against these. Values that
        these do not have go to `others`; where these have none yet, the first that come are kept."""
        kinds = dict(self._kinds)
        for profile in self.profiles.values():
            kinds.update({name: column.kind for name, column in profile.columns.items()})
        made = Segments(self.by, most=self.most, kinds=kinds, columns=self._columns)
        made.profiles = {name: Profile(kinds=kinds, columns=self._columns) for name in self.profiles}
        made._closed = bool(self.profiles)
        return made

    def add(self, table: Any) -> None:
        """Add a batch. Raises DriftError where it does not have the column."""
        columns = dict(columns_of(table))
        if self.by not in columns:
            raise DriftError(f"There is no column {self.by} to make segments by; there are {', '.join(columns)}.")
        for name, rows in _groups(columns[self.by]).items():
            self._profile(name).add({column: taken(values, rows) for column, values in columns.items()})

    def merge(self, other: "Segments") -> None:
        """Add the rows of others of the same column. What finds no room goes to `others`."""
        if self.by != other.by:
            raise DriftError(f"Segments by {self.by} and by {other.by} cannot be merged.")
        for name, profile in other.profiles.items():
            self._profile(name).merge(profile)

    def parts(self, values: Any) -> dict[str, NDArray[np.intp]]:
        """Which rows of a column `by` are in which of these segments, by the segments' labels."""
        found: dict[str, list[NDArray[np.intp]]] = {}
        for name, rows in _groups(values).items():
            found.setdefault(name if name in (*self.profiles, MISSING) else OTHERS, []).append(rows)
        return {label_of(self.by, name): np.concatenate(parts) for name, parts in found.items()}

    def _profile(self, name: str) -> Profile:
        own = [known for known in self.profiles if known not in (OTHERS, MISSING)]
        if name not in self.profiles and name != MISSING and (self._closed or len(own) >= self.most):
            name = OTHERS
        if name not in self.profiles:
            self.profiles[name] = Profile(kinds=self._kinds, columns=self._columns)
        return self.profiles[name]


def compare_segments(
    reference: Segments, current: Segments, *, tests: Iterable[str] | None = None, least_rows: int = 50
) -> dict[str, Comparison]:
    """The comparison of each segment that has `least_rows` on both sides."""
    chosen = None if tests is None else tuple(tests)
    return {
        name: compare(profile, current.profiles[name], tests=chosen)
        for name, profile in reference.profiles.items()
        if name in current.profiles and min(profile.rows, current.profiles[name].rows) >= least_rows
    }


def judge_segments(rule: Rule, comparisons: Mapping[str, Comparison]) -> dict[str, Verdict]:
    """The verdict on each segment. Of a PValueRule each gets its part of the rate, so that the rate is the window's;
    any other rule is asked as it is."""
    if isinstance(rule, PValueRule) and comparisons:
        rule = replace(rule, rate=rule.rate / len(comparisons))
    return {name: rule.judge(comparison) for name, comparison in comparisons.items()}


def _groups(values: Any) -> dict[str, NDArray[np.intp]]:
    """Numbers of the rows of each value, in the order of the rows."""
    listed: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    known: dict[tuple[str, Hashable], str] = {}
    names: dict[str, int] = {}
    codes = np.empty(len(listed), dtype=np.intp)
    for place, value in enumerate(listed):
        key = (type(value).__name__, value if isinstance(value, Hashable) else str(value))
        name = known.get(key)
        if name is None:
            name = MISSING if is_missing(value) else category(value)
            known[key] = name
        codes[place] = names.setdefault(name, len(names))
    order = codes.argsort(kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {name: order[ends[code] : ends[code + 1]] for name, code in names.items()}
