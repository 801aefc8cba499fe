"""A profile held against a reference: each column's measures, chosen by what it holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ml.drift.attributions import AttributionDrift, attribution_drift
from ml.drift.columns import CategoryColumn, Column, NumberColumn, column_in
from ml.drift.errors import DriftError
from ml.drift.frequencies import Frequencies
from ml.drift.metrics import (
    Counts,
    Grid,
    Measured,
    chi_squared,
    chi_squared_fit,
    decile_edges,
    equal_edges,
    grid,
    jensen_shannon,
    kolmogorov_smirnov,
    missing_share,
    population_stability,
    rows_between_edges,
    rows_up_to_edges,
    wasserstein,
)
from ml.drift.profile import Profile
from ml.drift.quantiles import Steps

TESTS = {
    "ks": "Kolmogorov-Smirnov",
    "wasserstein": "Wasserstein distance, in standard deviations",
    "psi": "population stability index",
    "jensen_shannon": "Jensen-Shannon distance",
    "chi_squared": "chi-squared",
    "chi_squared_fit": "chi-squared against the reference's shares",
    "missing": "share of missing values",
    "attribution": "share of what moves the answers",
}
"""Every measure by the name that results and rules call it."""
FEW_VALUES = 5
"""Distinct numbers up to which a number column is compared as categories, as Evidently does."""
MOST_NAMED = 20
"""Categories that are named as new or vanished."""


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """One column's part in the answers, reference, then current: its share of all attributions, and its place among
    the columns, counted from 1."""

    shares: tuple[float, float]
    places: tuple[int, int]

    def __str__(self) -> str:
        (before, now), (place, new_place) = self.shares, self.places
        moved = f"place {place}" if place == new_place else f"place {place}, now {new_place}"
        return f"attribution {before:.1%} before, {now:.1%} now ({moved})"


@dataclass(frozen=True, kw_only=True)
class ColumnComparison:
    """One column beside its reference.

    kind: number, category, boolean or time. rows and missing: reference, then current. tests: measures by name, see
    TESTS; empty but for `missing` where either side has no value. new, vanished: categories that the reference, or the
    current rows, do not have, the most frequent 20 with their rows; new_count, vanished_count: how many there are.
    exact: whether no sketch took part. attribution: what the column has to do with a model's answers, where both sides
    know.
    """

    column: str
    kind: str
    rows: tuple[int, int]
    missing: tuple[int, int]
    tests: Mapping[str, Measured]
    new: Mapping[str, int]
    vanished: Mapping[str, int]
    new_count: int = 0
    vanished_count: int = 0
    exact: bool = True
    attribution: Attributed | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The reference's columns beside the current rows. rows: reference, then current. absent: columns that only the
    reference has; they are compared too, as missing in every row, so that every rule sees that they are gone. added:
    columns that only the current rows have. changed: columns whose kind is another, with both kinds; not compared.
    attributions: how the order of the columns by attribution has changed, by segment, that of all rows under ""."""

    rows: tuple[int, int]
    columns: Mapping[str, ColumnComparison]
    absent: tuple[str, ...]
    added: tuple[str, ...]
    changed: Mapping[str, tuple[str, str]]
    attributions: Mapping[str, AttributionDrift] = field(default_factory=dict[str, AttributionDrift])


def compare(
    reference: Profile,
    current: Profile,
    *,
    tests: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
) -> Comparison:
    """Measure how far the current rows are from the reference.

    tests: names of the measures to compute; without it all that fit: `ks`, `wasserstein`, `psi` and `jensen_shannon` of
    numbers, `chi_squared`, `psi` and `jensen_shannon` of categories and of numbers with at most 5 distinct values,
    `missing` of all, and `attribution` where both profiles have attributions. Times get `missing` alone: they always
    move. columns: those to compare; all without it. Raises DriftError for a measure or a column that is not known.
    """
    chosen = frozenset(TESTS if tests is None else tests) - ({"chi_squared_fit"} if tests is None else frozenset())
    for name in chosen - TESTS.keys():
        raise DriftError(f"{name!r} is no measure; there are {', '.join(TESTS)}.")
    wanted = None if columns is None else frozenset(columns)
    reference, current = reference.beside(current)
    known, found = list(reference.names()), list(current.names())
    for name in (wanted or frozenset()) - frozenset(known) - frozenset(found):
        raise DriftError(f"Neither the reference nor the current rows have a column {name}.")
    compared: dict[str, ColumnComparison] = {}
    changed: dict[str, tuple[str, str]] = {}
    for name in known:
        mine, theirs = reference.columns.get(name), current.columns.get(name)
        if wanted is not None and name not in wanted:
            continue
        if mine is None or theirs is None:
            compared[name] = _without_values(name, mine or theirs, reference.rows, current.rows, mine is None)
        elif mine.kind != theirs.kind:
            changed[name] = (mine.kind, theirs.kind)
        else:
            compared[name] = _column(name, mine, theirs, chosen)
    attributions = _attribute(compared, reference, current) if "attribution" in chosen else {}
    return Comparison(
        rows=(reference.rows, current.rows),
        columns=compared,
        absent=tuple(name for name in known if name not in found and (wanted is None or name in wanted)),
        added=tuple(name for name in found if name not in known and (wanted is None or name in wanted)),
        changed=changed,
        attributions=attributions,
    )


def _attribute(
    compared: dict[str, ColumnComparison], reference: Profile, current: Profile
) -> dict[str, AttributionDrift]:
    """Give each column its attributions; how their order has changed, by segment."""
    found: dict[str, AttributionDrift] = {}
    for label, now in current.attributions.items():
        before = reference.attributions.get(label)
        if before is None or not (before.rows and now.rows):
            continue
        drift = attribution_drift(before.scores, now.scores)
        found[label] = replace(drift, rows=(before.rows, now.rows))
        for feature, shares in drift.shares.items():
            column = compared.get(column_in(feature, label))
            if column is not None:
                tests = {**column.tests, "attribution": Measured(value=shares[1] - shares[0])}
                part = Attributed(shares=shares, places=drift.places[feature])
                compared[column.column] = replace(column, tests=tests, attribution=part)
    return found


def _without_values(name: str, column: Column | None, n: int, m: int, reference_empty: bool) -> ColumnComparison:
    """A column that has no value in any row of one side, or of both."""
    missing = (n, column.missing if column else m) if reference_empty else (column.missing if column else n, m)
    return ColumnComparison(
        column=name,
        kind=column.kind if column else "unknown",
        rows=(n, m),
        missing=missing,
        tests={"missing": missing_share((missing[0], n), (missing[1], m))},
        new={},
        vanished={},
    )


def _column(name: str, mine: Column, theirs: Column, chosen: frozenset[str]) -> ColumnComparison:
    tests: dict[str, Measured] = {}
    new: dict[str, int] = {}
    vanished: dict[str, int] = {}
    exact = True
    if isinstance(mine, CategoryColumn) and isinstance(theirs, CategoryColumn):
        p, q = _category_rows(mine.frequencies, theirs.frequencies)
        exact = not (mine.frequencies.error or theirs.frequencies.error)
        if p.sum() and q.sum():
            tests = _of_categories(p, q, chosen, exact)
        new = _only_in(theirs.frequencies, mine.frequencies)
        vanished = _only_in(mine.frequencies, theirs.frequencies)
    elif isinstance(mine, NumberColumn) and isinstance(theirs, NumberColumn) and mine.kind == "number":
        reference, current = mine.values.steps(), theirs.values.steps()
        exact = not (reference.error or current.error)
        if reference.count and current.count:
            tests = _of_numbers(reference, current, mine.moments.deviation, chosen)
    if "missing" in chosen:
        tests["missing"] = missing_share((mine.missing, mine.rows), (theirs.missing, theirs.rows))
    return ColumnComparison(
        column=name,
        kind=mine.kind,
        rows=(mine.rows, theirs.rows),
        missing=(mine.missing, theirs.missing),
        tests=tests,
        new=_most(new),
        vanished=_most(vanished),
        new_count=len(new),
        vanished_count=len(vanished),
        exact=exact,
    )


def _of_numbers(reference: Steps, current: Steps, deviation: float, chosen: frozenset[str]) -> dict[str, Measured]:
    tests: dict[str, Measured] = {}
    exact = not (reference.error or current.error)
    both: Grid | None = grid(reference, current) if chosen & {"ks", "wasserstein"} or _few(reference) else None
    if both is not None and len(both.values) <= FEW_VALUES and exact:
        # Each distribution function at each value, as rows again.
        p = np.diff(np.rint(both.f * reference.count).astype(np.int64), prepend=0)
        q = np.diff(np.rint(both.g * current.count).astype(np.int64), prepend=0)
        tests = _of_categories(p, q, chosen, exact=True)
    else:
        if both is not None and "ks" in chosen:
            tests["ks"] = kolmogorov_smirnov(both)
        if "psi" in chosen:
            edges = decile_edges(reference)
            counted = rows_up_to_edges(reference, edges), rows_up_to_edges(current, edges)
            tests["psi"] = population_stability(*counted, exact=exact)
        if "jensen_shannon" in chosen:
            edges = equal_edges(reference, current)
            counted = rows_between_edges(reference, edges), rows_between_edges(current, edges)
            tests["jensen_shannon"] = jensen_shannon(*counted, exact=exact)
    if both is not None and "wasserstein" in chosen:
        tests["wasserstein"] = wasserstein(both, deviation)
    return tests


def _few(steps: Steps) -> bool:
    return len(steps.values) <= FEW_VALUES


def _of_categories(p: Counts, q: Counts, chosen: frozenset[str], exact: bool) -> dict[str, Measured]:
    tests: dict[str, Measured] = {}
    if "chi_squared" in chosen:
        tests["chi_squared"] = chi_squared(p, q)
    if "chi_squared_fit" in chosen:
        tests["chi_squared_fit"] = chi_squared_fit(p, q)
    if "psi" in chosen:
        tests["psi"] = population_stability(p, q, exact=exact)
    if "jensen_shannon" in chosen:
        tests["jensen_shannon"] = jensen_shannon(p, q, exact=exact)
    return tests


def _category_rows(reference: Frequencies, current: Frequencies) -> tuple[Counts, Counts]:
    """Rows of each category in both. What one side has too many categories to name is one category on both sides."""
    reference.settle()
    current.settle()
    names = list(dict.fromkeys((*reference.rows, *current.rows)))
    if reference.error:
        names = [name for name in names if name in reference.rows]
    if current.error:
        names = [name for name in names if name in current.rows]
    sides = [[side.rows.get(name, 0) for name in names] for side in (reference, current)]
    others = [side.count - sum(rows) for side, rows in zip((reference, current), sides, strict=True)]
    if any(others):
        sides = [[*rows, other] for rows, other in zip(sides, others, strict=True)]
    return np.array(sides[0], dtype=np.int64), np.array(sides[1], dtype=np.int64)


def _only_in(one: Frequencies, other: Frequencies) -> dict[str, int]:
    """Categories of one side that the other has not seen; none where the other did not keep all that it saw."""
    return {} if other.error else {name: rows for name, rows in one.rows.items() if name not in other.rows}


def _most(rows: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(rows.items(), key=lambda one: (-one[1], one[0]))[:MOST_NAMED])
