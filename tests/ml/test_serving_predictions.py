"""Whatever the form of the request, the server's predictions are those of mlflow.pyfunc, to the last bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from ml.serving.encode import to_plain
from ml.serving.errors import ModelLoadError, RequestError
from ml.serving.media import parse_content_type
from ml.serving.model import ServedModel, find_model, load_model

pytestmark = pytest.mark.ml

CSV = parse_content_type("text/csv")
JSON = parse_content_type("application/json")
LINES = parse_content_type("application/jsonlines")


def iris() -> tuple[pd.DataFrame, pd.Series]:
    return load_iris(return_X_y=True, as_frame=True)


def flights() -> tuple[pd.DataFrame, pd.Series]:
    """Rows like those of the example: text, whole numbers, fractions, gaps."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "carrier": random.choice(["UA", "AA", "DL"], 200),
            "hour": random.integers(0, 24, 200),
            "distance": random.normal(1000, 300, 200),
            "wind": np.where(random.random(200) < 0.2, np.nan, random.random(200)),
        }
    )
    return frame, pd.Series(np.where(frame.hour + random.normal(0, 3, 200) > 12, "late", "on time"))


def by_kind() -> Any:
    return make_pipeline(
        ColumnTransformer(
            [
                ("kind", OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
                ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["hour", "distance", "wind"]),
            ]
        ),
        LogisticRegression(),
    )


def narrow_numbers() -> tuple[pd.DataFrame, pd.Series]:
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    return features.astype({"age": "float32"}).assign(sex=(features.sex > 0).astype("int32")), target


def with_gaps() -> tuple[pd.DataFrame, pd.Series]:
    features, target = iris()
    features = features.copy()
    features.iloc[::3, 1] = np.nan
    return features, target


MODELS: dict[str, tuple[Callable[[], tuple[pd.DataFrame, pd.Series]], Callable[[], Any], bool]] = {
    # name: data, estimator, whether arrays are enough for it
    "classifier": (iris, lambda: LogisticRegression(max_iter=500), True),
    "text labels": (lambda: (iris()[0], iris()[1].map(str)), lambda: LogisticRegression(max_iter=500), True),
    "ridge": (lambda: load_diabetes(return_X_y=True, as_frame=True), Ridge, True),
    "forest": (narrow_numbers, lambda: RandomForestRegressor(20, random_state=0), True),
    "numbers with gaps": (with_gaps, lambda: HistGradientBoostingClassifier(max_iter=10), True),
    "scaled": (iris, lambda: make_pipeline(StandardScaler(), LogisticRegression()), True),
    "categories": (flights, by_kind, False),
    "data frames inside": (
        iris,
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).set_output(transform="pandas"),
        False,
    ),
    "own function": (iris, lambda: make_pipeline(FunctionTransformer(np.log1p), Ridge()), False),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module", params=list(MODELS))
def served(request: pytest.FixtureRequest, folder: Path) -> tuple[ServedModel, Any, pd.DataFrame]:
    make_data, make_estimator, _ = MODELS[request.param]
    features, target = make_data()
    estimator = make_estimator().fit(features, target)
    path = folder / request.param
    signature = infer_signature(features, estimator.predict(features))
    mlflow.sklearn.save_model(
        estimator, path, signature=signature, pip_requirements=[], serialization_format="cloudpickle"
    )
    return load_model(path), mlflow.pyfunc.load_model(str(path)), features


def test_arrays_are_used_where_they_are_enough(
    served: tuple[ServedModel, Any, pd.DataFrame], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["served"]
    assert served[0].uses_arrays is MODELS[name][2]


def bodies(rows: pd.DataFrame) -> dict[str, tuple[Any, bytes]]:
    """The same rows in every form that a client may send."""
    columns = list(rows.columns)
    split = json.loads(rows.to_json(orient="split", double_precision=15, index=False))
    # to_json rounds; these forms must carry every bit.
    split["data"] = [[None if v != v else v for v in row] for row in rows.to_numpy(dtype=object).tolist()]
    records = [dict(zip(columns, row, strict=True)) for row in split["data"]]
    by_column = {name: [record[name] for record in records] for name in columns}
    shuffled = rows[columns[::-1]].assign(unknown="x")

    def as_json(document: Any) -> bytes:
        return json.dumps(document).encode()

    def lines(documents: list[Any]) -> bytes:
        return b"".join(as_json(document) + b"\n" for document in documents)

    return {
        "csv with header": (CSV, rows.to_csv(index=False).encode()),
        "csv without header": (CSV, rows.to_csv(index=False, header=False).encode()),
        "csv in another order": (CSV, shuffled.to_csv(index=False).encode()),
        "dataframe_split": (JSON, as_json({"dataframe_split": split})),
        "dataframe_records": (JSON, as_json({"dataframe_records": records})),
        "instances of records": (JSON, as_json({"instances": records})),
        "instances of rows": (JSON, as_json({"instances": split["data"]})),
        "inputs by column": (JSON, as_json({"inputs": by_column})),
        "plain rows": (JSON, as_json(split["data"])),
        "lines of rows": (LINES, lines(split["data"])),
        "lines of records": (LINES, lines(records)),
    }


@pytest.mark.parametrize("count", [1, 2, 57, 150])
def test_every_form_gives_the_predictions_of_pyfunc(served: tuple[ServedModel, Any, pd.DataFrame], count: int) -> None:
    model, pyfunc, features = served
    rows = features.head(count)
    expected = to_plain(pyfunc.predict(rows))
    for form, (content, body) in bodies(rows).items():
        answer = model.answer(body, content)
        assert to_plain(answer.predictions) == expected, form
        assert answer.rows == count


def test_mlflow_reads_the_same_requests_to_the_same_predictions(
    served: tuple[ServedModel, Any, pd.DataFrame],
) -> None:
    """MLflow's own scoring server, function by function, on the forms that it knows too."""
    from io import StringIO

    from mlflow.pyfunc.scoring_server import infer_and_parse_data, parse_csv_input

    model, pyfunc, features = served
    rows = features.head(20)
    schema = pyfunc.metadata.get_input_schema()
    for form, (content, body) in bodies(rows).items():
        if form in ("csv with header", "csv in another order"):
            data = parse_csv_input(StringIO(body.decode()), schema)
        elif form in ("dataframe_split", "dataframe_records", "inputs by column"):
            data = infer_and_parse_data(json.loads(body), schema)
        else:
            continue
        theirs = np.asarray(pyfunc.predict(data))
        ours = np.asarray(model.answer(body, content).predictions)
        if ours.dtype.kind == "f":  # pandas.read_csv may miss a number's last bit; we do not
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=form)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=form)


def save(path: Path, estimator: Any, example: Any, **options: Any) -> ServedModel:
    mlflow.sklearn.save_model(estimator, path, pip_requirements=[], serialization_format="cloudpickle", **options)
    return load_model(path)


def test_a_model_with_a_tensor_signature_reads_csv_and_json(folder: Path) -> None:
    features, target = load_iris(return_X_y=True)
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    model = save(folder / "tensor", estimator, features, signature=infer_signature(features, target))
    expected = estimator.predict(features[:5]).tolist()
    rows = features[:5].tolist()
    csv = "\n".join(",".join(map(str, row)) for row in rows).encode()
    for content, body in (
        (CSV, csv),
        (CSV, b"a,b,c,d\n" + csv),
        (JSON, json.dumps({"inputs": rows}).encode()),
        (JSON, json.dumps({"instances": rows}).encode()),
        (JSON, json.dumps(rows).encode()),
        (LINES, b"\n".join(json.dumps(row).encode() for row in rows)),
    ):
        answer = model.answer(body, content)
        assert (answer.predictions.tolist(), answer.rows) == (expected, 5)
    with pytest.raises(RequestError, match="shape") as caught:
        model.answer(b"1,2,3\n", CSV)
    assert caught.value.status == 400


def test_a_model_without_a_signature_takes_what_it_gets(folder: Path) -> None:
    features, target = iris()
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    model = save(folder / "unsigned", estimator, features)
    expected = estimator.predict(features.head(3)).tolist()
    body = features.head(3).to_csv(index=False).encode()
    assert model.answer(body, CSV).predictions.tolist() == expected
    split = {"dataframe_split": json.loads(features.head(3).to_json(orient="split"))}
    assert model.answer(json.dumps(split).encode(), JSON).predictions.tolist() == expected


def test_a_missing_value_that_the_model_does_not_take_is_the_requests_fault(folder: Path) -> None:
    features, target = iris()
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    model = save(folder / "strict", estimator, features, signature=infer_signature(features, target))
    with pytest.raises(RequestError, match=r"Row 2, column 'sepal width \(cm\)': the value is missing") as caught:
        model.answer(b"5.1,3.5,1.4,0.2\n5.1,,1.4,0.2\n", CSV)
    assert caught.value.status == 400


def test_columns_fitted_in_another_order_than_signed_are_never_given_as_arrays(folder: Path) -> None:
    features, target = iris()
    estimator = LogisticRegression(max_iter=500).fit(features[features.columns[::-1]], target)
    model = save(folder / "reversed", estimator, features, signature=infer_signature(features, target))
    assert not model.uses_arrays


def test_the_model_is_found_at_the_root_or_one_folder_below(folder: Path, tmp_path: Path) -> None:
    features, target = iris()
    mlflow.sklearn.save_model(
        LogisticRegression(max_iter=500).fit(features, target), tmp_path / "m" / "model", pip_requirements=[]
    )
    assert find_model(tmp_path / "m" / "model") == tmp_path / "m" / "model"
    assert find_model(tmp_path / "m") == tmp_path / "m" / "model"


def test_a_folder_without_a_model_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="does not exist"):
        find_model(tmp_path / "nowhere")
    with pytest.raises(ModelLoadError, match="it is empty"):
        find_model(tmp_path)
    (tmp_path / "model.joblib").write_bytes(b"")
    with pytest.raises(ModelLoadError, match=r"it holds model\.joblib"):
        find_model(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(ModelLoadError, match=r"several MLflow models \(a, b\)"):
        find_model(tmp_path)
    with pytest.raises(ModelLoadError, match="does not load"):
        load_model(tmp_path / "a")
