"""Columns marked personal: their values are in no log line and in no captured request.

Which they are is in the model itself: the job that trained it left a note beside it (`ml/driver/groundwork_data.py`),
so it holds wherever the model is deployed and by whom.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from ml.serving.errors import RequestError
from ml.serving.media import CSV, JSON_LINES, TENSORS, ContentType
from ml.serving.open_inference.request import shown

NOTE = "groundwork-data.json"
MASK = "•••"
"""In place of a value; reports have the same."""
_MOST_VALUES = 10_000
"""Of one request: beyond, its whole text is masked."""


def personal_columns(folders: Sequence[Path]) -> tuple[str, ...]:
    """The personal columns that the note in the first of the folders that has one names."""
    for folder in folders:
        try:
            document: Any = json.loads((folder / NOTE).read_text(encoding="utf-8"))
            return tuple(str(name) for name in document.get("personal", ()))
        except FileNotFoundError:
            continue
    return ()


class Masker:
    """Knows the personal columns, masks them in bodies, and their values in the text of log lines.

    personal: names of the columns. columns: all columns of the model in their order, for rows that come without names;
    empty where the model does not say.
    """

    def __init__(self, personal: Sequence[str], columns: Sequence[str] = ()) -> None:
        self._personal = frozenset(personal)
        self._columns = list(columns)
        # The server's thread holds and releases, others copy: each is one step of the dictionary's own, without a lock.
        self._held: dict[str, tuple[bytes, ContentType]] = {}

    @property
    def personal(self) -> frozenset[str]:
        """The personal columns."""
        return self._personal

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, where the model says them."""
        return tuple(self._columns)

    def __bool__(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._personal)

    def is_personal(self, column: object) -> bool:
        """Whether a column, by its name or its place counted from 1, is one."""
        if not isinstance(column, int):
            return column in self._personal
        # A place that the model has no name for may be any column's.
        return not 0 < column <= len(self._columns) or self._columns[column - 1] in self._personal

    def hold(self, request_id: str, body: bytes, content: ContentType) -> None:
        """While a request is answered, its values are masked in all log lines, whoever writes them."""
        self._held[request_id] = (body, content)

    def release(self, request_id: str) -> None:
        """The request has been answered."""
        self._held.pop(request_id, None)

    def text(self, text: str) -> str:
        """A line without the personal values of the requests that are being answered."""
        for body, content in self._held.copy().values():
            values = self._values(body, content)
            if values is None:
                return MASK
            if values:
                # The longest first: one may be a part of another. Not within a longer word or number.
                words = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
                text = re.sub(rf"(?<![\w.])(?:{words})(?![\w])", MASK, text)
        return text

    def body(self, body: bytes, content: ContentType) -> str:
        """A body with its personal values masked; nothing but the mask where its form does not say which they are."""
        try:
            return self._walked(body, content, lambda _: MASK)
        except (RequestError, ValueError, TypeError, LookupError, AttributeError, csv.Error):
            return MASK

    def _values(self, body: bytes, content: ContentType) -> set[str] | None:
        """The personal values as texts; None where they cannot be told."""
        found: set[str] = set()

        def note(value: Any) -> Any:
            if value is not None and str(value).strip():
                found.add(str(value).strip())
                if isinstance(value, str):
                    found.add(repr(value)[1:-1])
            return value

        try:
            self._walked(body, content, note)
        except (RequestError, ValueError, TypeError, LookupError, AttributeError, csv.Error):
            return None
        return found if len(found) <= _MOST_VALUES else None

    def _walked(self, body: bytes, content: ContentType, change: Callable[[Any], Any]) -> str:
        """The body with what `change` makes of each personal value. Raises ValueError where a form is not known."""
        if content.media == TENSORS:
            return self._tensors(body, content.json_length, change)
        text = body.decode("utf-8-sig")
        if content.media == CSV:
            return self._csv(text, content.header, change)
        if content.media == JSON_LINES:
            rows = [self._row(json.loads(line), None, change) for line in text.splitlines() if line.strip()]
            return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        return json.dumps(self._document(json.loads(text), change), ensure_ascii=False)

    def _tensors(self, body: bytes, json_length: int | None, change: Callable[[Any], Any]) -> str:
        """Binary tensors come out as JSON has them: an element may be masked there, whatever its type."""

        def masked(name: str, place: int, width: int, value: Any) -> Any:
            if name in self._personal:
                return change(value)
            if name not in self._columns and len(self._columns) == width:
                return change(value) if self._columns[place] in self._personal else value
            if width > 1:
                raise ValueError("nothing names the columns of the tensor")
            return value

        return json.dumps(shown(body, json_length, masked), ensure_ascii=False)

    def _csv(self, text: str, header: bool | None, change: Callable[[Any], Any]) -> str:
        # Without quotes there is nothing to a cell but its commas, and csv takes three times as long.
        plain = '"' not in text and "\r" not in text
        if plain:
            lines = [line.split(",") for line in text.split("\n") if line]
        else:
            lines = [line for line in csv.reader(io.StringIO(text)) if line]
        if not lines:
            return ""
        if header is None:
            header = any(name in lines[0] for name in (self._columns or self._personal))
        names = lines[0] if header else self._columns
        if not names:
            raise ValueError("nothing names the columns")
        rows = [self._row(line, names, change) for line in (lines[1:] if header else lines)]
        written = [names, *rows] if header else rows
        if plain:
            return "".join([",".join(row) + "\n" for row in written])
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(written)
        return buffer.getvalue()

    def _document(self, document: Any, change: Callable[[Any], Any]) -> Any:
        if isinstance(document, list):
            return self._rows(cast("list[Any]", document), None, change)
        if not isinstance(document, dict):
            raise TypeError("neither rows nor a form of rows")
        fields = cast("dict[str, Any]", document)
        if "dataframe_split" in fields:
            split = fields["dataframe_split"]
            rows = self._rows(split["data"], split.get("columns"), change)
            return {**fields, "dataframe_split": {**split, "data": rows}}
        for form in ("dataframe_records", "instances", "inputs"):
            if form not in fields:
                continue
            value = fields[form]
            if isinstance(value, dict):  # columns, each a list
                columns = cast("dict[str, Any]", value)
                masked = {name: self._column(name, values, change) for name, values in columns.items()}
                return {**fields, form: masked}
            return {**fields, form: self._rows(value, None, change)}
        return self._row(fields, None, change)

    def _column(self, name: str, values: Any, change: Callable[[Any], Any]) -> Any:
        if name not in self._personal:
            return values
        return [change(value) for value in cast("list[Any]", values)] if isinstance(values, list) else change(values)

    def _rows(self, rows: list[Any], names: Sequence[str] | None, change: Callable[[Any], Any]) -> list[Any]:
        if rows and not any(isinstance(row, list | dict) for row in rows):
            # Plain values: one row, or one value a row where the model has one column.
            if len(self._columns) == 1:
                return [self._row([value], self._columns, change)[0] for value in rows]
            return self._row(rows, None, change)
        return [self._row(row, names, change) for row in rows]

    def _row(self, row: Any, names: Sequence[str] | None, change: Callable[[Any], Any]) -> Any:
        if isinstance(row, dict):
            record = cast("dict[str, Any]", row)
            return {name: change(value) if name in self._personal else value for name, value in record.items()}
        if not isinstance(row, list):
            raise TypeError("a row that is neither a list nor a record")
        cells, known = cast("list[Any]", row), names or self._columns
        if len(cells) != len(known):
            raise ValueError("a row has another number of values than there are columns")
        return [change(value) if name in self._personal else value for name, value in zip(known, cells, strict=True)]
