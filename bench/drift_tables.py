"""The tables that the drift bench compares: made once, read by both sides from files."""

from pathlib import Path
from typing import Any

import numpy as np

SIZES = ((100_000, 20), (10_000, 200))
"""Rows and columns of the reference, and of the current rows."""
LETTERS = np.array(["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"])


def write_tables(folder: Path, rows: int, columns: int) -> tuple[Path, Path]:
    """Two tables as NumPy archives: three quarters numbers (one in five of them whole numbers), the rest categories.

    Every third column is drifted. No value is missing, and no category of one side alone.
    """
    chooser = np.random.default_rng(rows + columns)
    paths = (folder / f"reference-{rows}.npz", folder / f"current-{rows}.npz")
    for drifted, path in enumerate(paths):
        np.savez(path, **dict(_columns(chooser, rows, columns, bool(drifted))))
    return paths


def _columns(chooser: np.random.Generator, rows: int, columns: int, drifted: bool) -> Any:
    for place in range(columns):
        moved = 0.1 if drifted and place % 3 == 0 else 0.0
        if place % 4 == 3:
            shares = np.full(len(LETTERS), 1 / len(LETTERS))
            shares[0] += moved / 2
            shares[1] -= moved / 2
            yield f"category_{place}", chooser.choice(LETTERS, rows, p=shares)
        elif place % 5 == 0:
            yield f"number_{place}", chooser.poisson(40 * (1 + moved), rows).astype(np.float64)
        else:
            yield f"number_{place}", chooser.normal(moved, 1, rows)
