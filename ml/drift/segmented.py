"""A profile that holds each segment of the rows beside all of them, so that one rule judges both.

A segment's column is compared like any other, under a name of its own: a rule's rate of false alarms counts them in,
and needs no more windows for it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ml.drift.columns import Kind, column_in, label_of
from ml.drift.frequencies import CATEGORIES
from ml.drift.profile import Profile
from ml.drift.quantiles import EXACT
from ml.drift.segments import SEGMENTS, Segments
from ml.drift.tables import columns_of

LEAST_ROWS = 50
"""Rows of a segment, on both sides, from which on it is compared."""


class SegmentedProfile(Profile):
    """A profile whose columns are compared in each segment, too, as `COLUMN (BY=VALUE)`.

    by: the column that makes the segments. A batch without it counts in the whole alone. The segments are the values
    that came until the first `like`, `most` of them; rows of all others are in `BY=others`. What else: as in Profile.
    """

    def __init__(
        self,
        by: str,
        *,
        most: int = SEGMENTS,
        kinds: Mapping[str, Kind] | None = None,
        columns: Iterable[str] | None = None,
        exact: int = EXACT,
        categories: int = CATEGORIES,
    ) -> None:
        super().__init__(kinds=kinds, columns=columns, exact=exact, categories=categories)
        self.segments = Segments(by, most=most, kinds=kinds, columns=columns)

    def add(self, table: Any) -> None:
        """Add a batch. Raises DriftError as a Profile does."""
        super().add(table)
        columns = dict(columns_of(table))
        if self.segments.by in columns:
            self.segments.add(columns)

    def merge(self, other: Profile) -> None:
        """Add the rows of another one, which stays as it is. Raises DriftError where kinds or segments differ."""
        super().merge(other)
        if isinstance(other, SegmentedProfile):
            self.segments.merge(other.segments)

    def like(self) -> Profile:
        """An empty one of the same columns, kinds and segments."""
        made = super().like()
        assert isinstance(made, SegmentedProfile)
        made.segments = self.segments.like()
        return made

    def beside(self, current: Profile) -> tuple[Profile, Profile]:
        """Both with the columns of those segments that have LEAST_ROWS in both."""
        if not isinstance(current, SegmentedProfile):
            return self, current
        by, now = self.segments.by, current.segments.profiles
        pairs = [
            (column_in(name, label_of(by, value)), column, now[value].columns[name])
            for value, profile in self.segments.profiles.items()
            if value in now and min(profile.rows, now[value].rows) >= LEAST_ROWS
            for name, column in profile.columns.items()
            if name != by and name in now[value].columns
        ]
        before = self.with_columns({name: column for name, column, _ in pairs})
        return before, current.with_columns({name: column for name, _, column in pairs})

    def to_json(self) -> dict[str, Any]:
        """A profile's document with `segments` beside: a release that does not know them reads the whole."""
        profiles = {value: profile.to_json() for value, profile in self.segments.profiles.items()}
        return {**super().to_json(), "segments": {"by": self.segments.by, "profiles": profiles}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], source: str = "the profile") -> Profile:
        """What `to_json` made, also that of a profile without segments. Raises DriftError as Profile's does."""
        made = super().from_json(document, source)
        if isinstance(made, SegmentedProfile):
            for value, profile in document["segments"]["profiles"].items():
                made.segments.profiles[value] = Profile.from_json(profile, f"{source}, segment {value}")
        return made

    def _new(self, kinds: Mapping[str, Kind], columns: Iterable[str] | None) -> Profile:
        more = {"exact": self._exact, "categories": self._categories}
        return SegmentedProfile(self.segments.by, most=self.segments.most, kinds=kinds, columns=columns, **more)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Profile:
        if "segments" not in document:
            return super()._of(document)
        by = document["segments"]["by"]
        return SegmentedProfile(by, exact=document["exact"], categories=document["categories"])
