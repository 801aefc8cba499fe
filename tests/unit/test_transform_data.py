"""What the local SageMaker sends to a model in a transform job, and how it joins the answers."""

from pathlib import Path
from typing import Any

import pytest

from local.aws_server.sagemaker.json_path import FilterError, JsonPath
from local.aws_server.sagemaker.transform_data import DataProcessing, ObjectFailedError, batches

pytestmark = pytest.mark.unit

LINES: dict[str, Any] = {"TransformInput": {"SplitType": "Line", "ContentType": "text/csv"}}


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", {"id": 1, "x": [1, 2, 3], "in": {"a": 5}}),
        ("$.x[1:]", [2, 3]),
        ("$.x[0,-1]", [1, 3]),
        ("$.in.a", 5),
        ("$['id','x']", {"id": 1, "x": [1, 2, 3]}),
        ("$.x[*]", [1, 2, 3]),
    ],
)
def test_a_filter_selects_what_the_documentation_says(path: str, selected: Any) -> None:
    assert JsonPath(path).select({"id": 1, "x": [1, 2, 3], "in": {"a": 5}}) == selected


@pytest.mark.parametrize("path", ["x", "$..x", "$[?(@.x)]", "$[x]"])
def test_what_is_no_filter_there_is_refused(path: str) -> None:
    with pytest.raises(FilterError, match="is no filter"):
        JsonPath(path)


def test_a_filter_beyond_the_record_is_an_error() -> None:
    with pytest.raises(FilterError, match="does not fit"):
        JsonPath("$[3]").select([1, 2])


def test_mini_batches_hold_as_many_records_as_fit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1\n22\n\n333\n")
    assert list(batches(tmp_path / "a.csv", LINES, single=False, most_bytes=6)) == [[b"1\n", b"22\n"], [b"333\n"]]
    assert list(batches(tmp_path / "a.csv", LINES, single=True, most_bytes=6)) == [[b"1\n"], [b"22\n"], [b"333\n"]]
    with pytest.raises(ObjectFailedError, match="has 4 bytes"):
        list(batches(tmp_path / "a.csv", LINES, single=False, most_bytes=3))


def test_an_answer_that_is_no_key_value_pair_is_joined_under_two_names() -> None:
    source = {"SplitType": "Line", "ContentType": "application/jsonlines"}
    processing = DataProcessing({"TransformInput": source, "DataProcessing": {"JoinSource": "Input"}})
    assert processing.answer([b"[1]\n"], b"2\n") == b'{"SageMakerInput": [1], "SageMakerOutput": 2}\n'


def test_answers_that_are_too_few_cannot_be_joined() -> None:
    processing = DataProcessing({**LINES, "DataProcessing": {"JoinSource": "Input"}})
    with pytest.raises(ObjectFailedError, match="1 records to 2"):
        processing.answer([b"1\n", b"2\n"], b"3\n")
