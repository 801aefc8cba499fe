"""What is expected of a data set: the file `expectations.yaml` as typed models.

One file describes one table; its data sets (train, test, what an endpoint is asked) share the columns. A share is a
number from 0 to 1. This module runs in the job that checks the data too: it needs pydantic and nothing else.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ml.durations import Seconds

Share = Annotated[float, Field(ge=0, le=1)]
Bound = float | datetime | date | None
ColumnType = Literal["integer", "number", "text", "boolean", "time"]


class ExpectationModel(BaseModel):
    """Part of the file: a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Outliers(ExpectationModel):
    """Values that are possible and rare."""

    below: float | None = Field(default=None, description="A value below this is an outlier.")
    above: float | None = Field(default=None, description="A value above this is an outlier.")
    at_most: Share = Field(default=0.01, description="Largest share of values that may be outliers.")

    @model_validator(mode="after")
    def _check(self) -> "Outliers":
        if self.below is None and self.above is None:
            raise ValueError("give below, above or both")
        return self


class Bands(ExpectationModel):
    """How a number was distributed in the reference: the share of values in each band between the edges."""

    edges: tuple[float, ...] = Field(min_length=1, description="Edges between the bands, ascending.")
    shares: tuple[Share, ...] = Field(description="One more than there are edges: the first is below them all.")

    @model_validator(mode="after")
    def _check(self) -> "Bands":
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bands, not {len(self.shares)}")
        return self


class Column(ExpectationModel):
    """What is expected of one column."""

    type: ColumnType = Field(description="What each value is. time: ISO 8601, such as 2026-11-21 or …T09:30:00Z.")
    personal: bool = Field(default=False, description="Its values appear in no report, log, result or capture.")
    optional: bool = Field(default=False, description="A data set may lack the whole column.")
    missing: Share = Field(default=0.0, description="Largest share of values that may be missing.")
    unique: bool = Field(default=False, description="No value twice.")
    range: tuple[Bound, Bound] | None = Field(
        default=None, description="Smallest and largest value; null for none. Of numbers and times."
    )
    outliers: Outliers | None = Field(default=None, description="Of numbers.")
    values: tuple[str | int | float | bool, ...] | None = Field(
        default=None, min_length=1, description="All values that there may be."
    )
    pattern: str | None = Field(default=None, description="Regular expression that a whole text matches.")
    shares: dict[str, Share] | None = Field(
        default=None, min_length=1, description="Share of each value in the reference, by its text."
    )
    bands: Bands | None = Field(default=None, description="Distribution of a number in the reference.")
    drift: float | None = Field(
        default=None,
        gt=0,
        description="Largest Kullback-Leibler divergence (nats) from `shares` or `bands`; 0 is no difference.",
    )

    @model_validator(mode="after")
    def _check(self) -> "Column":
        numeric = self.type in ("integer", "number")
        if self.range and not (numeric or self.type == "time"):
            raise ValueError("range is for numbers and times; a text has values or a pattern")
        if (self.outliers or self.bands) and not numeric:
            raise ValueError("outliers and bands are for integer and number columns")
        if self.pattern is not None and self.type != "text":
            raise ValueError("pattern is for text columns")
        if self.shares and self.bands:
            raise ValueError("give shares or bands, not both")
        if self.drift is not None and not (self.shares or self.bands):
            raise ValueError("drift needs the reference's shares or bands; `ml data infer` writes them")
        return self

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, value: str | None) -> str | None:
        import re

        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"{value!r} is not a regular expression: {error}") from error
        return value

    @field_validator("range")
    @classmethod
    def _check_range(cls, value: tuple[Bound, Bound] | None) -> tuple[Bound, Bound] | None:
        if value is not None:
            low, high = (instant(bound) for bound in value)
            if low is None and high is None:
                raise ValueError("give at least one of the two")
            if low is not None and high is not None and low > high:
                raise ValueError("the first is the smallest value, the second the largest")
        return value


class Rows(ExpectationModel):
    """How many rows a data set has."""

    at_least: int = Field(default=1, ge=0, description="Fewest rows.")
    at_most: int | None = Field(default=None, ge=1, description="Most rows.")


class Leakage(ExpectationModel):
    """Rows of one data set that are in another one too."""

    between: tuple[str, str] = Field(description="The two data sets, such as [train, test].")
    key: tuple[str, ...] = Field(
        default=(), description="Columns by which two rows are the same one; without them, all columns."
    )
    at_most: Share = Field(default=0.0, description="Largest share of the second's rows that are in the first.")


class Freshness(ExpectationModel):
    """How old the newest row may be."""

    column: str = Field(description="A column of type time.")
    at_most: Seconds = Field(description="Greatest age of its newest value, such as 30d.")


class DataSet(ExpectationModel):
    """What is different for one data set."""

    without: tuple[str, ...] = Field(default=(), description="Columns that it does not have, such as the label.")
    rows: Rows | None = Field(default=None, description="In place of the file's own rows.")
    files: str | None = Field(default=None, description="Pattern of the files to read, such as *.csv; all without it.")


class Expectations(ExpectationModel):
    """What is expected of a table."""

    version: Literal[1] = Field(default=1, description="Of this file's form.")
    columns: dict[str, Column] = Field(min_length=1, description="By name.")
    other_columns: Literal["refuse", "allow"] = Field(default="refuse", description="Columns that are not named here.")
    header: bool = Field(default=True, description="Whether CSV files begin with names; if not, the order is as here.")
    rows: Rows = Field(default_factory=lambda: Rows.model_validate({}), description="How many there are.")
    duplicates: Share | None = Field(
        default=None, description="Largest share of rows that are there more than once; not checked where left out."
    )
    unique: tuple[tuple[str, ...], ...] = Field(default=(), description="Columns that together are never twice.")
    leakage: Leakage | None = None
    freshness: Freshness | None = None
    datasets: dict[str, DataSet] = Field(default_factory=dict, description="What is different for one of them.")

    @model_validator(mode="after")
    def _check(self) -> "Expectations":
        named: list[tuple[str, str]] = [("unique", name) for group in self.unique for name in group]
        if self.leakage:
            named += [("leakage.key", name) for name in self.leakage.key]
        if self.freshness:
            named.append(("freshness.column", self.freshness.column))
        for dataset, different in self.datasets.items():
            named += [(f"datasets.{dataset}.without", name) for name in different.without]
        for field, name in named:
            if name not in self.columns:
                raise ValueError(f"{field}: {name!r} is none of the columns ({', '.join(self.columns)})")
        if self.freshness and self.columns[self.freshness.column].type != "time":
            raise ValueError(f"freshness.column: {self.freshness.column!r} is not of type time")
        return self

    @property
    def personal(self) -> tuple[str, ...]:
        """Names of the columns whose values are nobody's business."""
        return tuple(name for name, column in self.columns.items() if column.personal)

    def columns_of(self, dataset: str) -> dict[str, Column]:
        """The columns that a data set has."""
        without = self.datasets[dataset].without if dataset in self.datasets else ()
        return {name: column for name, column in self.columns.items() if name not in without}

    def rows_of(self, dataset: str) -> Rows:
        """How many rows a data set has."""
        different = self.datasets.get(dataset)
        return different.rows if different and different.rows else self.rows


def instant(bound: Bound) -> float | None:
    """A bound as a number; a time is seconds since 1970, in UTC where it names no zone."""
    from datetime import UTC

    if isinstance(bound, datetime):
        return (bound if bound.tzinfo else bound.replace(tzinfo=UTC)).timestamp()
    if isinstance(bound, date):
        return datetime(bound.year, bound.month, bound.day, tzinfo=UTC).timestamp()
    return bound
