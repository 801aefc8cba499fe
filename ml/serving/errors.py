"""What can go wrong with a model or a request, as errors that carry what the client or operator must read."""

from typing import Any


class ModelLoadError(Exception):
    """The model directory holds no model that this server can load; the message says what was looked for and found."""


class RequestError(Exception):
    """A request that is answered with an error status.

    status: HTTP status. code: MLflow's error code name, so that its clients understand it. message: what was wrong and
    what is allowed. row: data row, counted from 1 (a CSV header is not counted). column: its name, or its place counted
    from 1. expected: the type or form that belongs there.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str | int | None = None,
        expected: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.row = row
        self.column = column
        self.expected = expected
        self.headers = headers

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON document of the answer; what is not known is left out."""
        document: dict[str, Any] = {"error_code": self.code, "message": self.message, "request_id": request_id}
        for name in ("row", "column", "expected"):
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        return document


def bad_input(
    message: str, *, row: int | None = None, column: str | int | None = None, expected: str | None = None
) -> RequestError:
    """A 400 for data that does not fit the model's signature or is not what its content type says."""
    return RequestError(400, "BAD_REQUEST", message, row=row, column=column, expected=expected)


def bad_cell(value: object, row: int, column: str | int, expected: str) -> RequestError:
    """A 400 for one value that is not of its column's type."""
    shown = repr(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    named = f"column {column!r}" if isinstance(column, str) else f"column {column}"
    return bad_input(
        f"Row {row}, {named}: expected {expected}, got {shown}.", row=row, column=column, expected=expected
    )
