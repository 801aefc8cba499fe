"""application/json and application/jsonlines into rows.

A JSON body is one of MLflow's scoring forms (`dataframe_split`, `dataframe_records`, `instances`, `inputs`, each with
an optional `params`; https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#inference-server-specification),
a plain list of rows, one row, or one record. A JSON lines body has one row (a list) or one record (an object) a line.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from ml.serving.decode_csv import decode_text
from ml.serving.errors import bad_input
from ml.serving.schema import Column, InputSchema
from ml.serving.table import Table, by_position, choose_columns, missing_columns, wrong_width

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True)
class JsonInput:
    """A JSON body's form (one of FORMS), what it holds, and the inference parameters beside it."""

    form: str
    value: Any
    params: dict[str, Any] | None = None


def read_json(body: bytes, schema: InputSchema | None) -> JsonInput:
    """The form and value of an application/json body. Raises RequestError saying which forms there are."""
    document = _parse(decode_text(body), "The body")
    if isinstance(document, list):
        return JsonInput("instances", document)
    if not isinstance(document, dict):
        raise bad_input(f"The body is {_kind(document)}; expected {_forms_in_words()}.", expected=_forms_in_words())
    fields = cast("dict[str, Any]", document)
    forms = [form for form in FORMS if form in fields]
    if not forms and schema is not None and any(name in fields for name in schema.names):
        return JsonInput("dataframe_records", [fields])
    if len(forms) != 1:
        found = f"has both {forms[0]!r} and {forms[1]!r}" if forms else f"has the fields {', '.join(map(repr, fields))}"
        raise bad_input(f"The body {found}; expected {_forms_in_words()}.", expected=_forms_in_words())
    unknown = sorted(set(fields) - {forms[0], "params"})
    if unknown:
        raise bad_input(f"The body has the unknown field {unknown[0]!r}; beside {forms[0]!r} only 'params' may stand.")
    params = fields.get("params")
    if params is not None and not isinstance(params, dict):
        raise bad_input(f"'params' is {_kind(params)}; expected an object.", expected="an object")
    return JsonInput(forms[0], fields[forms[0]], cast("dict[str, Any] | None", params))


def read_json_lines(body: bytes) -> JsonInput:
    """The rows of an application/jsonlines body, all lists or all objects."""
    lines = [line for line in decode_text(body).splitlines() if line.strip()]
    rows = [_parse(line, f"Line {number}") for number, line in enumerate(lines, 1)]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list | dict):
            raise bad_input(f"Line {number} is {_kind(row)}; expected a list or an object.", row=number)
        if isinstance(row, list) is not isinstance(rows[0], list):
            raise bad_input(f"Line {number} is {_kind(row)}, but line 1 is {_kind(rows[0])}.", row=number)
    return JsonInput("dataframe_records" if isinstance(rows[0], dict) else "instances", rows)


def to_table(request: JsonInput, schema: InputSchema) -> Table:
    """The rows, checked. Raises RequestError naming row, column and expected type."""
    value = request.value
    if request.form == "dataframe_split":
        return _split(value, schema)
    if request.form == "inputs" and isinstance(value, dict):
        return _columns(cast("dict[str, Any]", value), schema)
    if not isinstance(value, list):
        raise bad_input(f"{request.form!r} is {_kind(value)}; expected a list.", expected="a list")
    rows = cast("list[Any]", value)
    if not rows:
        raise bad_input(f"{request.form!r} has no row.")
    if isinstance(rows[0], dict):
        return _records(rows, schema)
    if request.form == "dataframe_records":
        raise bad_input(f"Row 1 is {_kind(rows[0])}; expected an object.", row=1, expected="an object")
    if not any(isinstance(row, list) for row in rows):
        # Plain values: one row, or one value a row where the model has one column.
        rows = [[value] for value in rows] if len(schema.columns) == 1 else [rows]
    return _rows(None, rows, schema)


def _split(value: Any, schema: InputSchema) -> Table:
    if not isinstance(value, dict):
        raise bad_input(f"'dataframe_split' is {_kind(value)}; expected an object with 'data' and 'columns'.")
    fields = cast("dict[str, Any]", value)
    unknown = sorted(set(fields) - {"columns", "data", "index"})
    if unknown:
        raise bad_input(f"'dataframe_split' has the unknown field {unknown[0]!r}; allowed: 'columns', 'data', 'index'.")
    rows, names = fields.get("data"), fields.get("columns")
    if not isinstance(rows, list) or not rows:
        raise bad_input("'dataframe_split' lacks rows under 'data'.", expected="a list of rows")
    if names is not None and not isinstance(names, list):
        raise bad_input(f"'columns' is {_kind(names)}; expected a list of names.", expected="a list of names")
    return _rows(cast("list[Any] | None", names), cast("list[Any]", rows), schema)


def _rows(names: Sequence[Any] | None, rows: list[Any], schema: InputSchema) -> Table:
    first = cast("list[Any]", rows[0] if isinstance(rows[0], list) else [])
    chosen = by_position(schema, len(first), 1) if names is None else choose_columns(schema, [str(n) for n in names])
    width = len(first) if names is None else len(names)
    typed: list[list[Any]] = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list):
            raise bad_input(f"Row {number} is {_kind(row)}; expected a list.", row=number, expected="a list")
        cells = cast("list[Any]", row)
        if len(cells) != width:
            raise wrong_width(len(cells), width, number)
        typed.append([column.from_json(cells[place], number) for place, column in chosen])
    return Table(tuple(column for _, column in chosen), typed)


def _records(records: list[Any], schema: InputSchema) -> Table:
    present = {name for record in records if isinstance(record, dict) for name in cast("dict[str, Any]", record)}
    columns = tuple(column for column in schema.columns if column.required or column.name in present)
    rows: list[list[Any]] = []
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise bad_input(f"Row {number} is {_kind(record)}; expected an object.", row=number, expected="an object")
        fields = cast("dict[str, Any]", record)
        missing = [name for name in schema.required_names if name not in fields]
        if missing:
            unknown = [name for name in fields if name not in schema.names]
            raise missing_columns(missing, unknown, number)
        rows.append([_of_record(fields, column, number) for column in columns])
    return Table(columns, rows)


def _of_record(fields: dict[str, Any], column: Column, row: int) -> Any:
    """A record's value of a column. Optional text that is absent is NaN, as pandas makes it of records."""
    if column.type == "string" and column.name not in fields:
        return math.nan
    return column.from_json(fields.get(column.name), row)


def _columns(columns: dict[str, Any], schema: InputSchema) -> Table:
    chosen = choose_columns(schema, list(columns))
    if not any(isinstance(columns[column.name], list) for _, column in chosen):
        return _records([columns], schema)
    length = 0
    for place, (_, column) in enumerate(chosen):
        values = columns[column.name]
        if not isinstance(values, list):
            raise bad_input(f"Column {column.name!r} is {_kind(values)}; expected a list.", column=column.name)
        count = len(cast("list[Any]", values))
        if place and count != length:
            raise bad_input(f"Column {column.name!r} has {count} values; the others have {length}.", column=column.name)
        length = count
    if not length:
        raise bad_input("'inputs' has no row.")
    rows = [[column.from_json(columns[column.name][row], row + 1) for _, column in chosen] for row in range(length)]
    return Table(tuple(column for _, column in chosen), rows)


def _parse(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise bad_input(f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise bad_input(f"{what} is nested too deeply.") from None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return names.get(cast("type[Any]", type(value)), "a number")


def _forms_in_words() -> str:
    return f"a list of rows, or an object with one of {', '.join(map(repr, FORMS))}"
