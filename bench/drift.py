"""Drift metrics beside Evidently, with the same tests forced; and a table that does not fit in memory."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.drift_tables import SIZES, write_tables
from bench.environments import ROOT, BenchError, peer_python, say
from bench.report import Goal, Report
from ml.drift import compare, profile_of
from ml.drift.significance import SAME_SIZE_EXACT

FORCED = (
    ("ks", "chisquare", "ks", "chi_squared_fit"),
    ("wasserstein", "jensenshannon", "wasserstein", "jensen_shannon"),
)
"""Evidently's test of numbers and of categories, and ours of the same."""
BOUND = 1e-6
"""Largest difference between the two sides' numbers."""
P_BOUND = 1e-3
"""…of the p-value of Kolmogorov and Smirnov above 10,000 rows, where both sides approximate, and differently."""
GOAL_RATIO = 20.0
LARGE = (3_000_000, 100, 50_000)
"""Rows, columns, rows of a batch."""


def run(rounds: int) -> Report:
    """Measure both sides in turn, `rounds` times; medians are reported. Raises BenchError where a side fails."""
    python = peer_python("drift")
    rows: list[list[str]] = []
    goals: list[Goal] = []
    detail: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name:
        for count, columns in SIZES:
            say(f"making tables of {count:,} × {columns} …")
            paths = write_tables(Path(name), count, columns)
            for forced in FORCED:
                case = f"{count:,} × {columns}, {forced[0]} and {forced[1]}"
                say(f"{case} …")
                found = _case(python, paths, forced, rounds)
                detail[case] = found
                rows += _rows(case, found)
                goals += _goals(case, found)
    say(f"profiling {LARGE[0]:,} × {LARGE[1]} …")
    large = _large()
    detail["large"] = large
    rows.append([f"{LARGE[0]:,} × {LARGE[1]}, profile in one pass", f"{large['profile_s']:.1f} s", "", ""])
    notes = [
        f"medians of {rounds} interleaved rounds in one process each, after one round that is not counted; from data "
        "frames in memory to the numbers",
        "Evidently's time is that of ValueDrift for each column, its quicker way; its preset's, in the last round, is "
        "below it",
        f"the large table is made in batches of {LARGE[2]:,} rows and never whole: {large['table_mib']:,.0f} MiB of "
        f"doubles, peak memory {large['peak_mib']:,.0f} MiB ({large['before_mib']:,.0f} before the first batch), "
        f"{large['compare_s']:.1f} s for a window of {LARGE[2]:,} rows beside it, Kolmogorov-Smirnov within "
        f"{large['bound']:.1g}",
    ]
    return Report(
        name="drift",
        title="Drift of every column, the same tests forced: Groundwork's ml.drift and Evidently 0.7.23",
        columns=("", "seconds", "ours is × faster", "largest difference"),
        rows=rows,
        goals=goals,
        notes=notes,
        detail=detail,
    )


def _case(python: Path, paths: tuple[Path, Path], forced: tuple[str, ...], rounds: int) -> dict[str, Any]:
    tables = [_frame(path) for path in paths]
    whole: list[float] = []
    windows: list[float] = []
    theirs: list[dict[str, Any]] = []
    ours: dict[str, float] = {}
    command = [str(python), "bench/drift_evidently.py", *map(str, paths), *forced[:2]]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as peer,
    ):
        assert peer.stdin is not None
        assert peer.stdout is not None
        for number in range(rounds + 1):
            # It waits for a line before each round, so that the two sides take turns.
            peer.stdin.write("columns and preset\n" if number == rounds else "columns\n")
            peer.stdin.flush()
            line = peer.stdout.readline()
            if not line:
                errors.seek(0)
                raise BenchError(f"Evidently failed:\n{errors.read().strip()[-2000:]}")
            theirs.append(json.loads(line))
            seconds, window, ours = _ours(tables, forced[2:])
            whole.append(seconds)
            windows.append(window)
        peer.stdin.close()
    differences = {name: abs(theirs[-1]["values"][name] - value) for name, value in ours.items()}
    return {
        "ours_s": whole[1:],
        "window_s": windows[1:],
        "evidently_s": [one["seconds"] for one in theirs[1:]],
        "evidently_preset_s": [one["preset_seconds"] for one in theirs if "preset_seconds" in one],
        "columns": len(differences),
        # Not Python's max, which passes over a NaN.
        "difference": float(np.max(list(differences.values()))),
        "bound": P_BOUND if forced[0] == "ks" and len(tables[0]) > SAME_SIZE_EXACT else BOUND,
    }


def _frame(path: Path) -> pd.DataFrame:
    with np.load(path) as columns:
        return pd.DataFrame(
            {name: values.astype(object) if values.dtype.kind == "U" else values for name, values in columns.items()}
        )


def _ours(tables: list[pd.DataFrame], tests: tuple[str, ...]) -> tuple[float, float, dict[str, float]]:
    """Seconds of everything, seconds of the part that a window needs once the reference is there, and the numbers."""
    start = time.perf_counter()
    reference = profile_of(tables[0])
    known = time.perf_counter()
    current = profile_of(tables[1], like=reference)
    numbers = [name for name, column in reference.columns.items() if column.kind == "number"]
    texts = [name for name in reference.columns if name not in numbers]
    compared = [
        compare(reference, current, tests=[test], columns=columns)
        for test, columns in zip(tests, (numbers, texts), strict=True)
    ]
    end = time.perf_counter()
    values: dict[str, float] = {}
    for name, column in [item for part in compared for item in part.columns.items()]:
        (measured,) = column.tests.values()
        values[name] = measured.value if measured.p_value is None else measured.p_value
    return end - start, end - known, values


def _rows(case: str, found: dict[str, Any]) -> list[list[str]]:
    ours, window = statistics.median(found["ours_s"]), statistics.median(found["window_s"])

    def row(name: str, key: str) -> list[str]:
        seconds = statistics.median(found[key])
        return [name, f"{seconds:.3f} s", f"{seconds / ours:.1f}", ""]

    return [
        [case, f"{ours:.3f} s", "", f"{found['difference']:.1g}"],
        ["  … its window alone, the reference known", f"{window:.3f} s", "", ""],
        row("  Evidently, column by column", "evidently_s"),
        row("  Evidently's preset", "evidently_preset_s"),
    ]


def _goals(case: str, found: dict[str, Any]) -> list[Goal]:
    ratio = statistics.median(found["evidently_s"]) / statistics.median(found["ours_s"])
    return [
        Goal(
            text=f"{case}: {GOAL_RATIO:g} times faster than Evidently's quicker way",
            measured=f"{ratio:.1f} times",
            met=ratio >= GOAL_RATIO,
        ),
        Goal(
            text=f"{case}: the numbers of {found['columns']} columns are Evidently's within {found['bound']:g}",
            measured=f"largest difference {found['difference']:.2g}",
            met=found["difference"] <= found["bound"],
        ),
    ]


def _large() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.drift_large", *map(str, LARGE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"The large table failed:\n{done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)
