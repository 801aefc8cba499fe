"""Reading request bodies: what each form gives, and what a wrong one is answered with."""

import json
import math

import pytest

from ml.serving.decode_csv import decode_csv, decode_frame, decode_numbers
from ml.serving.decode_json import read_json, read_json_lines, to_table
from ml.serving.encode import encode
from ml.serving.errors import RequestError
from ml.serving.media import CSV, JSON, JSON_LINES, choose_accept, parse_content_type
from ml.serving.schema import Column, InputSchema
from ml.serving.table import Table

pytestmark = pytest.mark.unit

NUMBERS = InputSchema((Column("a", "double"), Column("b", "double")))
MIXED = InputSchema(
    (
        Column("carrier", "string"),
        Column("hour", "long"),
        Column("distance", "double"),
        Column("holiday", "boolean", required=False),
    )
)
ONE = InputSchema((Column("x", "double"),))


def from_json(document: object, schema: InputSchema = NUMBERS) -> Table:
    return to_table(read_json(json.dumps(document).encode(), schema), schema)


def from_lines(*documents: object, schema: InputSchema = NUMBERS) -> Table:
    return to_table(read_json_lines("\n".join(map(json.dumps, documents)).encode()), schema)


@pytest.mark.parametrize(
    "body",
    [
        b"1,2\n3,4.5\n",
        b"1,2\n3,4.5",
        b"1,2\r\n3,4.5\r\n",
        b"a,b\n1,2\n3,4.5\n",
        b"b,a\n2,1\n4.5,3\n",
        b"b,other,a\n2,text,1\n4.5,text,3\n",
        b'"a","b"\n"1","2"\n3,4.5\n',
        b"\xef\xbb\xbfa,b\n1,2\n3,4.5\n",
        b"a,b\n\n1,2\n\n3,4.5\n\n",
        b" 1, 2\n3,4.5e0\n",
    ],
)
def test_a_csv_body_with_or_without_header_gives_the_same_rows(body: bytes) -> None:
    table = decode_csv(body, NUMBERS)
    assert table.rows == [[1.0, 2.0], [3.0, 4.5]]
    assert table.columns == NUMBERS.columns


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4.5]]}},
        {"dataframe_split": {"columns": ["b", "a"], "index": [7, 8], "data": [[2, 1], [4.5, 3]]}},
        {"dataframe_split": {"data": [[1, 2], [3, 4.5]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"b": 4.5, "a": 3, "other": "x"}]},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4.5}]},
        {"instances": [[1, 2], [3, 4.5]]},
        {"inputs": {"a": [1, 3], "b": [2, 4.5]}},
        {"inputs": [[1, 2], [3, 4.5]]},
        [[1, 2], [3, 4.5]],
        [{"a": 1, "b": 2}, {"a": 3, "b": 4.5}],
    ],
)
def test_every_json_form_gives_the_same_rows(document: object) -> None:
    assert from_json(document).rows == [[1.0, 2.0], [3.0, 4.5]]


def test_one_row_may_come_as_a_list_a_record_or_scalars() -> None:
    assert from_json([1, 2]).rows == [[1.0, 2.0]]
    assert from_json({"a": 1, "b": 2}).rows == [[1.0, 2.0]]
    assert from_json({"inputs": {"a": 1, "b": 2}}).rows == [[1.0, 2.0]]
    assert from_json([1, 2, 3], ONE).rows == [[1.0], [2.0], [3.0]]


def test_json_lines_are_rows_or_records() -> None:
    assert from_lines([1, 2], [3, 4.5]).rows == [[1.0, 2.0], [3.0, 4.5]]
    assert from_lines({"a": 1, "b": 2}, {"b": 4.5, "a": 3}).rows == [[1.0, 2.0], [3.0, 4.5]]


def test_typed_columns_are_read_as_their_types() -> None:
    table = decode_csv(b"hour,carrier,distance\n5,UA,1.5\n6.0,,NA\n", MIXED)
    assert table.rows[0] == ["UA", 5, 1.5]
    assert math.isnan(table.rows[1][0])
    assert table.rows[1][1] == 6
    assert math.isnan(table.rows[1][2])
    assert [column.name for column in table.columns] == ["carrier", "hour", "distance"]


def test_params_stand_beside_the_data() -> None:
    request = read_json(b'{"inputs": {"a": [1], "b": [2]}, "params": {"top": 3}}', NUMBERS)
    assert request.params == {"top": 3}


def test_a_header_can_be_declared() -> None:
    words = InputSchema((Column("word", "string"),))
    assert decode_csv(b"hello\nword\n", words, header=False).rows == [["hello"], ["word"]]
    assert decode_csv(b"word\nhello\n", words, header=True).rows == [["hello"]]
    with pytest.raises(RequestError, match="lacks the column 'word'"):
        decode_csv(b"hello\nword\n", words, header=True)


BAD = [
    # body, schema, row, column, what the message must say
    (b"", NUMBERS, None, None, "empty"),
    (b"a,b\n", NUMBERS, None, None, "no row"),
    (b"\xff\xfe", NUMBERS, None, None, "not UTF-8"),
    (b"1,2\n3\n", NUMBERS, 2, None, "Row 2 has 1 value; expected 2"),
    (b"1,2,3\n", NUMBERS, 1, None, "Row 1 has 3 values; expected 2"),
    (b"1,2\n3,four\n", NUMBERS, 2, "b", "Row 2, column 'b': expected double .*'four'"),
    (b"a,b\n1,2\n3,x\n", NUMBERS, 2, "b", "Row 2, column 'b'"),
    (b"a,c\n1,2\n", NUMBERS, None, "b", "lacks the column 'b'; the model does not know 'c'"),
    (b"a,a\n1,2\n", NUMBERS, None, "a", "comes twice"),
    (b"1_000,2\n", NUMBERS, 1, "a", "'1_000'"),
    (b'"1,2\n', NUMBERS, None, None, "not CSV"),
    (b"UA,5.5,1,true\n", MIXED, 1, "hour", "expected long"),
    (b"UA,99999999999999999999,1,true\n", MIXED, 1, "hour", "expected long"),
    (b"UA,,1,true\n", MIXED, 1, "hour", "expected long"),
    (b"UA,5,1,maybe\n", MIXED, 1, "holiday", "expected boolean"),
]


@pytest.mark.parametrize(("body", "schema", "row", "column", "says"), BAD)
def test_a_wrong_csv_body_is_told_where_and_what(
    body: bytes, schema: InputSchema, row: int | None, column: str | None, says: str
) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        decode_csv(body, schema)
    assert (caught.value.status, caught.value.row, caught.value.column) == (400, row, column)


BAD_JSON = [
    (5, NUMBERS, None, None, "is a number; expected a list of rows, or an object with one of 'dataframe_split'"),
    ({}, NUMBERS, None, None, "expected a list of rows"),
    ({"columns": ["a"]}, NUMBERS, None, None, "has the fields 'columns'"),
    ({"instances": [[1, 2]], "inputs": []}, NUMBERS, None, None, "both 'instances' and 'inputs'"),
    ({"instances": [[1, 2]], "parms": {}}, NUMBERS, None, None, "unknown field 'parms'"),
    ({"instances": [[1, 2]], "params": 3}, NUMBERS, None, None, "'params' is a number"),
    ({"instances": []}, NUMBERS, None, None, "no row"),
    ({"instances": 3}, NUMBERS, None, None, "expected a list"),
    ({"instances": [[1, 2], [1]]}, NUMBERS, 2, None, "Row 2 has 1 value"),
    ({"instances": [[1, 2], {"a": 1}]}, NUMBERS, 2, None, "Row 2 is an object"),
    ({"instances": [[1, "2"]]}, NUMBERS, 1, "b", "Row 1, column 'b': expected double .*got '2'"),
    ({"instances": [[1, True]]}, NUMBERS, 1, "b", "got True"),
    ({"instances": [[1, [2]]]}, NUMBERS, 1, "b", r"got \[2\]"),
    ({"inputs": {"a": [1, 2], "b": [1]}}, NUMBERS, None, "b", "has 1 values; the others have 2"),
    ({"inputs": {"a": [1]}}, NUMBERS, None, "b", "lacks the column 'b'"),
    ({"dataframe_records": [{"a": 1, "b": 2}, {"a": 1}]}, NUMBERS, 2, "b", "Row 2 lacks the column 'b'"),
    ({"dataframe_records": [[1, 2]]}, NUMBERS, 1, None, "expected an object"),
    ({"dataframe_split": {"columns": ["a", "b"]}}, NUMBERS, None, None, "lacks rows under 'data'"),
    ({"dataframe_split": {"colums": [], "data": [[1, 2]]}}, NUMBERS, None, None, "unknown field 'colums'"),
    ({"dataframe_split": {"columns": ["a"], "data": [[1]]}}, NUMBERS, None, "b", "lacks the column 'b'"),
    ([["UA", 5.5, 1.0, True]], MIXED, 1, "hour", "expected long"),
    ([[5, 5, 1.0, True]], MIXED, 1, "carrier", "expected string, got 5"),
    ([["UA", 5, 1.0, 1]], MIXED, 1, "holiday", "expected boolean"),
]


@pytest.mark.parametrize(("document", "schema", "row", "column", "says"), BAD_JSON)
def test_a_wrong_json_body_is_told_where_and_what(
    document: object, schema: InputSchema, row: int | None, column: str | None, says: str
) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        from_json(document, schema)
    assert (caught.value.status, caught.value.row, caught.value.column) == (400, row, column)


def test_broken_json_is_told_where() -> None:
    with pytest.raises(RequestError, match=r"not JSON: .* at line 1, column 15"):
        read_json(b'{"instances": oops}', NUMBERS)
    with pytest.raises(RequestError, match="Line 2 is not JSON"):
        read_json_lines(b"[1, 2]\n[3, \n")
    with pytest.raises(RequestError, match="Line 2 is an object, but line 1 is a list"):
        read_json_lines(b'[1, 2]\n{"a": 1}\n')


def test_a_table_becomes_the_array_that_numpy_makes_of_its_frame() -> None:
    import numpy as np

    schema = InputSchema((Column("i", "integer"), Column("f", "float"), Column("l", "long"), Column("d", "double")))
    rows = [[1, 0.1, 2**40, 0.2], [2, 0.3, 4, math.nan], [3, 1.5, 5, 2.5]]
    for count in range(1, 5):
        table = Table(schema.columns[:count], [row[:count] for row in rows])
        frame = np.asarray(table.frame())
        array = table.array()
        assert array.dtype == frame.dtype
        np.testing.assert_array_equal(array, frame)
        assert array.flags.f_contiguous == frame.flags.f_contiguous


def test_numbers_without_a_signature() -> None:
    assert decode_numbers(b"x,y\n1,2\n") == [[1.0, 2.0]]
    assert decode_numbers(b"1,2\n3,4\n") == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(RequestError, match="Row 2, column 2: expected a number, got 'x'"):
        decode_numbers(b"1,2\n3,x\n")
    assert list(decode_frame(b"x,y\n1,2\n").columns) == ["x", "y"]
    assert decode_frame(b"1,2\n3,4\n").shape == (2, 2)


@pytest.mark.parametrize(
    ("value", "media", "header"),
    [
        ("text/csv", CSV, None),
        ("text/csv; charset=utf-8; header=present", CSV, True),
        ("Text/CSV;header=absent", CSV, False),
        ("application/json; charset=UTF-8", JSON, None),
        ("application/x-ndjson", JSON_LINES, None),
    ],
)
def test_content_types(value: str, media: str, header: bool | None) -> None:
    content = parse_content_type(value)
    assert (content.media, content.header) == (media, header)


@pytest.mark.parametrize(
    "value", ["", "text/plain", "text/csv; charset=latin-1", "text/csv; header=maybe", "application/x-npy"]
)
def test_other_content_types_are_refused_with_the_ones_that_are_not(value: str) -> None:
    with pytest.raises(RequestError, match="send text/csv, application/json") as caught:
        parse_content_type(value)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("value", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("application/json;q=0.5, text/csv", CSV),
        ("text/html, application/jsonlines;q=0.3", JSON_LINES),
        ("application/*", JSON),
    ],
)
def test_accept(value: str, media: str) -> None:
    assert choose_accept(value) == media


def test_an_impossible_accept_is_406() -> None:
    with pytest.raises(RequestError) as caught:
        choose_accept("text/html")
    assert caught.value.status == 406


def test_predictions_are_encoded_in_three_forms() -> None:
    import numpy as np
    import pandas as pd

    labels = np.array(["late", 'say "no", then'])
    assert json.loads(encode(labels, JSON)) == {"predictions": ["late", 'say "no", then']}
    assert encode(labels, CSV) == b'late\n"say ""no"", then"\n'
    assert encode(labels, JSON_LINES).splitlines()[0] == b'{"prediction": "late"}'
    both = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert encode(both, CSV) == b"0.25,0.75\n1.0,0.0\n"
    frame = pd.DataFrame({"p": [0.5, math.nan], "at": pd.to_datetime(["2013-01-01", None])})
    assert json.loads(encode(frame, JSON)) == {
        "predictions": [{"p": 0.5, "at": "2013-01-01T00:00:00"}, {"p": None, "at": None}]
    }
    assert json.loads(encode(np.array([math.inf, 1.0]), JSON)) == {"predictions": [None, 1.0]}
    assert json.loads(encode([np.float32(0.5), 1], JSON)) == {"predictions": [0.5, 1]}
