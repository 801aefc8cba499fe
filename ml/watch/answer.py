"""What of a row is compared: its columns, and the model's answer under one name."""

from collections.abc import Iterable, Mapping
from typing import Any

from ml.captures import PREDICTION


def answer_column(columns: Iterable[str]) -> str | None:
    """The column of the answer that is watched: the only one, or the last, which is the chance of the last class."""
    found = [name for name in columns if name == PREDICTION or name.startswith(f"{PREDICTION}_")]
    return found[-1] if found else None


def compared(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, the answer as `prediction`; a value that a row does not have is None."""
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    answer = answer_column(names)
    inputs = [name for name in names if name != PREDICTION and not name.startswith(f"{PREDICTION}_")]
    columns = {name: [row.get(name) for row in listed] for name in inputs}
    if answer is not None:
        columns[PREDICTION] = [row.get(answer) for row in listed]
    return columns
