"""The Open Inference Protocol in the inference server: tensors in both forms, columns, paths, masks."""

import json
import struct
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.serving.errors import RequestError
from ml.serving.media import TENSORS, ContentType
from ml.serving.open_inference.inputs import to_arrays, to_table, to_whatever
from ml.serving.open_inference.outputs import encode_response, to_tensors
from ml.serving.open_inference.paths import SERVER_VERSION, describe, find_path
from ml.serving.open_inference.request import read_request
from ml.serving.open_inference.tensors import NUMPY, of_array
from ml.serving.personal import MASK, Masker
from ml.serving.schema import Column, InputSchema
from ml.serving.settings import Settings

pytestmark = pytest.mark.unit

SCHEMA = InputSchema((Column("age", "long"), Column("income", "double"), Column("name", "string", required=False)))


def tensor(name: str, datatype: str, shape: list[int], data: Any, **parameters: Any) -> dict[str, Any]:
    fields = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return {**fields, "parameters": parameters} if parameters else fields


def request(*inputs: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"inputs": inputs, **fields}).encode()


def binary(*inputs: tuple[str, str, list[int], bytes], **fields: Any) -> tuple[bytes, int]:
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "datatype": kind, "shape": shape, "parameters": {"binary_data_size": len(data)}}
                for name, kind, shape, data in inputs
            ],
            **fields,
        }
    ).encode()
    return head + b"".join(data for *_, data in inputs), len(head)


def text(*values: str) -> bytes:
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


def test_a_column_is_an_input_of_its_name() -> None:
    body = request(
        tensor("name", "BYTES", [2, 1], ["Ada", None]),
        tensor("unknown", "FP32", [2], [0.5, 0.5]),
        tensor("income", "FP64", [2], [5, None]),
        tensor("age", "INT64", [2, 1], [[36], [41]]),
        id="r1",
    )
    read = read_request(body, None)
    table = to_table(read.inputs, SCHEMA)
    assert read.id == "r1"
    assert [column.name for column in table.columns] == ["age", "income", "name"]
    assert table.rows[0] == [36, 5.0, "Ada"]
    assert table.rows[1][0] == 41
    assert np.isnan(table.rows[1][1])


def test_binary_tensors_are_read_as_their_json_is() -> None:
    body, length = binary(
        ("age", "UINT8", [2], bytes([36, 41])),
        ("income", "FP32", [2, 1], struct.pack("<2f", 5, 6.5)),
        ("name", "BYTES", [2], text("Ada", "Zoë")),
    )
    table = to_table(read_request(body, length).inputs, SCHEMA)
    assert table.rows == [[36, 5.0, "Ada"], [41, 6.5, "Zoë"]]


def test_one_matrix_of_another_name_is_the_columns_in_their_order() -> None:
    schema = InputSchema((Column("a", "double"), Column("b", "double")))
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        table = to_table(read_request(request(tensor("x", "FP64", [2, 2], data)), None).inputs, schema)
        assert table.rows == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(RequestError, match="Row 1 has 3 values; expected 2"):
        to_table(read_request(request(tensor("x", "FP64", [1, 3], [1, 2, 3])), None).inputs, schema)


@pytest.mark.parametrize("datatype", list(NUMPY))
def test_every_datatype_goes_through_both_forms_unchanged(datatype: str) -> None:
    kind = np.dtype(NUMPY[datatype])
    values = np.array([[0, 1], [1, 0]], dtype=kind) if kind.kind in "b" else np.array([[0, 1], [2, 100]], dtype=kind)
    plain = request(tensor("x", datatype, [2, 2], values.tolist()))
    body, length = binary(("x", datatype, [2, 2], values.tobytes()))
    for read in (read_request(plain, None), read_request(body, length)):
        array = read.inputs[0].array()
        np.testing.assert_array_equal(array, values)
        assert array.dtype == values.dtype
    assert of_array("x", values).datatype == datatype


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "no object"),
        (b"{}", "no 'inputs'"),
        (request(tensor("a", "FP64", [2], [1.0])), "has 1 elements; its shape .2. means 2"),
        (request(tensor("a", "FP65", [1], [1.0])), "there are BOOL, UINT8"),
        (request(tensor("a", "FP64", [-1], [1.0])), "no shape"),
        (request(tensor("a", "INT8", [1], [300])), "INT8 holds whole numbers of that size"),
        (request(tensor("a", "UINT8", [1], [-1])), "UINT8 holds whole numbers of that size"),
        (request(tensor("a", "INT64", [1], [1.5])), "INT64 holds whole numbers"),
        (request(tensor("a", "FP64", [1], ["1"])), "FP64 holds numbers"),
        (request(tensor("a", "FP64", [1], [True])), "FP64 holds numbers"),
        (request(tensor("a", "BOOL", [1], [1])), "BOOL holds truth values"),
        (request(tensor("a", "BYTES", [1], [1])), "BYTES holds texts"),
        (request(tensor("a", "FP64", [2], [[1], 2])), "nested unevenly"),
        (request(tensor("a", "FP64", [1], [1.0]), tensor("a", "FP64", [1], [1.0])), "comes twice"),
        (request({"name": "a", "datatype": "FP64", "shape": [1]}), "no data"),
    ],
)
def test_a_request_that_is_none_is_told_why(body: bytes, problem: str) -> None:
    with pytest.raises(RequestError, match=problem) as caught:
        read_request(body, None)
    assert caught.value.status == 400


def test_binary_data_that_do_not_fit_what_is_said_of_them_are_refused() -> None:
    body, length = binary(("a", "FP64", [1], b"1234567"))
    with pytest.raises(RequestError, match="7 bytes, are no whole number of FP64"):
        read_request(body, length)
    body, length = binary(("a", "BYTES", [1], text("Ada")[:-1]))
    with pytest.raises(RequestError, match="end within an element"):
        read_request(body, length)
    body, length = binary(("a", "INT8", [1], b"1"))
    with pytest.raises(RequestError, match="2 bytes of binary data; the inputs say 1"):
        read_request(body + b"2", length)
    with pytest.raises(RequestError, match="says 1 bytes of binary data; 0 are there"):
        read_request(body[:-1], length)
    with pytest.raises(RequestError, match="Inference-Header-Content-Length is 999"):
        read_request(body, 999)


def test_columns_of_wrong_shape_type_or_number_are_told_by_name() -> None:
    def table_of(*inputs: dict[str, Any]) -> Any:
        return to_table(read_request(request(*inputs), None).inputs, SCHEMA)

    age, income = tensor("age", "INT64", [1], [36]), tensor("income", "FP64", [1], [5.0])
    with pytest.raises(RequestError, match="lacks the column 'income'"):
        table_of(age, tensor("name", "BYTES", [1], ["Ada"]))
    with pytest.raises(RequestError, match="'income' has 2 rows; 'age' has 1"):
        table_of(age, tensor("income", "FP64", [2], [5.0, 6.0]))
    with pytest.raises(RequestError, match=r"'income' has the shape \[1, 2\]"):
        table_of(age, tensor("income", "FP64", [1, 2], [5.0, 6.0]))
    with pytest.raises(RequestError, match="Row 1, column 'age': expected long") as caught:
        table_of(tensor("age", "BYTES", [1], ["36"]), income)
    assert (caught.value.row, caught.value.column) == (1, "age")


def test_predictions_become_outputs() -> None:
    (labels,) = to_tensors(np.array(["late", "on time"], dtype=object), "label")
    assert (labels.name, labels.datatype, labels.shape, labels.plain()) == (
        "label", "BYTES", (2, 1), ["late", "on time"],
    )  # fmt: skip
    (chances,) = to_tensors(np.array([[0.1, 0.9]]), "output-1")
    assert (chances.datatype, chances.shape, chances.plain()) == ("FP64", (1, 2), [0.1, 0.9])
    frame = to_tensors(pd.DataFrame({"n": [1, 2], "ok": [True, False]}), "output-1")
    assert [(each.name, each.datatype, each.shape) for each in frame] == [
        ("n", "INT64", (2, 1)),
        ("ok", "BOOL", (2, 1)),
    ]
    assert [each.name for each in to_tensors({"a": [1.5], "b": ["x"]}, "output-1")] == ["a", "b"]
    assert [each.name for each in to_tensors([{"a": 1}, {"a": 2}], "output-1")] == ["a"]
    assert to_tensors(pd.Series([1.0], name="target"), "output-1")[0].name == "target"
    (nested,) = to_tensors([[1], [2, 3]], "output-1")
    assert (nested.datatype, nested.plain(), nested.content_type) == ("BYTES", ["[1]", "[2, 3]"], "pd_json")


def test_an_answer_has_the_outputs_that_are_wanted_in_the_form_that_is_wanted() -> None:
    tensors = [of_array("n", np.array([1, 2])), of_array("x", np.array([0.5, np.nan]))]
    inputs = tensor("a", "FP64", [1], [1.0])
    body, length = encode_response(read_request(request(inputs), None), tensors, "m", "3", "given")
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "3",
        "id": "given",
        "outputs": [
            {"name": "n", "shape": [2, 1], "datatype": "INT64", "data": [1, 2]},
            {"name": "x", "shape": [2, 1], "datatype": "FP64", "data": [0.5, None]},
        ],
    }
    wanted = request(inputs, id="own", outputs=[{"name": "n"}, {"name": "x", "parameters": {"binary_data": True}}])
    body, length = encode_response(read_request(wanted, None), tensors, "m", None, "given")
    document = json.loads(body[:length])
    assert document["id"] == "own"
    assert document["outputs"][0]["data"] == [1, 2]
    assert document["outputs"][1]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(body[length:], "<f8")[0] == 0.5
    with pytest.raises(RequestError, match="no output 'y'; it has 'n', 'x'"):
        encode_response(read_request(request(inputs, outputs=[{"name": "y"}]), None), tensors, "m", None, "given")


def test_a_model_of_tensors_gets_arrays_of_its_own_type() -> None:
    from mlflow.types.schema import Schema, TensorSpec

    one = Schema([TensorSpec(np.dtype("float64"), (-1, 2))])
    array = to_arrays(read_request(request(tensor("x", "FP32", [1, 2], [1, 2])), None).inputs, one)
    assert (array.dtype, array.shape) == (np.dtype("float64"), (1, 2))
    whole = Schema([TensorSpec(np.dtype("int32"), (-1,))])
    with pytest.raises(RequestError, match="is of FP64; the model takes int32"):
        to_arrays(read_request(request(tensor("x", "FP64", [1], [1.5])), None).inputs, whole)
    two = Schema([TensorSpec(np.dtype("float64"), (-1,), "a"), TensorSpec(np.dtype("int64"), (-1,), "b")])
    with pytest.raises(RequestError, match="lacks the input 'b'"):
        to_arrays(read_request(request(tensor("a", "FP64", [1], [1.5])), None).inputs, two)


def test_a_model_without_a_signature_gets_a_data_frame_or_an_array() -> None:
    two = request(tensor("a", "FP64", [1], [1.5]), tensor("b", "BYTES", [1], ['{"c": 1}'], content_type="pd_json"))
    frame = to_whatever(read_request(two, None).inputs)
    assert frame.to_dict(orient="records") == [{"a": 1.5, "b": {"c": 1}}]
    assert to_whatever(read_request(request(tensor("x", "INT32", [1, 2], [1, 2])), None).inputs).shape == (1, 2)


def test_the_paths_know_one_model(tmp_path: Path) -> None:
    settings = Settings(model_dir=tmp_path, model_name="flights", model_version="7")
    assert find_path("/v2/models/flights/versions/7/infer", settings).method == "POST"
    assert find_path("/v2/models/flights/", settings).verb == ""
    for wrong in ("/v2/models/other", "/v2/models/flights/versions/8", "/v2/repository/index", "/v2/models"):
        with pytest.raises(RequestError) as caught:
            find_path(wrong, settings)
        assert caught.value.status == 404
    ready = find_path("/v2/models/flights/ready", settings)
    assert describe(ready, settings, None, "loading") == (503, {"name": "flights", "ready": False})
    assert describe(find_path("/v2/health/live", settings), settings, None, "loading") == (200, {"live": True})


def test_the_server_says_the_projects_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == SERVER_VERSION


def test_personal_tensors_are_masked_in_both_forms() -> None:
    masker = Masker(["name", "age"], ["age", "income", "name"])
    plain = request(tensor("age", "INT64", [1], [36]), tensor("income", "FP64", [1], [5.0]))
    shown = json.loads(masker.body(plain, ContentType(TENSORS)))
    assert [each["data"] for each in shown["inputs"]] == [[MASK], [5.0]]
    body, length = binary(("name", "BYTES", [1], text("Ada")), ("income", "FP64", [1], struct.pack("<d", 5)))
    shown = json.loads(masker.body(body, ContentType(TENSORS, json_length=length)))
    assert [each["data"] for each in shown["inputs"]] == [[MASK], [5.0]]
    assert "binary_data_size" not in json.dumps(shown)
    matrix = request(tensor("x", "FP64", [1, 3], [36.0, 5.0, 1.0]))
    assert json.loads(masker.body(matrix, ContentType(TENSORS)))["inputs"][0]["data"] == [MASK, 5.0, MASK]
    other = request(tensor("x", "FP64", [1, 2], [36.0, 5.0]))
    assert masker.body(other, ContentType(TENSORS)) == MASK
    assert masker.body(b"{", ContentType(TENSORS)) == MASK
    masker.hold("r1", body, ContentType(TENSORS, json_length=length))
    assert masker.text("no such person: 'Ada'") == f"no such person: '{MASK}'"
