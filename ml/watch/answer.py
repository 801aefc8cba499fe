"""What of requests is compared: their columns, and the model's answer under one name."""

from collections.abc import Iterable, Sequence
from typing import Any

from ml.captures import PREDICTION
from ml.watch.windows import Asked


def answer_column(columns: Iterable[str]) -> str | None:
    """The column of the answer that is watched: the only one, or the last, which is the chance of the last class."""
    found = [name for name in columns if _is_answer(name)]
    return found[-1] if found else None


def compared(requests: Sequence[Asked]) -> dict[str, list[Any]]:
    """The rows of requests as columns, the answer as `prediction`; a value that a row does not have is None."""
    columns: dict[str, list[Any]] = {}
    rows = 0
    for one in requests:
        answer = answer_column(one.columns)
        own = {name: values for name, values in one.columns.items() if not _is_answer(name)}
        if answer is not None:
            own[PREDICTION] = one.columns[answer]
        columns |= {name: [None] * rows for name in own if name not in columns}
        for name, column in columns.items():
            column += own.get(name) or [None] * one.count
        rows += one.count
    return columns


def _is_answer(name: str) -> bool:
    return name == PREDICTION or name.startswith(f"{PREDICTION}_")
