"""The held-out rows, as the channel's files have them."""

from pathlib import Path
from typing import Any

from ml.data.content import folder_content, version_of
from ml.gates.report import GateError

READERS = {".csv": "read_csv", ".parquet": "read_parquet"}


def read_rows(folder: Path, target: str) -> tuple[Any, str]:
    """A data frame of all CSV and Parquet files below a folder in the order of their names, and the files' version.

    Rows whose target is missing are left out: nobody can be right about them. Raises GateError.
    """
    import pandas as pd

    content = folder_content(folder)
    files = [folder / name for name in sorted(content) if Path(name).suffix in READERS]
    if not files:
        names = ", ".join(sorted(content)) or "nothing"
        raise GateError(f"gates.data: the channel has no .csv or .parquet file; it has {names}.")
    frame: Any = pd.concat([getattr(pd, READERS[file.suffix])(file) for file in files], ignore_index=True)
    if target not in frame.columns:
        raise GateError(f"gates.target: the held-out data has no column {target!r}; it has {_few(frame.columns)}.")
    frame = frame[frame[target].notna()].reset_index(drop=True)
    if len(frame) < 2:
        raise GateError(f"gates.data: {len(frame)} rows have a value of {target!r}; two are the least.")
    return frame, version_of(content)


def _few(names: Any, most: int = 15) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
