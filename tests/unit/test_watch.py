"""`ml watch`: windows of captured requests, held against a reference, each request once."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from ml.captures import parse_line
from ml.errors import NotFoundError, SpecError
from ml.spec.watch import Quality, Watch
from ml.watch.again import rows_again
from ml.watch.alert import message, subject
from ml.watch.metrics import exposition
from ml.watch.place import REFERENCE, Place
from ml.watch.quality import Measure, told
from ml.watch.reaction import react
from ml.watch.reference import Reference, build
from ml.watch.run import Watcher
from ml.watch.told import headline, lines, samples
from ml.watch.windows import by_time, in_order
from platform_contract import PlatformContract
from tests.unit.memory_s3 import MemoryS3

pytestmark = pytest.mark.unit

ENDPOINT = "research-doors"
CONTRACT = cast(
    PlatformContract, SimpleNamespace(teams={"research": SimpleNamespace(artifact_uri="s3://artifacts/research")})
)
SETTINGS: dict[str, Any] = {
    **{"reference": "doors.csv", "rows": 100, "min_rows": 50, "error_rate": 0.1},
    **{"prediction": "answer", "ignore": ["seconds"]},
}


def doors(seed: int, count: int, *, colder_by: float = 0.0) -> list[dict[str, Any]]:
    """Rows of a model that tells how long a door stays open."""
    chooser = np.random.default_rng(seed)
    temperature = chooser.normal(10.0 - colder_by, 3.0, count)
    return [
        {
            "temperature": float(value),
            "door": str(chooser.choice(["north", "south"])),
            "answer": float(value / 2),
            "seconds": float(value / 2 + 0.1),
        }
        for value in temperature
    ]


def reference(**settings: Any) -> Reference:
    import pandas

    return build(Watch.model_validate({**SETTINGS, **settings}), [pandas.DataFrame(doors(1, 3_000))], "doors.csv")


def line(row: dict[str, Any] | None, moment: datetime, number: int) -> bytes:
    """One request of one row, as SageMaker captures it; None for a body that nobody can read."""
    asked = "{" if row is None else json.dumps([{name: row[name] for name in ("temperature", "door")}])
    answered = json.dumps([None if row is None else row["answer"]])
    sides = {"endpointInput": asked, "endpointOutput": answered}
    return json.dumps(
        {
            "captureData": {
                side: {"observedContentType": "application/json", "mode": "", "data": data, "encoding": "JSON"}
                for side, data in sides.items()
            },
            "eventMetadata": {"eventId": f"{number:08d}", "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"},
            "eventVersion": "0",
        }
    ).encode()


def capture(s3: MemoryS3, rows: Sequence[dict[str, Any] | None], start: datetime, first: int = 0) -> None:
    """A file with these requests, ten a second."""
    moments = [start + timedelta(seconds=place // 10) for place in range(len(rows))]
    body = b"\n".join(line(row, moment, first + n) for n, (row, moment) in enumerate(zip(rows, moments, strict=True)))
    key = f"research/capture/{ENDPOINT}/main/{start:%Y/%m/%d/%H/%M-%S}-{first}.jsonl"
    s3.put_object(Bucket="artifacts", Key=key, Body=body)


def watcher(s3: MemoryS3, known: Reference) -> Watcher:
    return Watcher(s3, CONTRACT, "research", ENDPOINT, Place(s3, CONTRACT, "research", ENDPOINT), known)


def test_a_window_like_the_reference_is_none_that_drifted_and_a_colder_one_names_the_column():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    capture(s3, doors(2, 100), start)
    capture(s3, doors(3, 100, colder_by=6), start + timedelta(seconds=30), first=100)
    calm, cold = watcher(s3, known).windows(start + timedelta(minutes=5))
    assert (calm["rows"], calm["judged"], calm["drifted"]) == (100, True, False)
    assert cold["drifted"]
    assert {one["column"] for one in cold["features"]} == {"temperature", "prediction"}
    assert "drifted in" in headline(cold)
    assert any("times the most that is usual" in text for text in lines(cold))


def test_a_run_goes_on_after_the_last_window_and_looks_at_no_request_twice():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    capture(s3, doors(2, 250), start)
    until = start + timedelta(minutes=5)
    first = list(watcher(s3, known).windows(until))
    assert [document["requests"] for document in first] == [100, 100]
    assert list(watcher(s3, known).windows(until)) == []
    capture(s3, doors(4, 60), start + timedelta(seconds=25), first=250)
    (third,) = watcher(s3, known).windows(until)
    assert third["requests"] == 100
    assert third["name"] > first[-1]["name"]
    assert Place(s3, CONTRACT, "research", ENDPOINT).names() == [one["name"] for one in (*first, third)]


def test_requests_of_one_second_are_in_one_window_each():
    s3, known = MemoryS3(), reference(rows=50)
    start = known.made + timedelta(seconds=1)
    body = b"\n".join(line(row, start, number) for number, row in enumerate(doors(2, 200)))
    key = f"research/capture/{ENDPOINT}/main/{start:%Y/%m/%d/%H}/00-00.jsonl"
    s3.put_object(Bucket="artifacts", Key=key, Body=body)
    found: list[dict[str, Any]] = []
    for _ in range(5):
        for document in watcher(s3, known).windows(start + timedelta(minutes=5)):
            found.append(document)
            break  # as if it had been killed after each window
    assert [document["requests"] for document in found] == [50, 50, 50, 50]
    assert len({document["name"] for document in found}) == 4


def test_a_request_that_was_written_twice_counts_once():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    rows = doors(2, 100)
    capture(s3, rows, start)
    ((bucket, key),) = s3.objects
    s3.put_object(Bucket=bucket, Key=f"{key}.jsonl", Body=s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    (window,) = watcher(s3, known).windows(start + timedelta(minutes=5))
    assert (window["rows"], window["requests"]) == (100, 100)


def test_bodies_that_nobody_can_read_are_counted_and_a_window_of_them_is_not_judged():
    s3, known = MemoryS3(), reference(min_rows=80)
    start = known.made + timedelta(seconds=1)
    capture(s3, [*doors(2, 60), *[None] * 40, *doors(3, 40)], start)
    (window,) = watcher(s3, known).windows(start + timedelta(minutes=5))
    assert (window["rows"], window["unreadable"], window["judged"]) == (100, 40, True)


def test_windows_of_time_begin_at_the_full_hour_and_wait_until_it_is_over():
    start = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
    requests = [
        parse_line(line(row, start + timedelta(minutes=place), place), "main")
        for place, row in enumerate(doors(5, 100))
    ]
    until = datetime(2026, 1, 1, 11, 0, tzinfo=UTC)
    swapped = [request for pair in zip(requests[1::2], requests[::2], strict=True) for request in pair]
    ordered = in_order(swapped, (start - timedelta(days=1), ""))
    pieces = [piece for piece in by_time(ordered, timedelta(hours=1), until) if piece.last]
    assert [(piece.window.start.hour, piece.window.requests) for piece in pieces] == [(9, 30), (10, 60)]


def test_a_column_that_goes_or_comes_is_drift_without_a_measure():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    renamed = [{**row, "door": row["door"]} for row in doors(2, 100)]
    body = b"\n".join(
        line(row, start, number).replace(b'\\"door\\"', b'\\"gate\\"') for number, row in enumerate(renamed)
    )
    key = f"research/capture/{ENDPOINT}/main/{start:%Y/%m/%d/%H}/00-00.jsonl"
    s3.put_object(Bucket="artifacts", Key=key, Body=body)
    (window,) = watcher(s3, known).windows(start + timedelta(minutes=5))
    told = {one["column"]: one["text"] for one in window["features"]}
    assert told["gate"] == "the reference has no such column"
    assert "door" in told


def test_a_segment_that_drifts_is_named_though_the_whole_hides_it():
    def mixed(seed: int, count: int, *, apart: float) -> list[dict[str, Any]]:
        """North's doors are so much warmer, south's so much colder: together they are what they were."""
        rows = doors(seed, count)
        signs = [1 if row["door"] == "north" else -1 for row in rows]
        moved = [row["temperature"] + apart * sign for row, sign in zip(rows, signs, strict=True)]
        return [{**row, "temperature": value, "answer": 5.0} for row, value in zip(rows, moved, strict=True)]

    import pandas

    settings = {**SETTINGS, "rows": 400, "min_rows": 300, "segments": "door"}
    known = build(Watch.model_validate(settings), [pandas.DataFrame(mixed(1, 12_000, apart=2.0))], "doors.csv")
    read = Reference.from_document(json.loads(json.dumps(known.document())), "reference.json")
    s3, start = MemoryS3(), known.made + timedelta(seconds=1)
    capture(s3, mixed(2, 400, apart=2.0), start)
    capture(s3, mixed(3, 400, apart=-2.0), start + timedelta(seconds=60), first=400)  # the two have changed places
    calm, swapped = watcher(s3, read).windows(start + timedelta(minutes=9))
    assert not calm["drifted"]
    assert {"temperature (door=north)", "temperature (door=south)"} == {one["column"] for one in swapped["features"]}
    page = s3.get_object(Bucket="artifacts", Key=swapped["page"].removeprefix("s3://artifacts/"))["Body"].read()
    assert b"temperature (door=north)" in page


def test_a_drift_that_nobody_was_told_of_is_told_by_the_next_run_and_once():
    s3, known = MemoryS3(), reference()
    place = Place(s3, CONTRACT, "research", ENDPOINT)
    start = known.made + timedelta(seconds=1)
    capture(s3, doors(3, 200, colder_by=6), start)
    assert place.unsettled() == []
    place.settle()
    first, _ = watcher(s3, known).windows(start + timedelta(minutes=5))  # and then it was killed
    told = place.unsettled()
    assert told[0]["name"] == first["name"]
    place.settle()
    assert place.unsettled() == []
    assert subject(ENDPOINT, told, []).startswith(f"{ENDPOINT}: drift in ")
    text = message(ENDPOINT, "dev", told, [], "Nothing has been done about it.")
    assert "times the most that is usual" in text
    assert first["page"] in text
    assert "ml watch windows research-doors --env dev" in text
    odd = {**first, "features": [{"column": "größe\n" * 40, "test": "ks", "text": ""}]}
    assert len(subject(ENDPOINT, [odd], [])) == 100
    assert subject(ENDPOINT, [odd], []).isascii()


def test_the_rows_of_a_window_are_found_again_and_no_others():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    rows = doors(2, 250)
    capture(s3, rows, start)
    _, second = watcher(s3, known).windows(start + timedelta(minutes=5))
    place = Place(s3, CONTRACT, "research", ENDPOINT)
    found = rows_again(s3, CONTRACT, "research", ENDPOINT, place, known, second["name"])
    assert found["temperature"] == [row["temperature"] for row in rows[100:200]]
    assert found["prediction"] == [row["answer"] for row in rows[100:200]]
    with pytest.raises(NotFoundError, match="has no window x"):
        rows_again(s3, CONTRACT, "research", ENDPOINT, place, known, "x")


def test_a_reference_is_kept_and_read_back_and_judges_alike():
    s3, known = MemoryS3(), reference()
    place = Place(s3, CONTRACT, "research", ENDPOINT)
    place.write(REFERENCE, known.document())
    document = place.read(REFERENCE)
    assert document is not None
    again = Reference.from_document(document, "reference.json")
    assert again.document() == known.document()
    with pytest.raises(SpecError, match="newer release"):
        Reference.from_document({**document, "schema": 99}, "reference.json")


def test_a_reference_that_is_too_short_for_its_error_rate_says_what_would_do():
    with pytest.raises(SpecError, match=r"doors\.csv: 30 windows .* a rate of 0\.01 needs 199 or more"):
        reference(error_rate=0.01)


def test_a_reference_without_the_column_of_a_setting_is_refused_by_name():
    with pytest.raises(SpecError, match="has no column gate"):
        reference(prediction="gate")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": "1h", "rows": None}, "windows of time need `time`"),
        ({"window": "1h"}, "either window"),
        ({"rows": None}, "either window"),
        ({"segments": "seconds"}, "segments: seconds is no input"),
        ({"on_drift": "fall-back"}, "go together"),
        ({"fallback": "1"}, "go together"),
    ],
)
def test_settings_that_say_no_window_or_two_are_refused(settings: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words):
        Watch.model_validate({**SETTINGS, **settings})


def test_prometheus_gets_the_newest_window_in_its_text_format():
    s3, known = MemoryS3(), reference()
    start = known.made + timedelta(seconds=1)
    capture(s3, doors(3, 200, colder_by=6), start)
    documents = list(watcher(s3, known).windows(start + timedelta(minutes=5)))
    text = exposition(ENDPOINT, [one for document in documents for one in samples(document)])
    read = {family.name: family for family in text_string_to_metric_families(text)}
    assert read["watch_drifted"].type == "gauge"
    (drifted,) = read["watch_drifted"].samples
    assert (drifted.labels, drifted.value) == ({"endpoint": ENDPOINT}, 1)
    assert "temperature" in {sample.labels["column"] for sample in read["watch_column_drift"].samples}


def test_the_truth_of_a_window_comes_late_and_says_whether_its_answers_have_become_worse(tmp_path: Path):
    truth = tmp_path / "truth.csv"
    quality = {"metric": "mae", "target": "seconds", "max_loss": 0.2, "truth": str(truth)}
    s3, known = MemoryS3(), reference(quality=quality)
    assert known.quality is not None
    assert 0.05 < known.quality.value < 0.15
    assert "seconds" not in known.profile.columns
    start = known.made + timedelta(seconds=1)
    rows = doors(2, 200)
    capture(s3, rows, start)
    looking, until = watcher(s3, known), start + timedelta(minutes=5)
    assert len(list(looking.windows(until))) == 2
    assert list(looking.quality(until)) == []  # nothing has come yet
    late = [row["answer"] + (2.0 if number >= 100 else 0.1) for number, row in enumerate(rows)]
    truth.write_text("id,value\n" + "".join(f"{number:08d},{late[number]}\n" for number in range(0, 200, 2)))
    good, bad = looking.quality(until)
    assert (good["rows"], good["answers"], good["judged"], good["lost"]) == (50, 100, True, False)
    assert (bad["judged"], bad["lost"]) == (True, True)
    assert "mae lost: 2 (2 to 2) beside 0.1" in told(bad)
    truth.write_text("id,value\n" + "".join(f"{number:08d},{late[number]}\n" for number in range(10)))
    assert [one["judged"] for one in looking.quality(until)] == [False, False]
    assert list(looking.quality(until + timedelta(days=8))) == []  # that is too late


def test_answers_above_a_half_are_the_positive_class():
    quality = Quality.model_validate(
        {"metric": "accuracy", "target": "late", "positive": 1, "max_loss": 0.1, "truth": "truth.csv"}
    )
    measure = Measure(quality)
    measure.add([1, 0, 1.0, "0", None], [0.9, 0.1, 0.2, 0.4, 0.9])
    assert (measure.estimate(0.05).value, measure.estimate(0.05).rows) == (0.75, 4)
    with pytest.raises(SpecError, match="no accuracy of these answers"):
        measure.add([1], ["late"])


def test_a_version_is_rolled_back_once_however_often_a_window_drifts():
    place = Place(MemoryS3(), CONTRACT, "research", ENDPOINT)
    serving = ["v3"]

    def roll_back() -> None:
        serving.append({"v3": "v2", "v2": "v1", "v4": "v3"}[serving[-1]])

    assert react(place, "rollback", lambda: serving[-1], roll_back)
    assert not react(place, "rollback", lambda: serving[-1], roll_back)
    assert serving == ["v3", "v2"]
    serving.append("v4")  # somebody has deployed again
    assert react(place, "rollback", lambda: serving[-1], roll_back)
