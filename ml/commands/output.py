"""What commands print: results on stdout, as text or as one JSON document; progress and errors on stderr."""

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, cast

from ml.progress import duration as duration
from ml.progress import say as say


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


def nobody_to_ask() -> bool:
    """Whether stdin is no terminal, so that a question would have no answer."""
    return not sys.stdin.isatty()


def with_yes() -> str:
    """This very command, with the -y that answers its question."""
    return shlex.join(["ml", *sys.argv[1:], "-y"])


def agreed() -> bool:
    """Whether somebody who has been shown a run wants it."""
    sys.stderr.write("Run it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    say("Nothing was sent.")
    return False


def print_json(document: Any) -> None:
    """A result as JSON."""
    print(json.dumps(document, indent=2, default=str), flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows in aligned columns; None is an empty cell."""
    lines = [list(header), *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def numbers(values: dict[str, float], most: int = 6) -> str:
    """Metrics on one line, `most` at most; JSON output has them all."""
    shown = [f"{name} {value:.4g}" for name, value in sorted(values.items())]
    return "  ".join(shown[:most]) + (f"  … {len(shown) - most} more" if len(shown) > most else "")


def prediction(value: Any) -> str:
    """One row's prediction as text: several numbers with spaces between them, six digits each."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " ".join(prediction(part) for part in cast("list[Any]", value))
    return value if isinstance(value, str) else json.dumps(value)
