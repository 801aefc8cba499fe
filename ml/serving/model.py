"""The model that is served: found, loaded, and asked."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

from ml.serving.arrays import Predict, array_predict, probe_rows
from ml.serving.decode_csv import decode_csv, decode_frame, decode_numbers
from ml.serving.decode_json import JsonInput, read_json, read_json_lines, to_table
from ml.serving.errors import ModelLoadError, RequestError, bad_input
from ml.serving.media import CSV, JSON, ContentType
from ml.serving.open_inference.inputs import to_arrays, to_whatever
from ml.serving.open_inference.inputs import to_table as tensors_to_table
from ml.serving.open_inference.request import InferenceRequest
from ml.serving.personal import Masker, personal_columns
from ml.serving.schema import InputSchema, input_schema
from ml.serving.table import Table


def find_model(model_dir: Path) -> Path:
    """The MLflow model folder: `model_dir` itself or the one folder in it that has an MLmodel file.

    Raises ModelLoadError saying what was found instead.
    """
    if not model_dir.is_dir():
        raise ModelLoadError(f"The model directory {model_dir} does not exist; give another with --model-dir.")
    if (model_dir / "MLmodel").is_file():
        return model_dir
    below = sorted(folder.parent for folder in model_dir.glob("*/MLmodel"))
    if len(below) == 1:
        return below[0]
    if below:
        names = ", ".join(folder.name for folder in below)
        raise ModelLoadError(f"{model_dir} holds several MLflow models ({names}); give one of them with --model-dir.")
    content = sorted(entry.name for entry in model_dir.iterdir())
    found = f"it holds {', '.join(content[:10])}{', …' if len(content) > 10 else ''}" if content else "it is empty"
    raise ModelLoadError(
        f"{model_dir} holds no MLflow model (no MLmodel file in it or one folder below): {found}. "
        "Save the model there with mlflow.<flavour>.save_model."
    )


class Answer(NamedTuple):
    """What the model said. rows: how many rows it was asked for. seconds: time spent in the model alone."""

    predictions: Any
    rows: int
    seconds: float


class ServedModel:
    """A loaded model that turns a request's body into predictions.

    path: folder of the MLflow model. folder: what the training job left, where that is the folder above.
    """

    def __init__(self, pyfunc_model: Any, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self._pyfunc = pyfunc_model
        self._mlflow_schema: Any = pyfunc_model.metadata.get_input_schema()
        self.schema: InputSchema | None = input_schema(pyfunc_model.metadata.signature)
        self._width = len(self.schema.columns) if self.schema else None  # with no optional column left out
        self.masker = Masker(personal_columns([path, folder or path]), self.schema.names if self.schema else ())
        self._array_predict: Predict | None = array_predict(pyfunc_model, self.schema)

    @property
    def uses_arrays(self) -> bool:
        """Whether predictions are made from numpy arrays, without a DataFrame."""
        return self._array_predict is not None

    def warm_up(self) -> float | None:
        """Seconds that a prediction of one made-up row takes; None where no row can be made up for this model."""
        if self._array_predict is None or self.schema is None:
            return None
        table = Table(self.schema.columns, probe_rows(self.schema.columns)[:1])
        times = [self._timed(1, self._on_table, table).seconds for _ in range(5)]
        return min(times)

    def answer(self, body: bytes, content: ContentType) -> Answer:
        """The predictions for a request's body.

        Raises RequestError where the body does not fit the model; whatever the model raises passes through.
        """
        if self.schema is None:
            return self._answer_without_columns(body, content)
        params = None
        if content.media == CSV:
            table = decode_csv(body, self.schema, content.header)
        else:
            request = read_json(body, self.schema) if content.media == JSON else read_json_lines(body)
            table, params = to_table(request, self.schema), request.params
        return self._timed(len(table.rows), self._on_table, table, params)

    def answer_table(self, table: Table) -> Answer:
        """The predictions for rows that have the model's types; raises as `answer` does."""
        return self._timed(len(table.rows), self._on_table, table)

    @property
    def metadata(self) -> Any:
        """MLflow's own description of the model."""
        return self._pyfunc.metadata

    def answer_tensors(self, request: InferenceRequest) -> Answer:
        """The predictions for a request of the Open Inference Protocol; raises as `answer` does.

        Its parameters go to the model as far as the model's signature knows them.
        """
        known: Any = self._pyfunc.metadata.get_params_schema()
        names: set[str] = {spec.name for spec in known.params} if known is not None else set()
        params = {name: value for name, value in request.parameters.items() if name in names} or None
        if self.schema is not None:
            table = tensors_to_table(request.inputs, self.schema)
            return self._timed(len(table.rows), self._on_table, table, params)
        if self._mlflow_schema is not None and self._mlflow_schema.is_tensor_spec():
            data = to_arrays(request.inputs, self._mlflow_schema)
        else:
            data = to_whatever(request.inputs)
        shape = request.inputs[0].shape
        return self._timed(shape[0] if shape else 1, self._on_data, data, params)

    def _on_table(self, table: Table, params: dict[str, Any] | None = None) -> Any:
        try:
            if self._array_predict is not None and not params and len(table.columns) == self._width:
                return self._array_predict(table.array())
            return self._on_data(table.frame(), params)
        except ValueError as error:
            # scikit-learn's words for a missing value that the estimator does not take; the client can mend that.
            if "contains NaN" in str(error) and (missing := table.first_missing()) is not None:
                row, column = missing
                message = f"Row {row}, column {column.name!r}: the value is missing and the model takes none that is."
                raise bad_input(message, row=row, column=column.name, expected=column.expected) from error
            raise

    def _on_data(self, data: Any, params: dict[str, Any] | None) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._pyfunc.predict(data, params=params)
        except MlflowException as error:
            if error.error_code in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE"):
                raise bad_input(str(error.message)) from error
            raise

    def _answer_without_columns(self, body: bytes, content: ContentType) -> Answer:
        """For tensors, nested types, or no signature at all MLflow's own reading of the forms decides."""
        params = None
        if content.media == CSV and self._mlflow_schema is None:
            data: Any = decode_frame(body, content.header)
        elif content.media == CSV:
            data = self._tensor_from_csv(decode_numbers(body, content.header))
        else:
            request = read_json(body, None) if content.media == JSON else read_json_lines(body)
            data, params = self._mlflow_form(request), request.params
        rows = len(data) if hasattr(data, "__len__") else 1
        if isinstance(data, dict):
            rows = max((len(column) for column in data.values() if hasattr(column, "__len__")), default=1)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return self._timed(rows, self._on_data, data, params)

    def _tensor_from_csv(self, rows: list[list[float]]) -> Any:
        import numpy as np

        if not self._mlflow_schema.is_tensor_spec() or len(self._mlflow_schema.inputs) != 1:
            raise RequestError(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "The model's inputs have no CSV form; send application/json.",
                expected=JSON,
            )
        spec = self._mlflow_schema.inputs[0]
        array = np.array(rows).astype(spec.type)
        return array.reshape(-1) if len(spec.shape) == 1 else array

    def _mlflow_form(self, request: JsonInput) -> Any:
        from mlflow.exceptions import MlflowException
        from mlflow.pyfunc import scoring_server

        parse = cast("Any", scoring_server).infer_and_parse_data
        try:
            return parse({request.form: request.value}, self._mlflow_schema)
        except MlflowException as error:
            raise bad_input(str(error.message)) from error

    def _timed(self, rows: int, predict: Callable[..., Any], *arguments: Any) -> Answer:
        begin = time.perf_counter()
        predictions = predict(*arguments)
        return Answer(predictions, rows, time.perf_counter() - begin)


def load_model(model_dir: Path) -> ServedModel:
    """Find and load the MLflow model in `model_dir`.

    Raises ModelLoadError with one message that a user can act on.
    """
    path = find_model(model_dir)
    try:
        import mlflow.pyfunc

        pyfunc_model: Any = mlflow.pyfunc.load_model(str(path))
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"The model in {path} needs the Python package {error.name!r}, which is not installed here; "
            f"see {path / 'requirements.txt'}."
        ) from error
    except Exception as error:  # a broken model can raise anything; the operator wants one line and its cause
        raise ModelLoadError(f"The model in {path} does not load: {type(error).__name__}: {error}") from error
    return ServedModel(pyfunc_model, path, model_dir)
