"""Input tensors as what the model takes: rows of its columns, arrays, or a data frame."""

import base64
import json
from typing import Any

from ml.serving.errors import bad_input
from ml.serving.open_inference.tensors import Tensor
from ml.serving.schema import Column, InputSchema
from ml.serving.table import Table, by_position, choose_columns

Tensors = tuple[Tensor, ...]


def to_table(inputs: Tensors, schema: InputSchema) -> Table:
    """Rows of a model with columns: an input a column, by name, or one of [rows, columns] in the signature's order.

    Raises RequestError naming row, column and expected type.
    """
    first = inputs[0]
    if len(inputs) == 1 and len(first.shape) == 2 and first.name not in schema.names:
        return _matrix(first, schema)
    chosen = choose_columns(schema, [tensor.name for tensor in inputs])
    rows = _row_count([inputs[place] for place, _ in chosen])
    columns = [_column(inputs[place], column) for place, column in chosen]
    if not rows:
        raise bad_input("The inputs have no row.")
    return Table(tuple(column for _, column in chosen), [list(row) for row in zip(*columns, strict=True)])


def _matrix(tensor: Tensor, schema: InputSchema) -> Table:
    rows, width = tensor.shape
    chosen = by_position(schema, width, 1)
    if not rows:
        raise bad_input("The inputs have no row.")
    values = tensor.plain()
    return Table(
        schema.columns,
        [[column.from_json(values[row * width + place], row + 1) for place, column in chosen] for row in range(rows)],
    )


def _row_count(tensors: list[Tensor]) -> int:
    for tensor in tensors:
        if len(tensor.shape) not in (1, 2) or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
            message = f"Input {tensor.name!r} has the shape {list(tensor.shape)}; a column has [rows] or [rows, 1]."
            raise bad_input(message, column=tensor.name)
        if tensor.shape[0] != tensors[0].shape[0]:
            raise bad_input(
                f"Input {tensor.name!r} has {tensor.shape[0]} rows; {tensors[0].name!r} has {tensors[0].shape[0]}.",
                column=tensor.name,
            )
    return tensors[0].shape[0]


def _column(tensor: Tensor, column: Column) -> list[Any]:
    if column.type == "binary" and tensor.binary and tensor.content_type != "base64":
        return list(tensor.values)  # bytes as they are: base64 is what JSON needs
    return [column.from_json(value, row) for row, value in enumerate(tensor.plain(), 1)]


def to_arrays(inputs: Tensors, mlflow_schema: Any) -> Any:
    """Arrays for a model whose signature is tensors: one, or one a name. Raises RequestError.

    An array is cast to the signature's type where nothing but precision can be lost.
    """
    specs = mlflow_schema.inputs
    if not mlflow_schema.has_input_names():
        if len(inputs) != 1:
            raise bad_input(f"The request has {len(inputs)} inputs; the model takes one.")
        return _cast(inputs[0], specs[0].type)
    types = {spec.name: spec.type for spec in specs}
    missing = [name for name in types if name not in {tensor.name for tensor in inputs}]
    if missing:
        raise bad_input(f"The request lacks the input {missing[0]!r}.", column=missing[0])
    return {tensor.name: _cast(tensor, types[tensor.name]) for tensor in inputs if tensor.name in types}


def _cast(tensor: Tensor, wanted: Any) -> Any:
    import numpy as np

    array: Any = tensor.array()
    if array.dtype == wanted or array.dtype == object:
        return array
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        message = f"Input {tensor.name!r} is of {tensor.datatype}; the model takes {np.dtype(wanted).name}."
        raise bad_input(message, column=tensor.name, expected=np.dtype(wanted).name)
    return array.astype(wanted)


def to_whatever(inputs: Tensors) -> Any:
    """For a model whose signature says no columns: one tensor of several dimensions is an array, else a data frame."""
    import pandas as pd

    if len(inputs) == 1 and len(inputs[0].shape) > 1 and inputs[0].shape[-1] > 1:
        return inputs[0].array()
    _row_count(list(inputs))
    return pd.DataFrame({tensor.name: pd.Series(_series(tensor)) for tensor in inputs})


def _series(tensor: Tensor) -> Any:
    if tensor.datatype != "BYTES":
        return tensor.array().ravel()
    values = tensor.plain()
    try:
        if tensor.content_type == "pd_json":
            return [json.loads(value) for value in values]
        if tensor.content_type == "base64":
            return [base64.b64decode(value) for value in values]
    except ValueError:
        raise bad_input(f"Input {tensor.name!r} is not {tensor.content_type}.", column=tensor.name) from None
    return values
