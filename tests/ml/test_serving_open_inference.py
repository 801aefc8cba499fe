"""The inference server asked by Triton's own client: health, metadata, JSON and binary tensors, errors."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.guide import blocks
from tests.ml.serving_server import ROOT, Server, running

pytestmark = [pytest.mark.ml, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, pd.DataFrame, Any]]:
    """A model of four numbers."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    path = tmp_path_factory.mktemp("iris")
    mlflow.sklearn.save_model(
        estimator, path / "model", signature=infer_signature(features, target), pip_requirements=[]
    )
    with running(path, "--model-name", "iris", "--model-version", "3") as server:
        yield server, features, estimator.predict(features)


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, pd.DataFrame, Any]]:
    """A model of text, whole numbers and truth values, whose answers are text."""
    features = pd.DataFrame(
        {
            "carrier": ["UA", "AA", "DL", "UA"] * 10,
            "hour": list(range(20, 0, -1)) * 2,
            "cargo": [True, False] * 20,
        }
    )
    target = np.where(features.hour > 10, "late", "on time")
    estimator = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough"), LogisticRegression()
    ).fit(features, target)
    path = tmp_path_factory.mktemp("flights")
    mlflow.sklearn.save_model(
        estimator,
        path / "model",
        signature=infer_signature(features, target),
        pip_requirements=[],
        serialization_format="cloudpickle",
    )
    with running(path) as server:
        yield server, features, estimator.predict(features)


def client(server: Server) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"127.0.0.1:{server.port}")


def tensor(name: str, values: Any, *, binary: bool) -> triton.InferInput:
    array = np.asarray(values)
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def test_a_client_learns_what_there_is(iris: tuple[Server, pd.DataFrame, Any]) -> None:
    server, features, _ = iris
    asking = client(server)
    assert asking.is_server_live()
    assert asking.is_server_ready()
    assert asking.is_model_ready("iris")
    assert asking.is_model_ready("iris", "3")
    assert not asking.is_model_ready("other")
    assert "binary_tensor_data" in asking.get_server_metadata()["extensions"]
    metadata = asking.get_model_metadata("iris")
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("iris", ["3"], "mlflow_sklearn")
    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"]] == [
        (name, "FP64", [-1, 1]) for name in features
    ]
    assert [(each["name"], each["datatype"]) for each in metadata["outputs"]] == [("target", "INT64")]


@pytest.mark.parametrize("binary_inputs", [False, True])
@pytest.mark.parametrize("binary_outputs", [False, True])
def test_a_clients_columns_are_predicted_for(
    iris: tuple[Server, pd.DataFrame, Any], binary_inputs: bool, binary_outputs: bool
) -> None:
    server, features, expected = iris
    result = client(server).infer(
        "iris",
        [tensor(name, features[name].to_numpy().reshape(-1, 1), binary=binary_inputs) for name in features],
        outputs=[triton.InferRequestedOutput("target", binary_data=binary_outputs)],
        request_id="order-7",
    )
    np.testing.assert_array_equal(result.as_numpy("target").ravel(), expected)
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("order-7", "iris", "3")
    assert ("data" in answer["outputs"][0]) is not binary_outputs


def test_a_matrix_is_predicted_for_as_the_client_sends_it_by_default(iris: tuple[Server, pd.DataFrame, Any]) -> None:
    server, features, expected = iris
    result = client(server).infer("iris", [tensor("x", features.to_numpy(), binary=True)], model_version="3")
    np.testing.assert_array_equal(result.as_numpy("target").ravel(), expected)


@pytest.mark.parametrize("binary", [False, True])
def test_text_goes_in_and_comes_out(flights: tuple[Server, pd.DataFrame, Any], binary: bool) -> None:
    server, features, expected = flights
    asking = client(server)
    datatypes = {each["name"]: each["datatype"] for each in asking.get_model_metadata("model")["inputs"]}
    assert datatypes == {"carrier": "BYTES", "hour": "INT64", "cargo": "BOOL"}
    inputs = [
        tensor("carrier", features.carrier.to_numpy(dtype=object), binary=binary),
        tensor("hour", features.hour.to_numpy(dtype=np.int16), binary=binary),
        tensor("cargo", features.cargo.to_numpy(), binary=binary),
    ]
    answer = asking.infer("model", inputs, outputs=None if binary else [triton.InferRequestedOutput("output-1", False)])
    values = answer.as_numpy("output-1").ravel()
    assert [value.decode() if isinstance(value, bytes) else value for value in values] == list(expected)


def test_a_client_gets_the_protocols_errors(iris: tuple[Server, pd.DataFrame, Any]) -> None:
    server, features, _ = iris
    asking = client(server)
    row = [tensor(name, np.array([1.0]), binary=True) for name in features]
    for inputs, options, status, message in (
        (row[1:], {}, "400", "The request lacks the column 'sepal length (cm)'"),
        (row, {"model_version": "4"}, "404", "has no version '4'; it has version '3'"),
        (row, {"outputs": [triton.InferRequestedOutput("x")]}, "400", "The model has no output 'x'; it has 'target'"),
        ([tensor("x", np.ones((1, 3)), binary=True)], {}, "400", "Row 1 has 3 values; expected 4"),
    ):
        with pytest.raises(InferenceServerException) as caught:
            asking.infer("iris", inputs, **options)
        assert caught.value.status() == status
        assert message in caught.value.message()
    with pytest.raises(InferenceServerException, match="There is no model 'other'"):
        asking.get_model_metadata("other")
    assert server.call("/v2/models/iris/infer").headers["Allow"] == "POST"


def test_the_protocol_and_invocations_count_alike(iris: tuple[Server, pd.DataFrame, Any]) -> None:
    server, features, _ = iris

    def predicted() -> float:
        lines = server.call("/metrics").body.decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("serving_predicted_rows_total"))

    before = predicted()
    client(server).infer("iris", [tensor("x", features.to_numpy()[:5], binary=True)])
    assert predicted() == before + 5


def test_a_server_that_loads_is_live_and_not_ready(tmp_path: Path) -> None:
    features, target = load_iris(return_X_y=True, as_frame=True)
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    mlflow.sklearn.save_model(estimator, tmp_path / "model", pip_requirements=[])
    with running(tmp_path, ready=False) as server:
        asking = client(server)
        assert asking.is_server_live()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/v2/models/model/ready")
        first = connection.getresponse()
        assert (first.status, json.loads(first.read())) == (503, {"name": "model", "ready": False})
        server.wait_ready()
        assert asking.is_server_ready()


def test_the_python_of_the_page_on_serving_asks_a_server(
    iris: tuple[Server, pd.DataFrame, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = [block for block in blocks((ROOT / "docs" / "serving.md").read_text()) if block.language == "python"]
    exec(shown.text.replace("localhost:8080", f"localhost:{iris[0].port}"), {})
    assert capsys.readouterr().out.split() == ["[[0]", "[2]]"]
