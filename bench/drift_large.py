"""The large table of the drift bench, in a process of its own so that its peak memory is its own.

usage: python -m bench.drift_large ROWS COLUMNS ROWS_OF_A_BATCH; prints one JSON line.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from ml.drift import Profile, compare


def main() -> None:
    """Profile a table that is never whole in memory, and hold a window of it against the profile."""
    rows, columns, batch = (int(word) for word in sys.argv[1:])
    chooser = np.random.default_rng(1)
    before = _peak_mib()
    reference = Profile()
    making = adding = 0.0
    added = 0
    while added < rows:
        count = min(batch, rows - added)
        start = time.perf_counter()
        table = {f"c{place}": chooser.normal(size=count) for place in range(columns)}
        made = time.perf_counter()
        reference.add(table)
        making += made - start
        adding += time.perf_counter() - made
        added += count
    start = time.perf_counter()
    current = reference.like()
    current.add({f"c{place}": chooser.normal(0.02, 1, batch) for place in range(columns)})
    compared = compare(reference, current)
    comparing = time.perf_counter() - start
    bound = max(column.tests["ks"].bound or 0.0 for column in compared.columns.values())
    print(
        json.dumps(
            {
                "rows": rows,
                "columns": columns,
                "batch": batch,
                "making_s": making,
                "profile_s": adding,
                "compare_s": comparing,
                "peak_mib": _peak_mib(),
                "before_mib": before,
                "table_mib": rows * columns * 8 / 2**20,
                "bound": bound,
            }
        )
    )


def _peak_mib() -> float:
    """Of this process: getrusage would give its parent's where that was larger."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
