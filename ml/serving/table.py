"""A request's rows, checked against the model's columns, and the forms in which models take them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ml.serving.errors import RequestError, bad_input
from ml.serving.schema import Column, InputSchema

_NUMPY_TYPES = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


class Table(NamedTuple):
    """Rows of typed values.

    columns: what the request brought, in the signature's order; an optional column may be absent. rows: one list a row,
    one value a column. doubles: whether every column is known to be a double.
    """

    columns: tuple[Column, ...]
    rows: list[list[Any]]
    doubles: bool = False

    def frame(self) -> Any:
        """A pandas.DataFrame with the types that MLflow's signature enforcement wants."""
        import numpy as np
        import pandas as pd

        data: dict[str, Any] = {}
        for place, column in enumerate(self.columns):
            values = [row[place] for row in self.rows]
            if column.type == "datetime":
                data[column.name] = pd.Series(values, dtype="datetime64[ns]")
            elif column.type in _NUMPY_TYPES:
                data[column.name] = np.array(values, dtype=_NUMPY_TYPES[column.type])
            else:
                data[column.name] = pd.Series(values, dtype="object")
        return pd.DataFrame(data)

    def array(self) -> Any:
        """A numpy array with the type and the memory order that `numpy.asarray` gives for `frame()`.

        The order matters: BLAS sums a row-major and a column-major matrix in different orders, and a regressor's last
        bit with it. Only for columns that are all numbers.
        """
        import numpy as np

        if self.doubles or all(column.type == "double" for column in self.columns):
            return np.array(self.rows, dtype=np.float64, order="F")
        columns = [np.array([row[i] for row in self.rows], _NUMPY_TYPES[c.type]) for i, c in enumerate(self.columns)]
        return np.asfortranarray(np.column_stack(columns).astype(np.result_type(*columns), copy=False))

    def first_missing(self) -> tuple[int, Column] | None:
        """The row (from 1) and column of the first missing number, if there is any."""
        for number, row in enumerate(self.rows, 1):
            for column, value in zip(self.columns, row, strict=True):
                if isinstance(value, float) and value != value:
                    return number, column
        return None


def choose_columns(schema: InputSchema, names: Sequence[str]) -> list[tuple[int, Column]]:
    """Where each of the model's columns lies in a request that names its columns.

    Columns that the model does not know are left out, as MLflow does. Raises RequestError naming required columns that
    are missing and names that come twice.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in places:
            raise bad_input(f"Column {name!r} comes twice.", column=name)
        places[name] = place
    missing = [name for name in schema.required_names if name not in places]
    if missing:
        raise missing_columns(missing, [name for name in names if name not in schema.names])
    return [(places[column.name], column) for column in schema.columns if column.name in places]


def missing_columns(missing: Sequence[str], unknown: Sequence[str], row: int | None = None) -> RequestError:
    """The error for required columns that a request, or one row of it, does not have."""
    where = f"Row {row} lacks" if row else "The request lacks"
    plural = "s" if len(missing) > 1 else ""
    message = f"{where} the column{plural} {', '.join(map(repr, missing))}"
    if unknown:
        shown = ", ".join(map(repr, unknown[:10])) + (", …" if len(unknown) > 10 else "")
        message += f"; the model does not know {shown}"
    return bad_input(message + ".", row=row, column=missing[0])


def by_position(schema: InputSchema, width: int, row: int) -> list[tuple[int, Column]]:
    """Where each column lies in a row without names. Raises RequestError unless the row has one value a column."""
    if width != len(schema.columns):
        raise wrong_width(width, len(schema.columns), row)
    return list(enumerate(schema.columns))


def wrong_width(width: int, wanted: int, row: int) -> RequestError:
    """The error for a row with too few or too many values."""
    return bad_input(
        f"Row {row} has {width} value{'' if width == 1 else 's'}; expected {wanted}.",
        row=row,
        expected=f"{wanted} values",
    )
