"""Rows as requests that an endpoint takes, and its answers as rows."""

import json
from typing import Any, NamedTuple, cast

from ml.errors import SpecError

MAX_BODY_BYTES = 6 * 1024 * 1024
"""What InvokeEndpoint takes at most
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html)."""
PART_BYTES = 4 * 1024 * 1024

CONTENT_TYPES = {"csv": "text/csv", "json": "application/json", "jsonl": "application/jsonlines"}


class InvocationRequest(NamedTuple):
    """One request: its body and the body's MIME type."""

    body: bytes
    content_type: str


def requests_in(body: bytes, name: str, content_type: str | None) -> list[InvocationRequest]:
    """The requests that a file's rows make: CSV (with a header) and JSON lines in parts, JSON whole.

    name: the file's, whose ending says what it is where content_type does not. Raises SpecError.
    """
    kind = content_type or CONTENT_TYPES.get(name.rsplit(".", 1)[-1].lower())
    if kind is None:
        raise SpecError(
            f"{name}: what is in it? Say --content-type text/csv, application/json or application/jsonlines."
        )
    if not body.strip():
        raise SpecError(f"{name}: is empty")
    if kind.startswith("text/csv"):
        header, _, rows = body.partition(b"\n")
        return [InvocationRequest(header + b"\n" + part, kind) for part in _parts(rows)]
    if kind == "application/jsonlines":
        return [InvocationRequest(part, kind) for part in _parts(body)]
    if len(body) > MAX_BODY_BYTES:
        raise SpecError(
            f"{name}: has {len(body)} bytes; an endpoint takes {MAX_BODY_BYTES} at a time. Use CSV or JSON lines."
        )
    return [InvocationRequest(body, kind)]


def _parts(rows: bytes) -> list[bytes]:
    parts: list[bytes] = []
    part: list[bytes] = []
    size = 0
    for row in rows.splitlines(keepends=True):
        if part and size + len(row) > PART_BYTES:
            parts.append(b"".join(part))
            part, size = [], 0
        part.append(row)
        size += len(row)
    return [*parts, b"".join(part)]


def table_of(answers: list[bytes]) -> list[Any]:
    """The predictions of all answers, one a row. What is not JSON is taken line by line."""
    rows: list[Any] = []
    for answer in answers:
        text = answer.decode("utf-8", errors="replace")
        try:
            document: Any = json.loads(text)
        except ValueError:
            rows += [_line(line) for line in text.splitlines() if line.strip()]
            continue
        rows += _rows_of(document)
    return rows


def _rows_of(document: Any) -> list[Any]:
    if isinstance(document, dict) and "predictions" in document:
        document = cast("dict[str, Any]", document)["predictions"]
    return cast("list[Any]", document) if isinstance(document, list) else [document]


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line
