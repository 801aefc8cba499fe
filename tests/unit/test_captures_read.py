"""Captured requests read back: which of them, in which order, as which columns, and joined with what became true."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml.captures import Body, Captures, UnreadableBodyError, read_truth, variants_of
from ml.captures import reading as reading_module
from ml.errors import NotFoundError, SpecError
from ml.serving.personal import MASK
from tests.unit.memory_s3 import MemoryS3

pytestmark = pytest.mark.unit
URI = "s3://artifacts/teams/research/capture/research-trial"
PREFIX = "teams/research/capture/research-trial"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def line(moment: datetime, event: str = "e", inference: str = "", **sides: Any) -> str:
    metadata = {"eventId": event, "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    if inference:
        metadata["inferenceId"] = inference
    request = sides.get("request", "a,b\n1,2\n")
    captured = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": request, "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": '{"predictions": [0.5]}',
            "encoding": "JSON",
        },
    }
    return json.dumps({"captureData": captured, "eventMetadata": metadata, "eventVersion": "0"})


def store(s3: MemoryS3, written: datetime, *lines: str, variant: str = "main") -> None:
    key = f"{PREFIX}/{variant}/{written:%Y/%m/%d/%H/%M-%S}-000-{len(s3.objects)}.jsonl"
    s3.put_object(Bucket="artifacts", Key=key, Body=("\n".join(lines) + "\n").encode())


def events(s3: MemoryS3, start: datetime, end: datetime, **which: Any) -> list[str]:
    return [request.event_id for request in Captures(s3, URI, start=start, end=end, **which)]


def test_requests_between_two_times_come_whichever_hour_their_file_was_written_in() -> None:
    s3 = MemoryS3()
    late = NOON + timedelta(minutes=59, seconds=58)
    store(s3, NOON - timedelta(days=30), line(NOON - timedelta(days=30), "long ago"))
    store(s3, NOON, line(NOON - timedelta(seconds=1), "before"), line(NOON, "first"))
    store(s3, late + timedelta(seconds=30), line(late, "in the next hour's folder"))
    store(s3, late + timedelta(seconds=40), line(late + timedelta(seconds=2), "at the end"))
    store(s3, NOON + timedelta(days=1), line(NOON + timedelta(days=1), "tomorrow"))
    assert events(s3, NOON, NOON + timedelta(hours=1)) == ["first", "in the next hour's folder"]


def test_variants_come_interleaved_by_when_their_files_were_written() -> None:
    s3 = MemoryS3()
    for second in range(6):
        variant = "challenger" if second % 2 else "main"
        store(s3, NOON + timedelta(seconds=second), line(NOON, f"{variant}{second}"), variant=variant)
    assert variants_of(s3, URI) == ["challenger", "main"]
    end = NOON + timedelta(hours=1)
    assert events(s3, NOON, end) == ["main0", "challenger1", "main2", "challenger3", "main4", "challenger5"]
    assert events(s3, NOON, end, variants=["challenger"]) == ["challenger1", "challenger3", "challenger5"]


def test_more_files_than_are_fetched_ahead_and_large_ones_come_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = MemoryS3()
    for second in range(50):
        store(s3, NOON + timedelta(seconds=second), *(line(NOON, f"{second}.{each}") for each in range(20)))
    whole = events(s3, NOON, NOON + timedelta(hours=1))
    assert len(whole) == 1000
    monkeypatch.setattr(reading_module, "WHOLE_BYTES", 0)
    monkeypatch.setattr(reading_module, "_CHUNK", 100)
    assert events(s3, NOON, NOON + timedelta(hours=1)) == whole


def test_lines_that_are_none_are_counted_and_left_out() -> None:
    s3 = MemoryS3()
    store(s3, NOON, "{not json", line(NOON, "whole"), '{"eventMetadata": {}}', "[]")
    captured = Captures(s3, URI, start=NOON, end=NOON + timedelta(hours=1))
    assert [request.event_id for request in captured] == ["whole"]
    assert (captured.files, captured.unreadable) == (1, 3)


def test_a_request_is_known_by_its_inference_id_and_without_one_by_its_event_id() -> None:
    s3 = MemoryS3()
    store(s3, NOON, line(NOON, "event-1", "mine"), line(NOON, "event-2"))
    captured = Captures(s3, URI, start=NOON, end=NOON + timedelta(hours=1))
    assert [(request.id, request.variant) for request in captured] == [("mine", "main"), ("event-2", "main")]


@pytest.mark.parametrize(
    ("content_type", "data", "columns"),
    [
        ("text/csv", "a,b\n1,x\n2.5,\n", {"a": [1, 2.5], "b": ["x", None]}),
        ("text/csv; header=absent", "1,2\n3,4\n", {"1": [1, 3], "2": [2, 4]}),
        ("application/json", '{"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}}', {"a": [1, 2]}),
        ("application/json", '{"instances": [{"a": 1}, {"b": "x"}]}', {"a": [1, None], "b": [None, "x"]}),
        ("application/json", '{"inputs": {"a": [1, 2], "b": [3, 4]}}', {"a": [1, 2], "b": [3, 4]}),
        (
            "application/json",
            '{"inputs": [{"name": "a", "shape": [2, 1], "datatype": "INT64", "data": [1, 2]}, '
            '{"name": "b", "shape": [2, 2], "datatype": "FP64", "data": [[1, 2], [3, 4]]}]}',
            {"a": [1, 2], "b": [[1, 2], [3, 4]]},
        ),
        ("application/json", "[[1, 2], [3, 4]]", {"1": [1, 3], "2": [2, 4]}),
        ("application/jsonlines", "[1, 2]\n[3, 4]\n", {"1": [1, 3], "2": [2, 4]}),
        ("application/jsonlines", '{"a": 1}\n', {"a": [1]}),
        ("application/json; charset=utf-8", '{"a": 1}', {"a": [1]}),
    ],
)
def test_every_form_of_a_request_becomes_columns(content_type: str, data: str, columns: dict[str, list[Any]]) -> None:
    encoding = "CSV" if "csv" in content_type else "JSON"
    assert Body(content_type=content_type, encoding=encoding, data=data).rows().columns == columns
    as_base64 = base64.b64encode(data.encode()).decode()
    assert Body(content_type=content_type, encoding="BASE64", data=as_base64).rows().columns == columns


def test_rows_without_names_get_the_models() -> None:
    plain = Body(content_type="text/csv", encoding="CSV", data="1,2\n")
    assert plain.rows(["a", "b"]).columns == {"a": [1], "b": [2]}
    one = Body(content_type="application/json", encoding="JSON", data="[1, 2]")
    assert one.rows(["a", "b"]).columns == {"a": [1], "b": [2]}
    assert one.rows(["a"]).columns == {"a": [1, 2]}
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
    matrix = Body(content_type="application/json", encoding="JSON", data=json.dumps({"inputs": [tensor]}))
    assert matrix.rows(["a", "b"]).columns == {"a": [1, 3], "b": [2, 4]}
    assert matrix.rows().columns == {"x": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("content_type", "data", "columns"),
    [
        ("application/json", '{"predictions": [0.25, 0.5]}', {"prediction": [0.25, 0.5]}),
        ("application/json", '{"predictions": [[0.25, 0.75]]}', {"prediction_1": [0.25], "prediction_2": [0.75]}),
        ("application/json", '{"predictions": [{"late": 1}]}', {"late": [1]}),
        (
            "application/json",
            '{"outputs": [{"name": "output-1", "shape": [2, 2], "datatype": "FP64", "data": [0.1, 0.9, 0.4, 0.6]}]}',
            {"prediction_1": [0.1, 0.4], "prediction_2": [0.9, 0.6]},
        ),
        (
            "application/json",
            '{"outputs": [{"name": "late", "shape": [2], "datatype": "INT64", "data": [0, 1]}]}',
            {"late": [0, 1]},
        ),
        (
            "application/jsonlines",
            '{"prediction": "late"}\n{"prediction": "early"}\n',
            {"prediction": ["late", "early"]},
        ),
        ("text/csv", "late\nearly\n", {"prediction": ["late", "early"]}),
    ],
)
def test_answers_become_predictions(content_type: str, data: str, columns: dict[str, list[Any]]) -> None:
    encoding = "CSV" if "csv" in content_type else "JSON"
    assert Body(content_type=content_type, encoding=encoding, data=data).predictions().columns == columns


def test_masked_tensors_and_masked_columns_of_a_matrix_are_named_and_not_among_the_values() -> None:
    tensors = [
        {"name": "name", "shape": [2], "datatype": "BYTES", "data": [MASK, MASK]},
        {"name": "age", "shape": [2], "datatype": "INT64", "data": [7, 8]},
    ]
    rows = Body(content_type="application/json", encoding="JSON", data=json.dumps({"inputs": tensors})).rows()
    assert (rows.columns, rows.masked, rows.count) == ({"age": [7, 8]}, {"name"}, 2)
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [MASK, 7, MASK, 8]}
    matrix = Body(content_type="application/json", encoding="JSON", data=json.dumps({"inputs": [tensor]}))
    rows = matrix.rows(["number", "age"])
    assert (rows.columns, rows.masked, rows.count) == ({"age": [7, 8]}, {"number"}, 2)
    assert (matrix.rows().columns, matrix.rows().masked) == ({}, {"x"})


def test_masked_columns_are_named_and_not_among_the_values() -> None:
    rows = Body(content_type="text/csv", encoding="CSV", data="name,age\n•••,7\n•••,8\n").rows()
    assert (rows.columns, rows.masked, rows.count) == ({"age": [7, 8]}, {"name"}, 2)
    with pytest.raises(UnreadableBodyError, match="masked"):
        Body(content_type="text/csv", encoding="CSV", data="•••").rows()


def test_a_body_without_rows_says_so() -> None:
    with pytest.raises(UnreadableBodyError, match="image/png"):
        Body(content_type="image/png", encoding="BASE64", data=base64.b64encode(b"\x89PNG\xff").decode()).rows()
    with pytest.raises(UnreadableBodyError, match="length"):
        Body(content_type="application/json", encoding="JSON", data="[[1], [1, 2]]").rows()


def test_truth_comes_from_csv_and_json_lines_of_a_folder_and_the_later_one_holds(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("value,id\n1,first\nlate,second\n")
    (tmp_path / "2.jsonl").write_text('{"id": "first", "value": 0}\n{"id": "many", "row": 2, "value": true}\n')
    ground = {"groundTruthData": {"data": "3\n4", "encoding": "CSV"}, "eventMetadata": {"eventId": "monitor"}}
    (tmp_path / "3.jsonl").write_text(json.dumps(ground) + "\n")
    with read_truth(None, str(tmp_path)) as truth:
        assert len(truth) == 5
        assert [truth.get(name) for name in ("first", "second", "many", "none")] == [0, "late", None, None]
        assert (truth.take("many", 2), truth.take("monitor", 2)) == (1, 4)
        assert truth.take("many", 2) is None, "a request that was sent twice counts once"
        assert truth.untaken == 3


def test_truth_comes_from_s3() -> None:
    s3 = MemoryS3()
    s3.put_object(Bucket="data", Key="truth/a.csv", Body=b"id,value,row\nx,1,1\nx,0,2\n")
    s3.put_object(Bucket="data", Key="truth/notes.txt", Body=b"no truth")
    with read_truth(s3, "s3://data/truth/") as truth:
        assert (truth.get("x", 1), truth.get("x", 2)) == (1, 0)
    with read_truth(s3, "s3://data/truth/a.csv") as truth:
        assert len(truth) == 2
    with pytest.raises(NotFoundError, match="a prefix ends with a slash"):
        read_truth(s3, "s3://data/truth")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "id,truth\nx,1\n", "has no column value"),
        ("a.csv", "id,value,row\nx,1,one\n", "line 2: row is 'one'"),
        ("a.csv", "id,value\n,1\n", "line 2: lacks an id"),
        ("a.jsonl", '{"id": "x"}\n', "line 1: is no truth"),
        ("a.jsonl", "{\n", "line 1: is no truth"),
    ],
)
def test_what_is_no_truth_names_file_and_line(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SpecError, match=says):
        read_truth(None, str(tmp_path / name))
