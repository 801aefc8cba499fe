"""Bodies of requests and answers as columns, whichever of the inference server's forms they have."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ml.serving.errors import RequestError
from ml.serving.media import CSV, JSON_LINES, parse_content_type
from ml.serving.open_inference.outputs import DEFAULT_OUTPUT
from ml.serving.personal import MASK

PREDICTION = "prediction"
"""Column of answers that have one value a row; those with several have `prediction_1`, `prediction_2`, …"""
_TENSORS = ("inputs", "outputs")
"""Members of the Open Inference Protocol's documents
(https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md)."""
_FORMS = ("dataframe_records", "instances", "inputs", "predictions")


class UnreadableBodyError(ValueError):
    """A body is not in a form that has rows."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows as columns.

    columns: name to values, one a row: numbers, texts, truth values, lists, or None for what is missing. Columns
    without a name are called by their places, from "1"; those of answers `prediction`.
    count: how many rows. masked: names of personal columns, whose values nobody keeps; they are not in `columns`.
    """

    columns: Mapping[str, list[Any]]
    count: int
    masked: frozenset[str] = frozenset()


def decode_answer(text: str, content_type: str, encoding: str) -> Rows:
    """An answer's rows; its columns without names are the predictions'. Raises UnreadableBodyError."""
    rows = _unnamed(decode(text, content_type, encoding, header=False))
    places = [str(place) for place in range(1, len(rows.columns) + 1)]
    if list(rows.columns) != places:
        return rows
    names = [PREDICTION] if len(places) == 1 else [f"{PREDICTION}_{place}" for place in places]
    return replace(rows, columns=dict(zip(names, rows.columns.values(), strict=True)))


def _unnamed(rows: Rows) -> Rows:
    """An answer whose one tensor has no name of the model's, by places, as in the other forms."""
    if list(rows.columns) != [DEFAULT_OUTPUT]:
        return rows
    return _table(rows.columns[DEFAULT_OUTPUT], ())


def decode(
    text: str, content_type: str, encoding: str, columns: Sequence[str] = (), *, header: bool | None = None
) -> Rows:
    """A body's rows. columns: the model's, in their order, where they are known. header: whether CSV has one, where
    neither the content type says so nor the first line. Raises UnreadableBodyError."""
    if text == MASK:
        raise UnreadableBodyError("the whole body is masked: its form does not say which of its values are personal")
    try:
        kind = parse_content_type(content_type)
        media, header = kind.media, kind.header if kind.header is not None else header
    except RequestError:
        # What the platform's server could not read may be another's; the capture's own word is left.
        media = CSV if encoding == "CSV" else ""
    try:
        if media == CSV:
            return _csv(text, header, columns)
        if media == JSON_LINES:
            return _rows([json.loads(line) for line in text.splitlines() if line.strip()], columns)
        return _document(json.loads(text), columns)
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise UnreadableBodyError(f"a body of {content_type or 'no type'} has no rows: {error}") from error


def _csv(text: str, header: bool | None, columns: Sequence[str]) -> Rows:
    lines = [line for line in csv.reader(io.StringIO(text)) if line]
    if not lines:
        return Rows(columns={}, count=0)
    if header is None:
        header = _has_header(lines, columns)
    names = lines[0] if header else columns
    return _table([[_value(cell) for cell in line] for line in (lines[1:] if header else lines)], names)


def _has_header(lines: Sequence[Sequence[str]], columns: Sequence[str]) -> bool:
    """Whether the first line names the columns: it holds one of the model's names or, where nobody knows these, as
    many texts that are no numbers as it has cells, and none of them twice, above a line that has a number."""
    first = lines[0]
    if columns:
        return any(name in first for name in columns)
    texts = {cell for cell in first if isinstance(_value(cell), str)}
    return len(texts) == len(first) and any(not isinstance(_value(cell), str) for cell in lines[1:2] for cell in cell)


def _document(document: Any, columns: Sequence[str]) -> Rows:
    if isinstance(document, list):
        return _rows(cast("list[Any]", document), columns)
    if not isinstance(document, dict):
        return _rows([document], columns)
    fields = cast("dict[str, Any]", document)
    for form in _TENSORS:
        if _is_tensors(fields.get(form)):
            return _tensors(fields[form], columns)
    if "dataframe_split" in fields:
        split: dict[str, Any] = fields["dataframe_split"]
        return _table(split["data"], [str(name) for name in split.get("columns") or columns])
    for form in _FORMS:
        if form not in fields:
            continue
        value = fields[form]
        if isinstance(value, dict):  # columns, each a list
            return _columns(cast("dict[str, Any]", value))
        return _rows(cast("list[Any]", value) if isinstance(value, list) else [value], columns)
    return _rows([fields], columns)


def _is_tensors(value: Any) -> bool:
    """Whether a member has the protocol's tensors, and not rows or columns under the same name."""
    tensors = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(tensors) and all(isinstance(tensor, dict) and "datatype" in tensor for tensor in tensors)


def _tensors(tensors: list[dict[str, Any]], columns: Sequence[str]) -> Rows:
    """A tensor is a column; one that has as many values a row as the model has columns is all of these."""
    found = {str(tensor["name"]): _by_row(tensor) for tensor in tensors}
    (only,) = found if len(found) == 1 else ("",)
    if columns and only and only not in columns and _width(found[only]) == len(columns):
        return _table(found[only], columns)
    return _columns(found)


def _width(rows: Sequence[Any]) -> int:
    """How many values each row has; 0 where they have none or are none."""
    return len(cast("list[Any]", rows[0])) if rows and isinstance(rows[0], list) else 0


def _by_row(tensor: dict[str, Any]) -> list[Any]:
    """A tensor's values, one a row: lists where a row has several. Its data are flat, or nested as its shape says."""
    rows: int = tensor["shape"][0]
    flat: list[Any] = tensor["data"]
    while flat and all(isinstance(part, list) for part in flat):
        flat = [value for part in flat for value in part]
    width, rest = divmod(len(flat), rows) if rows else (0, len(flat))
    if rest:
        raise ValueError(f"{tensor['name']} has {len(flat)} values for {rows} rows")
    return flat if width == 1 else [flat[start : start + width] for start in range(0, len(flat), width or 1)]


def _columns(columns: dict[str, Any]) -> Rows:
    lists = {name: cast("list[Any]", value) if isinstance(value, list) else [value] for name, value in columns.items()}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        raise ValueError("its columns differ in length")
    return _unmasked(lists, max(lengths, default=0))


def _rows(rows: list[Any], columns: Sequence[str]) -> Rows:
    if rows and all(isinstance(row, dict) for row in rows):
        records = cast("list[dict[str, Any]]", rows)
        if all(record.keys() == {PREDICTION} for record in records):
            return _rows([record[PREDICTION] for record in records], columns)
        names = list(dict.fromkeys(name for record in records for name in record))
        return _unmasked({name: [record.get(name) for record in records] for name in names}, len(records))
    if rows and not any(isinstance(row, list) for row in rows):
        # Plain values are one row where the model has that many columns, and else one value a row.
        one = len(columns) == len(rows) > 1
        return _table([rows] if one else [[value] for value in rows], columns)
    return _table(rows, columns)


def _table(rows: list[Any], names: Sequence[str]) -> Rows:
    cells = [cast("list[Any]", row) if isinstance(row, list) else [row] for row in rows]
    width = max((len(row) for row in cells), default=0)
    if any(len(row) != width for row in cells):
        raise ValueError("its rows differ in length")
    if len(names) != width:
        names = [str(place) for place in range(1, width + 1)]
    return _unmasked({name: [row[place] for row in cells] for place, name in enumerate(names)}, len(cells))


def _unmasked(columns: dict[str, list[Any]], count: int) -> Rows:
    masked = frozenset(name for name, values in columns.items() if any(_is_masked(value) for value in values))
    return Rows(
        columns={name: values for name, values in columns.items() if name not in masked}, count=count, masked=masked
    )


def _is_masked(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_masked(part) for part in cast("list[Any]", value))
    return isinstance(value, str) and value == MASK


def _value(cell: str) -> Any:
    """A cell of CSV: a number where it is one, None where it is empty."""
    text = cell.strip()
    if not text:
        return None
    if "_" in text:  # Python's numbers may have them, nobody else's
        return cell
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return cell
