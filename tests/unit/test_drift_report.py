"""Drift reports, segments, quality with late truth, and attributions."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from ml.drift import DriftError, Profile, PValueRule, Verdict, compare, profile_of
from ml.drift.attributions import Attributions, attribution_drift
from ml.drift.evidently_page import write_evidently_page
from ml.drift.page import page
from ml.drift.quality import ClassQuality, Estimate, ScoreQuality, ValueQuality
from ml.drift.report import DriftReport, drift_report
from ml.drift.segments import Segments, compare_segments, judge_segments

pytestmark = pytest.mark.unit
SCHEMA = json.loads((Path(__file__).parents[2] / "ml" / "schemas" / "drift.schema.json").read_text())
MADE = datetime(2026, 11, 22, 1, tzinfo=UTC)


def table(chooser: np.random.Generator, count: int) -> dict[str, Any]:
    return {
        "distance": chooser.gamma(2, 400, count),
        "carrier": chooser.choice(["UA", "B6", "EV", "<b>&"], count),
        "name": chooser.choice(["Ann", "Bob"], count),
        "dry": chooser.random(count) < 0.5,
    }


def made_report(personal: tuple[str, ...] = ()) -> DriftReport:
    chooser = np.random.default_rng(1)
    reference = profile_of(table(chooser, 3_000) | {"gone": np.ones(3_000), "odd": np.ones(3_000)})
    rows = table(chooser, 1_000)
    rows["distance"] = rows["distance"] * 1.5
    rows["carrier"] = np.where(chooser.random(1_000) < 0.3, "WN", rows["carrier"])
    rows["name"] = np.where(chooser.random(1_000) < 0.3, "Secret Name", rows["name"])
    current = Profile()
    current.add(rows | {"odd": ["x"] * 1_000, "fresh": [1] * 1_000})
    compared = compare(reference, current)
    verdict = PValueRule(rate=0.01).judge(compared)
    facts = {"endpoint": "flights-delays"}
    return drift_report(
        reference, current, compared, verdict, title="Drift of delays", facts=facts, personal=personal, made=MADE
    )


def test_the_document_is_what_the_published_schema_says():
    for document in (made_report().to_json(), made_report(personal=("name",)).to_json()):
        jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), SCHEMA)
    assert set(made_report().to_json()["distributions"]) == {"distance", "carrier", "name"}


def test_the_text_names_what_drifted_why_and_what_came_and_went():
    text = made_report().to_text()
    assert "Drift in 4 of 5 columns: " in text
    assert re.search(r"distance +Kolmogorov-Smirnov 0\.\d+, p ", text)
    assert "Columns of the reference that are not there: gone." in text
    assert "Columns that the reference does not have: fresh." in text
    assert "odd is a category and was a number." in text
    assert "carrier has new categories (1): WN." in text


def test_the_page_draws_each_drifted_column_escapes_everything_and_loads_nothing():
    html = page(made_report())
    assert html.count("<svg") == 3
    assert html.count("<details>") == 3
    assert "&lt;b&gt;&amp;" in html
    assert "<b>&" not in html
    assert not re.search(r"<script|https?://|url\(", html)
    assert "default-src 'none'" in html


def test_of_a_personal_column_no_value_is_shown():
    report = made_report(personal=("name",))
    for shown in (page(report), report.to_text(), json.dumps(report.to_json())):
        assert "Secret Name" not in shown
        assert "Ann" not in shown
    assert "name has new categories (1): masked: personal." in report.to_text()


def test_a_window_without_drift_says_so_and_one_that_was_not_judged_says_why():
    profile = profile_of(table(np.random.default_rng(1), 500))
    compared = compare(profile, profile)
    calm = drift_report(profile, profile, compared, PValueRule().judge(compared), title="x")
    assert "No drift in 4 columns." in calm.to_text()
    assert "✓ No drift" in page(calm)
    unjudged = Verdict(findings=(), rule="r", false_alarm_rate=None, judged=False, reason="Too few rows.")
    assert "Not judged: Too few rows." in page(drift_report(profile, profile, compared, unjudged, title="x"))


def test_drift_in_one_segment_is_found_there():
    chooser = np.random.default_rng(2)

    def rows(shift: float) -> pd.DataFrame:
        origin = chooser.choice(["EWR", "JFK", "LGA"], 3_000)
        return pd.DataFrame({"origin": origin, "x": chooser.normal(size=3_000) + shift * (origin == "LGA")})

    reference = Segments("origin", most=3)
    reference.add(rows(0))
    more = Segments("origin", most=3)
    more.add(rows(0))
    reference.merge(more)
    current = reference.like()
    current.add(rows(0.5))
    current.add({"origin": ["BOS", None] * 30, "x": [0.0] * 60})
    assert {name: profile.rows for name, profile in current.profiles.items() if profile.rows == 30} == {
        "others": 30,
        "missing": 30,
    }
    verdicts = judge_segments(PValueRule(rate=0.01), compare_segments(reference, current))
    assert {name: verdict.columns for name, verdict in verdicts.items()} == {"EWR": (), "JFK": (), "LGA": ("x",)}
    assert verdicts["LGA"].false_alarm_rate == pytest.approx(0.01 / 3)
    with pytest.raises(DriftError, match="There is no column carrier"):
        Segments("carrier").add(rows(0))


def test_memory_by_segments_is_bounded_by_their_number():
    segments = Segments("x", most=2)
    segments.add({"x": list("abcdea")})
    assert {name: profile.rows for name, profile in segments.profiles.items()} == {"a": 2, "b": 1, "others": 3}


# Quality


def labelled(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, scores and classes of a middling classifier."""
    chooser = np.random.default_rng(seed)
    truth = chooser.random(count) < 0.3
    scores = np.round(chooser.normal(truth * 1.0), 2)
    return truth, scores, scores > 0.7


def test_metrics_of_classes_are_scikit_learns_in_any_batches():
    truth, scores, predicted = labelled(1, 2_000)
    whole, part = ClassQuality(positive=True), ClassQuality(positive=True)
    ranked, ranked_part = ScoreQuality(positive=True), ScoreQuality(positive=True)
    whole.add(truth[:500], predicted[:500])
    part.add(truth[500:].tolist(), predicted[500:].tolist())
    part.add([None, True], [True, None])
    whole.merge(part)
    ranked.add(truth[:500], scores[:500])
    ranked_part.add(truth[500:].tolist(), scores[500:].tolist())
    ranked.merge(ranked_part)
    found = whole.metrics() | ranked.metrics()
    assert whole.skipped == 2
    assert ranked.bound == 0
    assert found["accuracy"].value == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    assert found["f1"].value == pytest.approx(sklearn_metrics.f1_score(truth, predicted))
    assert found["roc_auc"].value == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores))
    assert all(one.low < one.value < one.high for one in found.values())


def test_metrics_of_numbers_are_scikit_learns_in_any_batches():
    chooser = np.random.default_rng(2)
    truth = chooser.normal(1e6, 3, 1_000)
    predicted = truth + chooser.normal(0.5, 1, 1_000)
    whole, part = ValueQuality(), ValueQuality()
    whole.add(truth[:300], predicted[:300])
    part.add([*truth[300:], None], [*predicted[300:], 1.0])
    whole.merge(part)
    found = whole.metrics()
    assert whole.skipped == 1
    assert found["mae"].value == pytest.approx(sklearn_metrics.mean_absolute_error(truth, predicted))
    assert found["rmse"].value == pytest.approx(sklearn_metrics.root_mean_squared_error(truth, predicted))
    assert found["r2"].value == pytest.approx(sklearn_metrics.r2_score(truth, predicted))
    assert found["bias"].value == pytest.approx(np.mean(predicted - truth))
    together = ValueQuality()
    together.add(truth, predicted)
    for name, one in together.metrics().items():
        assert (one.low, one.high) == pytest.approx((found[name].low, found[name].high)), name


def test_intervals_hold_the_true_value_as_often_as_they_say():
    truth, scores, predicted = labelled(3, 400_000)
    true = {
        "accuracy": sklearn_metrics.accuracy_score(truth, predicted),
        "f1": sklearn_metrics.f1_score(truth, predicted),
        "roc_auc": sklearn_metrics.roc_auc_score(truth, scores),
    }
    chooser = np.random.default_rng(4)
    values, spread = chooser.normal(size=400_000), chooser.normal(0.2, 0.7, 400_000)
    of_numbers = ValueQuality()
    of_numbers.add(values, values + spread)
    true |= {name: one.value for name, one in of_numbers.metrics().items()}
    inside = dict.fromkeys(true, 0)
    windows = 400
    for number in range(windows):
        rows = slice(number * 1_000, number * 1_000 + 400)
        classes, ranked, errors = ClassQuality(positive=True), ScoreQuality(positive=True), ValueQuality()
        classes.add(truth[rows], predicted[rows])
        ranked.add(truth[rows], scores[rows])
        errors.add(values[rows], (values + spread)[rows])
        for name, one in (classes.metrics(0.9) | ranked.metrics(0.9) | errors.metrics(0.9)).items():
            inside[name] += one.low <= true[name] <= one.high
    assert all(0.85 <= hits / windows <= 0.95 for hits in inside.values()), inside


def test_without_truth_there_is_no_metric():
    empty = {**ClassQuality(positive=1).metrics(), **ScoreQuality(positive=1).metrics(), **ValueQuality().metrics()}
    assert all(isinstance(one, Estimate) and np.isnan(one.value) and one.rows == 0 for one in empty.values())


# Attributions


def test_attribution_drift_is_scikit_learns_ndcg():
    chooser = np.random.default_rng(5)
    for _ in range(20):
        names = [f"f{number}" for number in range(8)]
        before, now = (dict(zip(names, chooser.exponential(size=8), strict=True)) for _ in range(2))
        theirs = sklearn_metrics.ndcg_score([list(before.values())], [list(now.values())])
        assert attribution_drift(before, now).score == pytest.approx(theirs)


def test_a_model_that_decides_by_other_features_is_named_with_them():
    reference, current = Attributions(), Attributions()
    reference.add({"distance": [0.9, -1.1], "hour": [0.1, 0.1], "carrier": [0.01, 0.0]})
    reference.add({"distance": [1.0], "hour": [-0.1], "carrier": [0.02]})
    current.add({"distance": [0.0], "hour": [0.5], "carrier": [0.4]})
    assert reference.scores == pytest.approx({"distance": 1.0, "hour": 0.1, "carrier": 0.01})
    drift = attribution_drift(reference.scores, current.scores)
    assert drift.drifted
    assert drift.moved[0] == "distance"
    assert drift.places == {"distance": (1, 3), "hour": (2, 1), "carrier": (3, 2)}
    assert not attribution_drift(reference.scores, reference.scores).drifted
    with pytest.raises(DriftError, match="hour"):
        attribution_drift({"distance": 1.0}, {"distance": 1.0, "hour": 2.0})


def test_evidentlys_page_names_the_command_that_brings_it(tmp_path: Path):
    frame = pd.DataFrame({"x": [1.0]})
    with pytest.raises(DriftError, match=r"uv pip install 'evidently==0\.7\.23' 'pandas<3' 'plotly<6'"):
        write_evidently_page(frame, frame, tmp_path / "page.html")
