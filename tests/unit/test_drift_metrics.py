"""Drift: each measure beside SciPy's, the profile's bounds, and how often the rules raise a false alarm."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import spatial, stats

from ml.drift import (
    CalibratedRule,
    DriftError,
    Profile,
    PValueRule,
    ThresholdRule,
    calibrate,
    compare,
    merged_profile,
    profile_of,
)
from ml.drift import significance as tails
from ml.drift.columns import NumberColumn
from ml.drift.frequencies import Frequencies
from ml.drift.quantiles import BLOCK, Quantiles

pytestmark = pytest.mark.unit


def measured(reference: Any, current: Any, test: str) -> Any:
    """One measure of one column."""
    profile = profile_of({"x": reference})
    compared = compare(profile, profile_of({"x": current}, like=profile), tests=[test])
    return compared.columns["x"].tests[test]


def drawn(seed: int = 1, n: int = 3_000, m: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    chooser = np.random.default_rng(seed)
    return chooser.normal(size=n), chooser.normal(0.1, 1.1, size=m)


# The tails


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 100, 1000])
def test_the_chi_squared_tail_is_scipys(freedom: int):
    for statistic in (1e-9, 0.1, 1.0, 3.84, 12.5, 99.0, 1010.0, 2500.0):
        assert tails.chi_squared(statistic, freedom) == pytest.approx(
            stats.chi2.sf(statistic, freedom), rel=1e-9, abs=1e-300
        )


def test_the_kolmogorov_tail_is_scipys():
    for x in np.linspace(0.01, 6, 300):
        assert tails.kolmogorov(float(x)) == pytest.approx(stats.kstwobign.sf(x), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("size", [20, 50, 1000, 10_000])
def test_the_p_value_of_two_samples_of_one_size_is_exact(size: int):
    chooser = np.random.default_rng(size)
    for shift in (0.0, 0.01, 0.05, 0.3):
        a, b = chooser.normal(size=size), chooser.normal(shift, size=size)
        theirs = stats.ks_2samp(a, b, method="exact")
        assert tails.kolmogorov_smirnov(theirs.statistic, size, size) == pytest.approx(theirs.pvalue, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(20_000, 500), (100_000, 100_000), (3_000, 2_000)])
def test_the_p_value_of_two_samples_of_other_sizes_is_scipys_to_a_thousandth(n: int, m: int):
    for x in (0.4, 0.8, 1.0, 1.36, 1.63, 2.0):
        distance = x / math.sqrt(n * m / (n + m))
        theirs = stats.kstwo.sf(distance, round(n * m / (n + m)))
        assert tails.kolmogorov_smirnov(distance, n, m) == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize(
    "table", [(0, 10, 3, 30), (5, 100, 9, 5000), (1, 500, 1, 10_500), (40, 60, 50, 200), (3, 3, 3, 9)]
)
def test_fishers_exact_test_is_scipys(table: tuple[int, int, int, int]):
    hits, size, marked, total = table
    square = [[hits, size - hits], [marked - hits, total - size - marked + hits]]
    assert tails.fisher(hits, size, marked, total) == pytest.approx(stats.fisher_exact(square).pvalue, rel=1e-9)


# The measures


@pytest.mark.parametrize("digits", [15, 1, 0])
def test_kolmogorov_smirnov_is_scipys_with_and_without_ties(digits: int):
    a, b = (np.round(x, digits) for x in drawn())
    ours, theirs = measured(a, b, "ks"), stats.ks_2samp(a, b, method="asymp")
    assert ours.value == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-3)


@pytest.mark.parametrize("digits", [15, 1])
def test_the_wasserstein_distance_is_scipys_in_standard_deviations(digits: int):
    a, b = (np.round(x, digits) for x in drawn())
    assert measured(a, b, "wasserstein").value == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=1e-9)


def test_jensen_shannon_is_scipys_on_sturges_bins():
    a, b = drawn()
    edges = np.histogram_bin_edges(np.concatenate((a, b)), "sturges")
    p, q = (np.histogram(x, edges)[0] for x in (a, b))
    assert measured(a, b, "jensen_shannon").value == pytest.approx(spatial.distance.jensenshannon(p, q), rel=1e-9)


def test_the_psi_is_its_formula_on_the_references_deciles():
    a, b = drawn()
    edges = np.concatenate(([-np.inf], np.quantile(a, np.arange(1, 10) / 10, method="inverted_cdf"), [np.inf]))
    p, q = (np.diff([np.mean(x <= edge) for edge in edges]) for x in (a, b))
    assert measured(a, b, "psi").value == pytest.approx(float(np.sum((p - q) * np.log(p / q))), rel=1e-9)


def test_chi_squared_is_scipys():
    a, b = list("abcd") * 300, list("aabcd") * 200
    table = [[Counter(x)[name] for name in "abcd"] for x in (a, b)]
    theirs = stats.chi2_contingency(table, correction=False)
    ours = measured(a, b, "chi_squared")
    assert (ours.value, ours.p_value) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))
    fit = stats.chisquare(table[1], np.array(table[0]) * (len(b) / len(a)))
    assert measured(a, b, "chi_squared_fit").p_value == pytest.approx(fit.pvalue)


def test_categories_that_are_too_rare_for_a_p_value_are_tested_together():
    reference = ["a"] * 900 + [f"rare {number}" for number in range(100)]
    current = ["a"] * 90 + [f"other {number}" for number in range(10)]
    assert measured(reference, current, "chi_squared").p_value > 0.9


def test_a_number_of_few_values_is_tested_as_categories():
    compared = compare(profile_of({"x": [1, 2, 3] * 100}), profile_of({"x": [1, 2, 2] * 100}))
    assert {"chi_squared", "psi", "jensen_shannon", "wasserstein", "missing"} == set(compared.columns["x"].tests)


def test_new_and_vanished_categories_are_named_the_most_frequent_first():
    column = compare(profile_of({"x": ["a", "b", "b"]}), profile_of({"x": ["b", "c", "d", "d"]})).columns["x"]
    assert (list(column.new), list(column.vanished)) == (["d", "c"], ["a"])


def test_missing_values_are_a_test_of_their_own():
    reference = profile_of({"x": [1.0, None] * 500})
    current = profile_of({"x": [2.0, None, math.nan, math.inf] * 100}, like=reference)
    test = compare(reference, current).columns["x"].tests["missing"]
    assert test.value == pytest.approx(0.25)
    assert test.p_value is not None
    assert test.p_value < 1e-9


def test_columns_that_came_went_or_changed_their_kind_are_named():
    compared = compare(profile_of({"a": [1], "b": [1], "c": [1]}), profile_of({"b": ["x"], "c": [1], "d": [1]}))
    assert (compared.absent, compared.added, compared.changed) == (("a",), ("d",), {"b": ("number", "category")})
    assert compared.columns["a"].missing == (0, 1)


# The profile


def test_data_frames_arrow_tables_and_mappings_give_one_profile():
    moments = pd.to_datetime(["2013-01-01T00:00", "2013-01-02T12:00", None])
    frame = pd.DataFrame({"n": [1.5, None, 2], "t": ["a", None, "b"], "b": [True, False, True], "m": moments})
    frame["c"] = frame["t"].astype("category")
    frame["i"] = pd.array([1, None, 3], dtype="Int64")
    lists = {name: [None if pd.isna(x) else x for x in frame[name].tolist()] for name in frame}
    documents = [profile_of(table).to_json() for table in (frame, pa.Table.from_pandas(frame), lists)]
    assert documents[0] == documents[1] == documents[2]
    assert [column["kind"] for column in documents[0]["columns"].values()] == [
        *("number", "category", "boolean", "time", "category", "number"),
    ]


def test_a_code_is_one_category_however_it_is_written():
    reference = profile_of({"x": np.array([1, 2, 3])}, kinds={"x": "category"})
    current = profile_of({"x": [1.0, "2", 3, None]}, like=reference)
    assert compare(reference, current).columns["x"].new == {}


def test_what_is_no_number_in_a_column_of_numbers_is_missing_and_counted():
    reference = profile_of({"x": [1.0, 2.0]})
    column = profile_of({"x": ["3", "many", None]}, like=reference).columns["x"]
    assert isinstance(column, NumberColumn)
    assert (column.rows, column.missing, column.unreadable) == (3, 2, 1)


def test_batches_give_the_profile_of_the_whole_and_an_absent_column_is_missing():
    whole = Profile()
    whole.add({"x": [1.0, 2.0], "y": [None, None]})
    whole.add({"x": [2.0], "y": ["a"], "z": [True]})
    whole.add({"x": [4.0]})
    assert whole.to_json() == profile_of(
        {"x": [1.0, 2.0, 2.0, 4.0], "y": [None, None, "a", None], "z": [None, None, True, None]}
    ).to_json() | {"columns": whole.to_json()["columns"]}
    assert {name: (column.rows, column.missing) for name, column in whole.columns.items()} == {
        "x": (4, 0),
        "y": (4, 3),
        "z": (4, 3),
    }


def test_a_profile_is_saved_and_loaded_to_the_last_bit(tmp_path: Path):
    chooser = np.random.default_rng(3)
    profile = Profile(exact=1_000, categories=20)
    profile.add({"x": chooser.normal(size=3 * BLOCK), "y": chooser.integers(0, 5, 3 * BLOCK)})
    profile.add({"t": [str(number) for number in range(100)], "e": [None] * 100})
    profile.save(tmp_path / "p.json")
    assert Profile.load(tmp_path / "p.json").to_json() == profile.to_json()


def test_a_profile_of_a_newer_version_is_refused_and_damage_is_told(tmp_path: Path):
    document = profile_of({"x": [1.0]}).to_json()
    with pytest.raises(DriftError, match=r"of version 2.*update Groundwork"):
        Profile.from_json(document | {"schema": 2})
    (tmp_path / "p.json").write_text(json.dumps({key: document[key] for key in ("schema", "rows")}))
    with pytest.raises(DriftError, match=r"p\.json is damaged"):
        Profile.load(tmp_path / "p.json")
    with pytest.raises(DriftError, match="cannot be read"):
        Profile.load(tmp_path / "none.json")


def test_columns_of_different_lengths_and_no_tables_are_refused():
    with pytest.raises(DriftError, match="x 1, y 2"):
        profile_of({"x": [1], "y": [1, 2]})
    with pytest.raises(DriftError, match="not list"):
        profile_of([1, 2])
    with pytest.raises(DriftError, match="the kinds are number"):
        profile_of({"x": [1]}, kinds={"x": "text"})  # type: ignore[dict-item]


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(st.lists(st.integers(-40, 40), max_size=30), min_size=3, max_size=3),
    limit=st.integers(1, 100),
)
def test_merging_is_associative_and_gives_the_profile_of_all_rows(parts: list[list[int]], limit: int):
    a, b, c = ({"n": np.array(part, dtype=float), "t": [str(x) for x in part]} for part in parts)

    def made(table: Any) -> Profile:
        profile = Profile(kinds={"n": "number", "t": "category"}, categories=limit)
        profile.add(table)
        return profile

    left = merged_profile((merged_profile((made(a), made(b))), made(c)))
    right = merged_profile((made(a), merged_profile((made(b), made(c)))))
    whole = made({name: np.concatenate((a[name], b[name], c[name])) for name in a})
    for one in (left, right):
        assert one.rows == whole.rows
        assert _numbers(one) == _numbers(whole)
        _check_frequencies(one.columns["t"].frequencies, Counter(str(x) for part in parts for x in part), limit)  # type: ignore[union-attr]


def _numbers(profile: Profile) -> Any:
    column = profile.columns["n"]
    assert isinstance(column, NumberColumn)
    steps = column.values.steps()
    return steps.values.tolist(), steps.below.tolist(), round(column.moments.mean, 9), round(column.moments.squares, 6)


def _check_frequencies(found: Frequencies, true: Counter[str], limit: int) -> None:
    found.settle()
    assert len(found.rows) <= limit
    assert found.error * (limit + 1) <= found.count == sum(true.values())
    for name, rows in true.items():
        assert found.rows.get(name, 0) <= rows <= found.rows.get(name, 0) + found.error


@pytest.mark.parametrize("order", ["random", "ascending", "heavy ties"])
@pytest.mark.parametrize("cut", [1, 7])
def test_a_sketch_is_never_further_off_than_it_says_and_never_says_more_than_the_stated_bound(order: str, cut: int):
    chooser = np.random.default_rng(5)
    count = 1_500_000
    values = chooser.normal(size=count)
    values = {"random": values, "ascending": np.sort(values), "heavy ties": np.round(values * 1000) / 1000}[order]
    whole = Quantiles(exact=5_000)
    for piece in np.array_split(values, cut):
        part = Quantiles(exact=5_000)
        for batch in np.array_split(piece, 11):
            part.add(batch)
        whole.merge(part)
    steps = whole.steps()
    ordered = np.sort(values)
    points = np.unique(ordered[:: count // 5_000])
    off = np.abs(steps.up_to(points) - np.searchsorted(ordered, points, side="right")).max()
    assert off <= steps.error or not whole.sketched
    assert steps.error <= count * (1 + math.log2(count / BLOCK)) / 16_384
    assert steps.below[-1] == count == steps.count
    assert len(steps.values) < 3 * BLOCK


def test_a_column_of_few_values_stays_exact_however_many_rows_it_has():
    whole = Quantiles()
    for _ in range(20):
        whole.add(np.random.default_rng(1).integers(0, 1_000, BLOCK).astype(float))
    assert (whole.sketched, whole.error, whole.distinct) == (False, 0, 1_000)


def test_measures_of_sketches_are_within_the_bounds_that_they_state():
    chooser = np.random.default_rng(8)
    a, b = chooser.normal(size=400_000), chooser.normal(0.05, 1, size=300_000)
    reference = Profile(exact=10_000)
    reference.add({"x": a})
    current = Profile(exact=10_000)
    current.add({"x": b})
    tests = compare(reference, current).columns["x"].tests
    ks, moved = tests["ks"], tests["wasserstein"]
    assert ks.bound is not None
    assert moved.bound is not None
    assert 0 < ks.bound < 0.0005
    assert abs(ks.value - stats.ks_2samp(a, b, method="asymp").statistic) <= ks.bound
    assert abs(moved.value - stats.wasserstein_distance(a, b) / a.std()) <= moved.bound


# The rules

RATE = 0.1
WINDOWS = 400


def most_alarms(rate: float, windows: int) -> int:
    """As many as come by chance with a probability of 0.999 where the true rate is the stated one."""
    return int(stats.binom.ppf(0.999, windows, rate))


def rows(chooser: np.random.Generator, count: int) -> dict[str, Any]:
    numbers = {f"n{place}": chooser.normal(size=count) for place in range(4)}
    ties = {"i": chooser.poisson(3, count).astype(float)}
    texts = {"t": chooser.choice(["a", "b", "c", "rare"], count, p=[0.6, 0.3, 0.095, 0.005])}
    gaps = {"g": np.where(chooser.random(count) < 0.01, np.nan, chooser.random(count))}
    return {**numbers, **ties, **texts, **gaps}


@pytest.mark.parametrize("control", ["bonferroni", "benjamini-hochberg"])
def test_p_values_raise_no_more_false_alarms_than_they_state(control: Any):
    chooser = np.random.default_rng(11)
    rule = PValueRule(rate=RATE, control=control)
    alarms = 0
    for _ in range(WINDOWS):
        reference = profile_of(rows(chooser, 1_000))
        window = profile_of(rows(chooser, 300), like=reference)
        compared = compare(reference, window, tests=("ks", "chi_squared", "missing"))
        alarms += rule.judge(compared).drifted
    assert WINDOWS * RATE / 5 < alarms <= most_alarms(RATE, WINDOWS)


def autocorrelated(chooser: np.random.Generator, windows: int, size: int) -> list[dict[str, Any]]:
    """A stream in which neighbouring rows, and neighbouring windows a little, hang together."""
    from scipy.signal import lfilter

    series = lfilter([1.0], [1.0, -0.98], chooser.normal(size=(windows + 1) * size))[size:]
    text = np.where(series > 5, "high", np.where(series < -5, "low", "middle"))
    return [
        {"x": series[start : start + size], "t": text[start : start + size], "n": chooser.normal(size=size)}
        for start in range(0, windows * size, size)
    ]


def test_a_calibrated_rule_holds_its_rate_on_a_stream_where_p_values_do_not():
    chooser = np.random.default_rng(13)
    streams, judged = 10, 40
    alarms = naive = 0
    for _ in range(streams):
        windows = [profile_of(table) for table in autocorrelated(chooser, 40 + judged, 200)]
        rule = calibrate(windows[:40], rate=RATE)
        reference = merged_profile(windows[:40])
        for window in windows[40:]:
            compared = compare(reference, window, tests=("ks", "chi_squared", "jensen_shannon", "missing"))
            alarms += rule.judge(compared).drifted
            naive += PValueRule(rate=RATE).judge(compared).drifted
    assert naive > 0.8 * streams * judged
    # The expectation is over calibrations as well as windows, so its spread is wider than a binomial one.
    assert alarms <= 1.6 * RATE * streams * judged


def test_a_calibrated_rule_finds_and_names_what_drifts():
    chooser = np.random.default_rng(17)
    windows = [profile_of(table) for table in autocorrelated(chooser, 40, 200)]
    rule = CalibratedRule.from_json(json.loads(json.dumps(calibrate(windows, rate=0.05).to_json())))
    (table,) = autocorrelated(chooser, 1, 200)
    moved = compare(merged_profile(windows), profile_of({**table, "n": table["n"] + 1.0}))
    assert rule.judge(moved).columns == ("n",)
    few = compare(merged_profile(windows), profile_of({name: values[:50] for name, values in table.items()}))
    assert not rule.judge(few).judged


def test_too_few_windows_for_a_rate_are_refused_with_the_number_needed():
    with pytest.raises(DriftError, match="needs 199 or more"):
        calibrate([profile_of({"x": [1.0]})] * 30, rate=0.01)


@pytest.mark.parametrize("rule", [PValueRule(rate=0.01), PValueRule(rate=0.01, control="bonferroni"), ThresholdRule()])
def test_every_rule_names_the_columns_that_drifted_and_why(rule: Any):
    chooser = np.random.default_rng(19)
    reference = profile_of(rows(chooser, 5_000))
    table = rows(chooser, 2_000)
    table["n2"] = table["n2"] + 0.5
    table["t"] = np.where(chooser.random(2_000) < 0.3, "new", table["t"])
    table["g"] = np.where(chooser.random(2_000) < 0.2, np.nan, table["g"])
    verdict = rule.judge(compare(reference, profile_of(table, like=reference)))
    assert set(verdict.columns) == {"n2", "t", "g"}
    assert all(finding.text for finding in verdict.findings)


def test_a_small_difference_in_a_large_window_is_no_alarm_where_an_effect_is_asked_for():
    chooser = np.random.default_rng(23)
    reference = profile_of({"x": chooser.normal(size=50_000)})
    compared = compare(reference, profile_of({"x": chooser.normal(0.05, 1, size=50_000)}))
    assert PValueRule().judge(compared).drifted
    assert not PValueRule(effects={"wasserstein": 0.1}).judge(compared).drifted


@pytest.mark.parametrize(
    "wrong", [{"rate": 0.0}, {"control": "none"}, {"tests": ["kolmogorov"]}, {"effects": {"x": 1}}]
)
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, Any]):
    with pytest.raises(DriftError):
        PValueRule(**wrong)
