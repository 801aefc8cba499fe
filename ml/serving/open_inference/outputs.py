"""Predictions as output tensors, and the body that carries them."""

from collections.abc import Sequence
from typing import Any, cast

from ml.serving.encode import dumps
from ml.serving.errors import bad_input
from ml.serving.open_inference.request import InferenceRequest
from ml.serving.open_inference.tensors import Tensor, of_array, to_bytes

DEFAULT_OUTPUT = "output-1"
"""MLServer's name of an output that has none."""


def to_tensors(predictions: Any, name: str) -> list[Tensor]:
    """The predictions as tensors: a column or a key an output; whatever has no name of its own gets `name`."""
    import numpy as np

    if _is_records(predictions):
        import pandas as pd

        predictions = pd.DataFrame(predictions)
    if hasattr(predictions, "columns"):
        return [of_array(str(column), predictions[column].to_numpy()) for column in predictions.columns]
    if isinstance(predictions, dict):
        columns = cast("dict[Any, Any]", predictions)
        return [of_array(str(key), np.atleast_1d(_array(value))) for key, value in columns.items()]
    if hasattr(predictions, "toarray"):
        predictions = predictions.toarray()
    own: object = getattr(predictions, "name", None)  # of a Series
    return [of_array(str(own) if own is not None else name, np.atleast_1d(_array(predictions)))]


def _is_records(predictions: Any) -> bool:
    rows = cast("list[Any]", predictions) if isinstance(predictions, list) else []
    return bool(rows) and all(isinstance(row, dict) for row in rows)


def _array(values: Any) -> Any:
    import numpy as np

    if hasattr(values, "to_numpy"):
        return values.to_numpy()
    if isinstance(values, np.ndarray):
        return cast("Any", values)
    try:
        return np.array(values)
    except ValueError:  # rows of different lengths: each is an element
        made: Any = np.empty(len(values), dtype=object)
        made[:] = values
        return made


def encode_response(
    request: InferenceRequest, tensors: Sequence[Tensor], model: str, version: str | None, request_id: str
) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON where binary data follow.

    Raises RequestError where an output is wanted that there is not.
    """
    names = [tensor.name for tensor in tensors]
    wanted = request.outputs if request.outputs is not None else dict.fromkeys(names, request.binary)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise bad_input(f"The model has no output {unknown[0]!r}; it has {', '.join(map(repr, names))}.")
    by_name = dict(zip(names, tensors, strict=True))
    tail: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for name, binary in wanted.items():
        tensor = by_name[name]
        parameters = dict(tensor.parameters)
        output: dict[str, Any] = {"name": name, "shape": list(tensor.shape), "datatype": tensor.datatype}
        if binary:
            tail.append(to_bytes(tensor))
            parameters["binary_data_size"] = len(tail[-1])
        else:
            output["data"] = tensor.plain()
        if parameters:
            output["parameters"] = parameters
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model, "id": request.id or request_id, "outputs": outputs}
    if version is not None:
        document["model_version"] = version
    head = dumps(document)
    return b"".join([head, *tail]), len(head) if tail else None
