"""Personal columns in the inference server: what is masked in bodies, in log lines, and in what is captured."""

import io
import json
import logging
import queue
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.serving.capture_writer import CaptureSettings, Writer
from ml.serving.logs import JsonFormatter, TextFormatter, mask_with
from ml.serving.media import CSV, JSON, JSON_LINES, TENSORS, ContentType, parse_content_type
from ml.serving.personal import MASK, Masker, personal_columns

pytestmark = pytest.mark.unit

COLUMNS = ["name", "age", "income"]


@pytest.fixture
def masker() -> Iterator[Masker]:
    made = Masker(["name", "age"], COLUMNS)
    mask_with(made.text)
    yield made
    mask_with(None)


@pytest.mark.parametrize(
    ("media", "body", "masked"),
    [
        ("text/csv", "name,age,income\nAda,36,5\n", f"name,age,income\n{MASK},{MASK},5\n"),
        ("text/csv", 'income,name\n5,"L, Ada"\n', f"income,name\n5,{MASK}\n"),
        ("text/csv", "Ada,36,5\n", f"{MASK},{MASK},5\n"),
        ("text/csv; header=absent", "name,36,5\n", f"{MASK},{MASK},5\n"),
        ("text/csv", 'Ada,36,"5"\r\n\r\n', f"{MASK},{MASK},5\n"),
        ("text/csv", "\n,36, 5\n\nBob,37,", f"{MASK},{MASK}, 5\n{MASK},{MASK},\n"),
        ("text/csv", "Ada,36\n", MASK),
        ("application/json", {"instances": [["Ada", 36, 5]]}, {"instances": [[MASK, MASK, 5]]}),
        ("application/json", {"inputs": {"name": ["Ada"], "income": [5]}}, {"inputs": {"name": [MASK], "income": [5]}}),
        ("application/json", {"dataframe_records": [{"name": "Ada"}]}, {"dataframe_records": [{"name": MASK}]}),
        (
            "application/json",
            {"dataframe_split": {"columns": ["income", "age"], "data": [[5, 36]]}, "params": {"n": 1}},
            {"dataframe_split": {"columns": ["income", "age"], "data": [[5, MASK]]}, "params": {"n": 1}},
        ),
        ("application/json", [["Ada", 36, 5]], [[MASK, MASK, 5]]),
        ("application/json", ["Ada", 36, 5], [MASK, MASK, 5]),
        ("application/json", {"name": "Ada", "income": 5}, {"name": MASK, "income": 5}),
        ("application/json", {"instances": [["Ada"]]}, None),
        ("application/json", "Ada", None),
        (
            "application/jsonlines",
            '{"name": "Ada"}\n["Ada", 36, 5]\n',
            f'{{"name": "{MASK}"}}\n["{MASK}", "{MASK}", 5]',
        ),
    ],
)
def test_each_form_of_a_body_is_masked_or_nothing_of_it_is_shown(
    media: str, body: Any, masked: Any, masker: Masker
) -> None:
    content = parse_content_type(media)
    text = body if media != "application/json" else json.dumps(body)
    shown = masker.body(text.encode(), content)
    if media == "application/json" and masked is not None:
        assert json.loads(shown) == masked
    else:
        assert shown == (MASK if masked is None else masked)
    assert "Ada" not in shown


def record(message: str, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.ERROR, "f", 1, message, None, None)
    made.fields = fields
    return made


def test_whoever_logs_while_a_request_is_answered_its_values_are_masked(masker: Masker) -> None:
    masker.hold("r1", b'{"name": "Ada O\'Neil", "age": 36, "income": 5}', ContentType(JSON))
    line = json.loads(JsonFormatter().format(record('could not convert string to float: "Ada O\'Neil"', status=500)))
    assert line["event"] == f'could not convert string to float: "{MASK}"'
    assert line["status"] == 500
    text = TextFormatter().format(record("age 36 of 360, income 5", reason="36 is too much", request_id="36"))
    assert f"age {MASK} of 360, income 5 reason={MASK} is too much request_id=36" in text
    masker.release("r1")
    assert "age 36" in TextFormatter().format(record("age 36"))


def test_a_traceback_is_masked(masker: Masker) -> None:
    masker.hold("r1", b"name\nZoltan\n", ContentType(CSV))
    try:
        raise ValueError("no such person: 'Zoltan'")
    except ValueError:
        import sys

        made = record("the model raised an error")
        made.exc_info = sys.exc_info()
    assert "no such person" in JsonFormatter().format(made)
    assert "Zoltan" not in JsonFormatter().format(made)


def test_where_the_values_cannot_be_told_nothing_is_logged_of_them(masker: Masker) -> None:
    masker.hold("r1", b"{", ContentType(JSON_LINES))
    assert masker.text("whatever Ada") == MASK


def test_the_note_beside_the_model_says_what_is_personal(tmp_path: Path) -> None:
    assert personal_columns([tmp_path]) == ()
    (tmp_path / "groundwork-data.json").write_text('{"personal": ["name"]}')
    assert personal_columns([tmp_path / "model", tmp_path]) == ("name",)
    assert not Masker(())
    assert Masker(["name"], COLUMNS).is_personal(1)
    assert not Masker(["name"], COLUMNS).is_personal(3)


class RecordingS3:
    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def put_object(self, **call: Any) -> None:
        self.written.append(call)


def exchange(body: bytes, output: bytes, inference_id: str = "") -> tuple[Any, ...]:
    return ("text/csv", (CSV, None, None), body, JSON, (JSON, None, None), output, inference_id, 1_700_000_000.0)


def written_by(s3: Any, *batches: list[tuple[Any, ...]]) -> list[dict[str, int]]:
    """What a writer reports of the batches, the last of which is the end."""
    report = io.StringIO()
    settings = CaptureSettings(
        uri="s3://b/teams/r/capture/e/main",
        interval_s=30.0,
        personal=("name", "age"),
        columns=tuple(COLUMNS),
        log_form="json",
    )
    waiting: queue.Queue[list[tuple[Any, ...]] | None] = queue.Queue()
    for batch in batches:
        waiting.put(batch)
    waiting.put(None)
    Writer(settings, report, s3=s3).run(waiting)
    return [json.loads(line) for line in report.getvalue().splitlines()]


def test_what_is_captured_has_sagemakers_form_and_no_personal_value() -> None:
    s3 = RecordingS3()
    taken = exchange(b"name,age,income\nAda,36,5\n", b'{"predictions": [1]}', "order-7")
    assert written_by(s3, [taken], [(*taken[:6], "", taken[7])]) == [{"written": 2}]
    (written,) = s3.written
    assert written["Bucket"] == "b"
    assert written["Key"].startswith("teams/r/capture/e/main/2")
    assert written["Key"].endswith(".jsonl")
    first, second = map(json.loads, written["Body"].decode().splitlines())
    assert first["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": f"name,age,income\n{MASK},{MASK},5\n",
        "encoding": "CSV",
    }
    assert first["captureData"]["endpointOutput"]["data"] == '{"predictions": [1]}'
    assert first["eventMetadata"]["inferenceId"] == "order-7"
    assert first["eventMetadata"]["inferenceTime"] == "2023-11-14T22:13:20Z"
    assert set(second["eventMetadata"]) == {"eventId", "inferenceTime"}
    ids = [uuid.UUID(line["eventMetadata"]["eventId"]) for line in (first, second)]
    assert {(each.version, each.variant) for each in ids} == {(4, uuid.RFC_4122)}
    assert ids[0] != ids[1]


def test_captured_tensors_are_masked_json_whatever_they_came_as() -> None:
    head = json.dumps(
        {
            "inputs": [
                {"name": "name", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 7}},
                {"name": "income", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}},
            ]
        }
    ).encode()
    body = head + struct.pack("<I", 3) + b"Ada" + struct.pack("<f", 5)
    answered = b'{"outputs": [{"name": "output-1", "datatype": "INT64", "shape": [1, 1], "data": [1]}]}'
    s3 = RecordingS3()
    octets = "application/octet-stream"
    taken = (octets, (TENSORS, None, len(head)), body, JSON, (TENSORS, None, None), answered, "", 1_700_000_000.0)
    written_by(s3, [taken])
    line = json.loads(s3.written[0]["Body"])["captureData"]
    asked = json.loads(line["endpointInput"]["data"])["inputs"]
    assert [(each["name"], each["data"]) for each in asked] == [("name", [MASK]), ("income", [5.0])]
    assert line["endpointInput"]["encoding"] == "JSON"
    assert json.loads(line["endpointOutput"]["data"])["outputs"][0]["data"] == [1]


def test_what_s3_refuses_is_counted_as_lost() -> None:
    class Refusing:
        def put_object(self, **_: Any) -> None:
            raise OSError("no")

    assert written_by(Refusing(), [exchange(b"name\nAda\n", b"[]")] * 3) == [{"lost": 3}]
