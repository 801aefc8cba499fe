"""A model's input columns, taken from its MLflow signature, and the check of one value against one column."""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ml.serving.errors import RequestError, bad_cell

MISSING_TEXT = frozenset(
    (
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
        "NULL", "NaN", "None", "n/a", "nan", "null",
    )
)  # fmt: skip
"""CSV cells that mean a missing value: those of pandas.read_csv, which MLflow's own scoring server reads CSV with."""

_INTEGER_BITS = {"integer": 32, "long": 64}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_EXPECTED = {
    "boolean": "boolean (true or false)",
    "integer": "integer (a whole number of 32 bits)",
    "long": "long (a whole number of 64 bits)",
    "float": "float (a number)",
    "double": "double (a number)",
    "string": "string",
    "binary": "binary (base64 text)",
    "datetime": "datetime (ISO 8601 text)",
}
NUMBERS = frozenset(("integer", "long", "float", "double"))
SCALARS = frozenset(_EXPECTED)


class _WrongTypeError(Exception):
    """A value is not of its column's type; the caller knows the row."""


@dataclass(frozen=True)
class Column:
    """One input column. type: MLflow's name of it (`double`, `long`, `string`, …)."""

    name: str
    type: str
    required: bool = True

    @property
    def expected(self) -> str:
        """The type in words, for messages."""
        return _EXPECTED[self.type]

    def from_json(self, value: Any, row: int) -> Any:
        """`value` as this column's type. Raises RequestError where it is of another type.

        Whole numbers are taken where a number is expected, and `5.0` where a whole number is: JSON does not tell them
        apart. Text is never taken for a number.
        """
        try:
            return _FROM_JSON[self.type](value, self)
        except _WrongTypeError:
            raise self.wrong(value, row) from None

    def from_text(self, text: str, row: int) -> Any:
        """A CSV cell as this column's type. Raises RequestError where it cannot be read as such."""
        try:
            return _FROM_TEXT[self.type](text, self)
        except (_WrongTypeError, ValueError):
            raise self.wrong(text, row) from None

    def wrong(self, value: object, row: int) -> RequestError:
        """The error that names this column, the row and the value."""
        return bad_cell(value, row, self.name, self.expected)


def _json_number(value: Any, column: Column) -> float:
    if value is None:
        return math.nan
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise _WrongTypeError from None
    raise _WrongTypeError


def _within(value: int, column: Column) -> int:
    bits = _INTEGER_BITS[column.type]
    if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        return value
    raise _WrongTypeError


def _json_integer(value: Any, column: Column) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return _within(value, column)
    if isinstance(value, float) and value.is_integer():
        return _within(int(value), column)
    raise _WrongTypeError


def _json_boolean(value: Any, column: Column) -> bool:
    if isinstance(value, bool):
        return value
    raise _WrongTypeError


def _json_string(value: Any, column: Column) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _WrongTypeError


def _json_binary(value: Any, column: Column) -> bytes:
    if not isinstance(value, str):
        raise _WrongTypeError
    try:
        return base64.b64decode(value, validate=False)
    except (binascii.Error, ValueError):
        raise _WrongTypeError from None


def _json_datetime(value: Any, column: Column) -> Any:
    import pandas as pd

    if value is None:
        return pd.NaT
    if not isinstance(value, str):
        raise _WrongTypeError
    try:
        moment: Any = pd.Timestamp(value)
    except ValueError:
        raise _WrongTypeError from None
    if moment is pd.NaT or moment.tzinfo is not None:
        raise _WrongTypeError
    return moment


def _text_number(text: str, column: Column) -> float:
    if text in MISSING_TEXT:
        return math.nan
    if "_" in text:  # float() takes 1_000; no CSV means that
        raise _WrongTypeError
    return float(text)


def _text_integer(text: str, column: Column) -> int:
    if "_" in text:
        raise _WrongTypeError
    try:
        return _within(int(text), column)
    except ValueError:
        return _json_integer(float(text), column)  # 5.0, as pandas writes a column that once had gaps


def _text_boolean(text: str, column: Column) -> bool:
    if text in _TRUTH:
        return _TRUTH[text]
    raise _WrongTypeError


def _text_string(text: str, column: Column) -> Any:
    return math.nan if text in MISSING_TEXT else text


def _text_datetime(text: str, column: Column) -> Any:
    return _json_datetime(None if text in MISSING_TEXT else text, column)


_FROM_JSON: dict[str, Callable[[Any, Column], Any]] = {
    "boolean": _json_boolean,
    "integer": _json_integer,
    "long": _json_integer,
    "float": _json_number,
    "double": _json_number,
    "string": _json_string,
    "binary": _json_binary,
    "datetime": _json_datetime,
}
_FROM_TEXT: dict[str, Callable[[str, Column], Any]] = {
    "boolean": _text_boolean,
    "integer": _text_integer,
    "long": _text_integer,
    "float": _text_number,
    "double": _text_number,
    "string": _text_string,
    "binary": _json_binary,
    "datetime": _text_datetime,
}


@dataclass(frozen=True)
class InputSchema:
    """The columns of a model whose signature names them and gives each a scalar type."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names in the signature's order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def required_names(self) -> tuple[str, ...]:
        """The names of the columns that every request must have."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def all_double(self) -> bool:
        """Whether every column is a double, so that a CSV body is plain numbers."""
        return all(column.type == "double" for column in self.columns)

    @cached_property
    def all_numbers(self) -> bool:
        """Whether every column is a number."""
        return all(column.type in NUMBERS for column in self.columns)


def input_schema(signature: Any) -> InputSchema | None:
    """The columns of an MLflow ModelSignature.

    None where MLflow itself must read the input: no signature, tensors, columns without names, or nested types.
    """
    if signature is None or signature.inputs is None:
        return None
    if signature.inputs.is_tensor_spec() or not signature.inputs.has_input_names():
        return None
    columns: list[Column] = []
    for spec in signature.inputs.inputs:
        type_name = getattr(spec.type, "name", None)
        if type_name not in SCALARS:
            return None
        columns.append(Column(spec.name, type_name, spec.required))
    return InputSchema(tuple(columns))
