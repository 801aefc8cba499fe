"""Predicting from a numpy array where that is proven to give what MLflow's DataFrame way gives.

Building a DataFrame and enforcing the signature on it costs several times the prediction of a small scikit-learn
model. Where the signature is all numbers and the estimator looks at nothing but the numbers, the array alone is enough.
Whether that holds is decided by what the estimator is made of, and then checked by predicting both ways when the model
is loaded.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

from ml.serving.schema import Column, InputSchema
from ml.serving.table import Table

Predict = Callable[[Any], Any]

_NEEDS_NAMES = frozenset(("ColumnTransformer", "FunctionTransformer", "TransformedTargetRegressor"))
_PROBE = (0.0, 1.0, 2.0, 0.0, 1.0, 5.0, 3.0)


def array_predict(pyfunc_model: Any, schema: InputSchema | None) -> Predict | None:
    """The estimator's own predict function, if arrays may be given to it; None otherwise.

    pyfunc_model: an mlflow.pyfunc.PyFuncModel. schema: its input columns.
    """
    metadata = pyfunc_model.metadata
    if schema is None or not schema.all_numbers or pyfunc_model.loader_module != "mlflow.sklearn":
        return None
    if metadata.get_params_schema() is not None:
        return None
    estimator = pyfunc_model.get_raw_model()
    if not all(_takes_arrays(part) for part in _parts(estimator)):
        return None
    names: Any = getattr(estimator, "feature_names_in_", None)
    if names is not None and tuple(names) != schema.names:
        return None
    predict = getattr(estimator, metadata.flavors["python_function"].get("predict_fn", "predict"), None)
    if predict is None:
        return None
    # It was fitted with names, and checks them when it gets any; by position is what the signature's order gives.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    return predict if _agrees(predict, pyfunc_model.predict, schema) else None


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator and everything it is made of."""
    yield estimator
    parameters: dict[str, Any] = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    for value in parameters.values():
        if any(hasattr(value, method) for method in ("get_params", "predict", "transform")):
            yield value


def _takes_arrays(part: Any) -> bool:
    """Whether a part is scikit-learn's own, needs no column names and puts out no DataFrames."""
    kind = cast("type[Any]", type(part))
    return (
        kind.__module__.startswith("sklearn.")
        and kind.__name__ not in _NEEDS_NAMES
        and not getattr(part, "_sklearn_output_config", None)
    )


def _agrees(predict: Predict, reference: Predict, schema: InputSchema) -> bool:
    import numpy as np

    table = Table(schema.columns, probe_rows(schema.columns))
    try:
        quick: Any = np.asarray(predict(table.array()))
        full: Any = np.asarray(reference(table.frame()))
    except Exception:  # whatever a model raises on made-up rows, MLflow's way is right by definition
        return False
    if quick.dtype != full.dtype or quick.shape != full.shape:
        return False
    return bool(np.array_equal(quick, full, equal_nan=quick.dtype.kind == "f"))


def probe_rows(columns: tuple[Column, ...]) -> list[list[Any]]:
    """A few made-up rows of numbers."""
    rows: list[list[Any]] = []
    for shift in range(len(_PROBE)):
        values = [_PROBE[(place + shift) % len(_PROBE)] for place in range(len(columns))]
        rows.append([int(v) if c.type in ("integer", "long") else v for v, c in zip(values, columns, strict=True)])
    return rows
