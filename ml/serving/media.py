"""Content types: what a body is, and in which form the client wants the answer."""

from dataclasses import dataclass
from functools import lru_cache

from ml.serving.errors import RequestError

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
TENSORS = "open inference protocol"
"""What a body of the Open Inference Protocol is; no media type says so."""
_ALIASES = {
    "text/csv": CSV,
    "application/csv": CSV,
    "application/json": JSON,
    "application/jsonlines": JSON_LINES,
    "application/json-lines": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
}


@dataclass(frozen=True)
class ContentType:
    """What a body is.

    media: CSV, JSON, JSON_LINES or TENSORS. header: what CSV says of its first line; None if nothing. json_length: of
    TENSORS, how many bytes of the body are JSON, before binary data; None where all are.
    """

    media: str
    header: bool | None = None
    json_length: int | None = None


@lru_cache(maxsize=64)
def parse_content_type(value: str) -> ContentType:
    """What a Content-Type header means. Raises RequestError 415 for what the server cannot read."""
    if not value.strip():
        raise _unsupported("The request has no Content-Type")
    kind, *parameters = (part.strip() for part in value.split(";"))
    media = _ALIASES.get(kind.lower())
    if media is None:
        raise _unsupported(f"Content-Type {kind!r} is not supported")
    header: bool | None = None
    for parameter in filter(None, parameters):
        name, _, text = parameter.partition("=")
        text = text.strip().strip('"').lower()
        if name.strip().lower() == "charset" and text not in ("utf-8", "utf8", "us-ascii"):
            raise _unsupported(f"Charset {text!r} is not supported (only UTF-8 is)")
        if name.strip().lower() == "header" and media == CSV:
            if text not in ("present", "absent"):
                raise _unsupported(f"CSV parameter header={text!r} is not known (present or absent is)")
            header = text == "present"
    return ContentType(media, header)


@lru_cache(maxsize=64)
def choose_accept(value: str) -> str:
    """The form of the answer that an Accept header asks for. Raises RequestError 406 where there is none."""
    ranges: list[tuple[float, int, str]] = []
    for place, part in enumerate(value.split(",")):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, text = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(text)
                except ValueError:
                    quality = 0.0
        if kind and quality > 0:
            ranges.append((-quality, place, kind))
    if not ranges:
        return JSON
    for _, _, kind in sorted(ranges):
        if kind in ("*/*", "application/*"):
            return JSON
        if kind == "text/*":
            return CSV
        if kind in _ALIASES:
            return _ALIASES[kind]
    allowed = f"{JSON}, {JSON_LINES} and {CSV}"
    raise RequestError(406, "NOT_ACCEPTABLE", f"Accept {value!r} is not possible; answers come as {allowed}.")


def _unsupported(problem: str) -> RequestError:
    return RequestError(
        415, "UNSUPPORTED_MEDIA_TYPE", f"{problem}; send {CSV}, {JSON} or {JSON_LINES}.", expected=CSV + ", " + JSON
    )
