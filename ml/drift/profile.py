"""What a table is like, in one pass and bounded memory: the reference that later rows are held against."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.drift.attributions import Attributions
from ml.drift.columns import KINDS, CategoryColumn, Column, Kind, NumberColumn, column_from_json, new_column
from ml.drift.errors import DriftError
from ml.drift.frequencies import CATEGORIES
from ml.drift.quantiles import EXACT
from ml.drift.tables import categories as categories_in
from ml.drift.tables import columns_of, kind_of, numbers

SCHEMA = 1
"""Version of the JSON document; a profile of a newer one is refused."""


class Profile:
    """A summary of rows that come in batches, on one machine or on several.

    kinds: what columns hold where their type does not say it: a number that is a code is a `category`. columns: names
    of the columns to keep; all of them without it. exact: distinct values up to which a number column is kept exactly
    (see Quantiles for memory and error beyond). categories: likewise for categories (see Frequencies).

    The kind of a column is settled by the first batch that has a value in it. A column that a batch does not have is
    missing in all of its rows.
    """

    def __init__(
        self,
        *,
        kinds: Mapping[str, Kind] | None = None,
        columns: Iterable[str] | None = None,
        exact: int = EXACT,
        categories: int = CATEGORIES,
    ) -> None:
        for name, kind in (kinds or {}).items():
            if kind not in KINDS:
                raise DriftError(f"Column {name}: {kind!r} is no kind; the kinds are {', '.join(KINDS)}.")
        self.rows = 0
        self.columns: dict[str, Column] = {}
        self._kinds: dict[str, Kind] = dict(kinds or {})
        self._wanted = None if columns is None else frozenset(columns)
        self._exact = exact
        self._categories = categories
        self._empty: dict[str, None] = {}
        """Columns that have had no value yet, so that their kind is not known."""
        self.attributions: dict[str, Attributions] = {}
        """What the columns had to do with a model's answers, where somebody has put that here; by segment, that of all
        rows under ""."""

    def add(self, table: Any) -> None:
        """Add a batch: a pandas data frame, an Arrow table or batch, or a mapping of names to arrays or lists.

        Raises DriftError for what is no table and for columns of different lengths.
        """
        found = [(name, values) for name, values in columns_of(table) if self._wanted is None or name in self._wanted]
        lengths = {len(values) for _, values in found}
        if len(lengths) > 1:
            listed = ", ".join(f"{name} {len(values):,}" for name, values in found)
            raise DriftError(f"The columns of a table are of one length, and these are not: {listed}.")
        rows = lengths.pop() if lengths else 0
        for name, values in found:
            self._add(name, values, rows)
        self.rows += rows
        self._fill()

    def merge(self, other: "Profile") -> None:
        """Add the rows of another profile, which stays as it is. Raises DriftError where a column's kind differs."""
        for name, theirs in other.columns.items():
            mine = self.columns.get(name)
            if mine is None:
                mine = self._column(name, theirs.kind)
            if mine.kind != theirs.kind:
                raise DriftError(
                    f"Column {name} is a {mine.kind} here and a {theirs.kind} in the profile to be merged."
                )
            if isinstance(mine, NumberColumn):
                assert isinstance(theirs, NumberColumn)
                mine.merge(theirs)
            else:
                assert isinstance(theirs, CategoryColumn)
                mine.merge(theirs)
        self._empty.update({name: None for name in other._empty if name not in self.columns})
        for segment, attributions in other.attributions.items():
            self.attributions.setdefault(segment, Attributions()).merge(attributions)
        self.rows += other.rows
        self._fill()

    def copy(self) -> "Profile":
        """Another one with the same rows, which can be added to by itself."""
        made = self._new(self._kinds, self._wanted)
        made.merge(self)
        return made

    def like(self) -> "Profile":
        """An empty profile of the same columns and kinds: what rows are added to that are held against this one."""
        kinds: dict[str, Kind] = {name: column.kind for name, column in self.columns.items()}
        return self._new({**self._kinds, **kinds}, None)

    def with_columns(self, more: Mapping[str, Column]) -> "Profile":
        """The same rows with more columns; it shares all of them, so nothing is added to it."""
        made = Profile(exact=self._exact, categories=self._categories)
        made.rows, made.columns, made._empty = self.rows, {**self.columns, **more}, self._empty
        made.attributions = self.attributions
        return made

    def beside(self, current: "Profile") -> tuple["Profile", "Profile"]:
        """This one and another as they are compared, column by column."""
        return self, current

    def names(self) -> Iterator[str]:
        """All columns, with those that have no value in any row."""
        yield from self.columns
        yield from self._empty

    def to_json(self) -> dict[str, Any]:
        """The document that `save` writes."""
        attributions = {segment: one.to_json() for segment, one in self.attributions.items()}
        return {
            "schema": SCHEMA,
            "rows": self.rows,
            "exact": self._exact,
            "categories": self._categories,
            "columns": {name: column.to_json() for name, column in self.columns.items()},
            "empty": list(self._empty),
            **({"attributions": attributions} if attributions else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], source: str = "the profile") -> "Profile":
        """What `to_json` made. source: how errors call it. Raises DriftError for what is none, or is newer."""
        schema = document.get("schema")
        if not isinstance(schema, int):
            raise DriftError(f"{source} is no profile: it has no `schema`.")
        if schema > SCHEMA:
            raise DriftError(
                f"{source} is of version {schema}, and this release reads up to {SCHEMA}: update Groundwork here, or "
                "make the profile again with this release."
            )
        try:
            made = cls._of(document)
            made.rows = document["rows"]
            made.columns = {name: column_from_json(column) for name, column in document["columns"].items()}
            made._empty = dict.fromkeys(document["empty"])
            for segment, one in document.get("attributions", {}).items():
                made.attributions[segment] = Attributions.from_json(one)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DriftError(f"{source} is damaged ({type(error).__name__}: {error}). Make it again.") from None
        return made

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self.to_json()))

    @classmethod
    def load(cls, path: Path) -> "Profile":
        """Read what `save` wrote. Raises DriftError, also where there is no such file."""
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DriftError(f"{path} cannot be read as a profile: {error}.") from None
        if not isinstance(document, dict):
            raise DriftError(f"{path} is no profile: it is no JSON object.")
        return cls.from_json(document, str(path))  # pyright: ignore[reportUnknownArgumentType]

    def _new(self, kinds: Mapping[str, Kind], columns: Iterable[str] | None) -> "Profile":
        """An empty one that is made as this one was."""
        return Profile(kinds=kinds, columns=columns, exact=self._exact, categories=self._categories)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> "Profile":
        return Profile(exact=document["exact"], categories=document["categories"])

    def _add(self, name: str, values: Any, rows: int) -> None:
        column = self.columns.get(name)
        if column is None:
            kind = self._kinds.get(name) or kind_of(values)
            if kind is None:
                self._empty[name] = None
                return
            column = self._column(name, kind)
        if isinstance(column, NumberColumn):
            column.add(*numbers(values, column.kind))
        else:
            column.add(*categories_in(values))

    def _column(self, name: str, kind: Kind) -> Column:
        """A new column, missing in all rows so far."""
        self._empty.pop(name, None)
        column = self.columns[name] = new_column(kind, exact=self._exact, categories=self._categories)
        column.add_missing(self.rows)
        return column

    def _fill(self) -> None:
        for column in self.columns.values():
            if column.rows < self.rows:
                column.add_missing(self.rows - column.rows)


def profile_of(table: Any, *, kinds: Mapping[str, Kind] | None = None, like: Profile | None = None) -> Profile:
    """The profile of one table. like: another profile, whose kinds of columns it shall have."""
    made = like.like() if like is not None else Profile(kinds=kinds)
    made.add(table)
    return made


def merged_profile(parts: Iterable[Profile]) -> Profile:
    """One profile of all rows. Raises DriftError where there is none to merge."""
    whole: Profile | None = None
    for part in parts:
        if whole is None:
            whole = part.copy()
        else:
            whole.merge(part)
    if whole is None:
        raise DriftError("There is no profile to merge.")
    return whole
