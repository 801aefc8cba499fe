"""`ml watch` with attributions: what the answers depend on, asked of the model that served."""

import json
import tarfile
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas
import pytest
from pydantic import ValidationError

from ml.audit import append
from ml.commands.watch_model import asked_model
from ml.errors import NotFoundError, SpecError
from ml.serving.schema import Column, InputSchema
from ml.spec.watch import Watch
from ml.watch.alert import message, subject
from ml.watch.attributing import Attributing, Basis, again, background_of
from ml.watch.judging import Judge, Judged
from ml.watch.metrics import exposition
from ml.watch.model import LoadedModel, UnattributedError
from ml.watch.place import Place
from ml.watch.reference import Reference, build
from ml.watch.sample import Sample, of_columns
from ml.watch.told import headline, lines, samples
from ml.watch.windows import Asked, Window
from tests.unit.memory_s3 import MemoryS3, environment
from tests.unit.ml_contract import Parameters, contract

pytestmark = pytest.mark.unit

COLUMNS = (Column("door", "string"), Column("north", "double"), Column("south", "double"))
SETTINGS: dict[str, Any] = {
    **{"reference": "doors.csv", "rows": 400, "min_rows": 100, "error_rate": 0.1, "prediction": "answer"},
    "attributions": {"rows": 200},
}
START = datetime(2026, 1, 1, tzinfo=UTC)


def doors(seed: int, count: int, *, windy: str = "north") -> pandas.DataFrame:
    """How far doors swing: each with the wind of its own side, which is strong when a door of `windy` is asked about.

    Whichever side that is, no column by itself looks other than before, and neither do the answers.
    """
    chooser = np.random.default_rng(seed)
    door = chooser.choice(["north", "south"], count)
    strength = np.where(door == windy, 4.0, 0.5)
    north, south = (chooser.normal(0.0, 1.0, count) * strength for _ in range(2))
    answer = np.where(door == "north", north, south)
    return pandas.DataFrame({"door": door, "north": north, "south": south, "answer": answer})


class Doors:
    """The model, as far as it is asked. wrong: added to its answers."""

    def __init__(self, *, personal: Sequence[str] = (), wrong: float = 0.0) -> None:
        self.schema = InputSchema(COLUMNS)
        self.masker = SimpleNamespace(personal=frozenset(personal))
        self.wrong = wrong
        self.asked = 0

    def answer_table(self, table: Any) -> Any:
        self.asked += len(table.rows)
        answers = [(north if door == "north" else south) + self.wrong for door, north, south in table.rows]
        return SimpleNamespace(predictions=answers)


def loaded(model: Any) -> LoadedModel:
    return LoadedModel(model=model, place="s3://models/doors.tar.gz", digest="0" * 64, folder=cast("Any", None))


def attributing(rows: pandas.DataFrame, model: Any = None) -> Attributing:
    return Attributing(loaded(model or Doors()), background_of([rows], ("door", "north", "south")), 200)


def reference(**settings: Any) -> Reference:
    table = doors(1, 24_000)
    watch = Watch.model_validate({**SETTINGS, **settings})
    asks = attributing(table) if watch.attributions else None
    known = build(watch, [table.iloc[:10_000], table.iloc[10_000:]], "doors.csv", asks)
    return Reference.from_document(json.loads(json.dumps(known.document())), "reference.json")


def judged(known: Reference, rows: pandas.DataFrame, *, number: int = 0, model: Any = None, piece: int = 130) -> Judged:
    """These rows as a window, in requests that come in pieces."""
    start = START + timedelta(hours=number)
    window = Window(start=start, end=start + timedelta(hours=1))
    asks = attributing(doors(1, 24_000).iloc[:1], model) if known.basis is None else None
    if known.basis is not None:
        asks = Attributing(loaded(model or Doors()), known.basis.background, 200)
    judge = Judge(known, (lambda: cast("Attributing", asks)) if known.basis else None)
    renamed = rows.rename(columns={"answer": "prediction"})
    for first in range(0, len(rows), piece):
        columns = renamed.iloc[first : first + piece].to_dict(orient="list")
        count = len(columns["prediction"])
        window.rows += count
        window.requests += 1
        judge.add([Asked(id=str(first), count=count, columns=cast("Any", columns))], window)
    return judge.judged(window)


@pytest.fixture(scope="module")
def known() -> Reference:
    return reference()


def test_columns_that_matter_otherwise_are_named_though_each_looks_as_before(known: Reference):
    swapped = judged(known, doors(2, 400, windy="south"))
    document = swapped.document()
    assert document["drifted"]
    found = {one["column"]: one for one in document["features"]}
    assert {"north", "south"} <= found.keys()
    assert {one["test"] for one in document["features"]} == {"attribution"}
    assert "before" in found["north"]["text"]
    attributions = document["attributions"]
    assert (attributions["judged"], attributions["rows"]) == (True, 200)
    before, now = attributions["columns"]["north"]["shares"]
    assert now < before - 0.1
    assert attributions["columns"]["south"]["shares"][1] > attributions["columns"]["south"]["shares"][0] + 0.1
    without = reference(attributions=None)
    assert not judged(without, doors(2, 400, windy="south")).document()["drifted"]
    assert judged(without, doors(2, 400)).document()["attributions"] is None


def test_windows_like_the_reference_stay_within_the_stated_rate(known: Reference):
    drifted = sum(judged(known, doors(100 + number, 400), number=number).document()["drifted"] for number in range(60))
    assert drifted <= 12  # of 60 at 10%: more is one chance in 100


def test_people_the_page_and_metrics_get_the_attributions(known: Reference):
    window = judged(known, doors(2, 400, windy="south"))
    document = {"name": "20260101T000000Z-0000", **window.document()}
    assert "drifted in attribution of " in headline(document)
    assert any("SageMaker Clarify tells of less than 0.9" in line for line in lines(document))
    assert "attribution of north" in subject("research-doors", [document], [])
    assert "times the most that is usual" in message("research-doors", "dev", [document], [], "Nothing was done.")
    text = exposition("research-doors", list(samples(document)))
    assert 'watch_attribution_drift{endpoint="research-doors",column="north"}' in text
    assert 'watch_attribution_score{endpoint="research-doors"}' in text
    assert "watch_column_drift" not in text
    assert "AttributionDrift" in {one.cloudwatch_name for one in samples(document)}
    page = window.page("research-doors")
    assert "What the answers depend on" in page
    assert "Attributions of all rows" in page


def test_each_segment_has_an_order_of_its_own():
    known = reference(segments="door", rows=600, attributions={"rows": 400})
    document = judged(known, doors(2, 600)).document()
    assert not document["drifted"]
    segments = document["attributions"]["segments"]
    assert set(segments) == {"door=north", "door=south"}
    # Of a north door nothing matters but the north's wind, and which door it is.
    assert segments["door=north"]["columns"]["south"]["shares"] == [0.0, 0.0]
    assert segments["door=north"]["columns"]["north"]["shares"][0] > 0.4


def test_a_run_that_is_repeated_says_the_same_however_the_requests_came(known: Reference):
    rows = doors(5, 400)
    first, again = (judged(known, rows, piece=piece).document()["attributions"] for piece in (130, 7))
    assert first == again
    assert judged(known, rows, number=1).document()["attributions"] != first


def test_the_model_is_asked_once_for_the_rows_and_once_for_each_column(known: Reference):
    model = Doors()
    judged(known, doors(5, 400), model=model)
    assert model.asked == 200 * (1 + len(COLUMNS))


def test_a_version_that_answered_otherwise_has_its_columns_judged_and_not_its_attributions(known: Reference):
    document = judged(known, doors(5, 400), model=Doors(wrong=0.5)).document()
    assert (document["judged"], document["attributions"]["judged"]) == (True, False)
    assert "answers 0 of 200 rows as the endpoint did: another version served" in document["attributions"]["reason"]
    assert "attributions not judged" in headline(document)
    assert not any(one.name.startswith("watch_attribution") for one in samples(document))


def test_a_window_without_a_column_of_the_model_says_which(known: Reference):
    document = judged(known, doors(5, 400).drop(columns="south")).document()
    assert "lack south" in document["attributions"]["reason"]
    assert document["drifted"]


def test_a_column_that_is_not_compared_may_be_one_that_the_model_asks_for():
    known = reference(ignore=["south"])
    document = judged(known, doors(2, 400, windy="south")).document()
    assert "south" not in document["columns"]
    assert "south" in {one["column"] for one in document["features"]}


def test_numbers_that_json_lacks_are_missing_values_of_the_reference():
    rows = doors(1, 24_000)
    rows.loc[0, "north"] = np.inf
    rows.loc[1, "south"] = np.nan
    assert json.dumps(
        [dict(row) for row in background_of([rows.iloc[:200]], ("door", "north", "south"))], allow_nan=False
    )


def test_a_sample_has_each_row_as_often_as_any_other():
    counts = np.zeros(40)
    for seed in range(2_000):
        sample = Sample(10, [seed])
        for first in range(0, 40, 15):
            numbers = list(range(first, min(first + 15, 40)))
            sample.add(len(numbers), of_columns({"n": numbers}))
        chosen = [row["n"] for row in sample.rows]
        assert len(set(chosen)) == 10
        assert chosen == sorted(chosen)
        counts[chosen] += 1
    assert counts.min() > 400  # of 500 expected, with a deviation of 19
    assert counts.max() < 600


def test_a_model_that_takes_personal_columns_is_refused():
    with pytest.raises(UnattributedError, match=r"personal columns \(north\)"):
        attributing(doors(1, 400), Doors(personal=["north"]))


def test_a_reference_without_the_models_columns_is_refused_by_name():
    with pytest.raises(UnattributedError, match=r"lacks columns of the model .* south"):
        attributing(doors(1, 400).drop(columns="south"))


def test_a_reference_with_values_that_the_model_does_not_take_says_which():
    rows = doors(1, 400).astype({"north": "object"})
    rows.loc[:, "north"] = "gale"
    with pytest.raises(UnattributedError, match=r"rows of the reference: .*north"):
        attributing(rows)


def test_a_model_that_fails_says_so_when_the_reference_is_made():
    class Broken(Doors):
        def answer_table(self, table: Any) -> Any:
            raise RuntimeError("no wind")

    table = doors(1, 24_000)
    with pytest.raises(SpecError, match=r"deploy\.watch\.attributions: The model fails: RuntimeError: no wind"):
        build(Watch.model_validate(SETTINGS), [table], "doors.csv", attributing(table, Broken()))


def served(monkeypatch: pytest.MonkeyPatch, model_data: str | None, **settings: Any) -> Any:
    """The model that is asked of an endpoint with a deployment in its audit log, or none."""
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    s3 = MemoryS3()
    here = environment({"ssm": Parameters(), "s3": s3})
    if model_data:
        s3.put_object(Bucket="models", Key="doors/model.tar.gz", Body=b"no archive")
        line = {"job": "research-doors-1", "config": "one", "variants": {"main": "research-doors-1-ff"}}
        append(here, contract(), "research", "deploy", "research-doors", {**line, "model_data": model_data})
    watch = Watch.model_validate({**SETTINGS, "attributions": settings})
    return asked_model(here, contract(), Place(s3, contract(), "research", "research-doors"), watch, Path())


@pytest.mark.parametrize(
    ("model_data", "words"),
    [
        (None, "no audit line tells what research-doors serves"),
        ("s3://models/doors/", "captures do not tell which of them answered"),
        ("s3://models/doors/model.tar.gz", r"doors/model\.tar\.gz is no model\.tar\.gz"),
    ],
)
def test_a_served_model_that_cannot_be_asked_is_refused(
    monkeypatch: pytest.MonkeyPatch, model_data: str | None, words: str
):
    with pytest.raises(SpecError, match=words):
        served(monkeypatch, model_data)


@pytest.mark.parametrize(
    ("model", "words"),
    [("here.tar.gz", r"here\.tar\.gz: no such file"), ("s3://models/there.tar.gz", r"there\.tar\.gz: no such object")],
)
def test_a_named_model_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, model: str, words: str):
    with pytest.raises(NotFoundError, match=rf"deploy\.watch\.attributions: .*{words}"):
        served(monkeypatch, None, model=model)


def test_a_model_that_is_gone_or_another_now_leaves_the_columns_judged():
    s3 = MemoryS3()
    basis = Basis(model="s3://models/doors.tar.gz", digest="0" * 64, background=[])
    with pytest.raises(UnattributedError, match="no such object"):
        again(s3, basis, 200)
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w:gz"):
            pass
        archive.seek(0)
        s3.put_object(Bucket="models", Key="doors.tar.gz", Body=archive.read())
    with pytest.raises(UnattributedError, match="holds no MLflow model"):
        again(s3, basis, 200)


def test_too_few_windows_for_three_scores_are_refused_with_their_number():
    table = doors(1, 25 * 400)
    with pytest.raises(SpecError, match=r"25 windows with attributions .* a rate of 0\.1 needs 29"):
        build(Watch.model_validate(SETTINGS), [table], "doors.csv", attributing(table))
    build(Watch.model_validate({**SETTINGS, "attributions": None}), [table], "doors.csv")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"rows": 10}, "greater than or equal to 50"), ({"model": "model.pkl"}, "pattern"), ({"draws": 3}, "draws")],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words):
        Watch.model_validate({**SETTINGS, "attributions": settings})
