"""text/csv into rows.

A header is recognised by the model's signature (a first line that holds one of its column names) or declared in the
content type (`text/csv; header=present` or `header=absent`, RFC 4180 section 3). Without a header the values come in
the signature's order, as SageMaker's own algorithms expect them.
"""

import codecs
import csv
import io
from typing import Any, cast

from ml.serving.errors import bad_cell, bad_input
from ml.serving.schema import InputSchema
from ml.serving.table import Table, by_position, choose_columns, wrong_width


def decode_csv(body: bytes, schema: InputSchema, header: bool | None = None) -> Table:
    """The rows of a CSV body. header: whether the first line names the columns; None decides by the signature.

    Raises RequestError naming row, column and expected type.
    """
    text = decode_text(body)
    if schema.all_double and (table := _plain_numbers(text, schema, header)) is not None:
        return table
    lines = _read(text)
    names = lines[0]
    if header is None:
        header = any(name in names for name in schema.names)
    data = lines[1:] if header else lines
    if not data:
        raise bad_input("The CSV body has a header and no row.")
    chosen = choose_columns(schema, names) if header else by_position(schema, len(data[0]), 1)
    width = len(names)
    rows: list[list[Any]] = []
    for number, cells in enumerate(data, 1):
        if len(cells) != width:
            raise wrong_width(len(cells), width, number)
        rows.append([column.from_text(cells[place], number) for place, column in chosen])
    return Table(tuple(column for _, column in chosen), rows)


def decode_numbers(body: bytes, header: bool | None = None) -> Any:
    """A CSV body of plain numbers as a list of rows, for a model whose signature is one tensor."""
    lines = _read(decode_text(body))
    if header is None:
        header = not _is_numbers(lines[0])
    data = lines[1:] if header else lines
    if not data:
        raise bad_input("The CSV body has a header and no row.")
    rows: list[list[float]] = []
    for number, cells in enumerate(data, 1):
        if len(cells) != len(data[0]):
            raise wrong_width(len(cells), len(data[0]), number)
        row: list[float] = []
        for place, cell in enumerate(cells, 1):
            try:
                row.append(float(cell))
            except ValueError:
                raise bad_cell(cell, number, place, "a number") from None
        rows.append(row)
    return rows


def decode_frame(body: bytes, header: bool | None = None) -> Any:
    """A CSV body as a DataFrame with inferred types, for a model without a signature.

    The first line is a header unless it is all numbers.
    """
    import pandas as pd

    text = decode_text(body)
    if header is None:
        header = not _is_numbers(_read(text)[0])
    try:
        read_csv = cast("Any", pd).read_csv  # the stubs lack round_trip, which reads a number as Python does
        return read_csv(io.StringIO(text), header=0 if header else None, float_precision="round_trip")
    except (ValueError, pd.errors.ParserError) as error:
        raise bad_input(f"The body is not CSV: {error}.") from None


def decode_text(body: bytes) -> str:
    """The body as text. Raises RequestError where it is not UTF-8 or empty."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise bad_input(f"The body is not UTF-8: byte {error.start} is {body[error.start]:#04x}.") from None
    if not text.strip():
        raise bad_input("The body is empty.")
    return text


def _plain_numbers(text: str, schema: InputSchema, header: bool | None) -> Table | None:
    """The quick reading of unquoted numbers; None leaves everything else, errors too, to the thorough one."""
    if "_" in text:
        return None
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    width = len(schema.columns)
    first = lines[0].rstrip("\r")
    if header or (header is None and first == ",".join(schema.names)):
        if first != ",".join(schema.names):
            return None
        del lines[0]
    try:
        rows = [list(map(float, line.split(","))) for line in lines]
    except ValueError:
        return None
    if set(map(len, rows)) != {width}:
        return None
    return Table(schema.columns, rows, doubles=True)


def _read(text: str) -> list[list[str]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except csv.Error as error:
        raise bad_input(f"The body is not CSV: {error}.") from None
    if not lines:
        raise bad_input("The body is empty.")
    return lines


def _is_numbers(cells: list[str]) -> bool:
    try:
        for cell in cells:
            float(cell or "nan")
    except ValueError:
        return False
    return True
