"""Evidently's side of the drift bench, in an environment of its own: a round, and a JSON line, for each line of stdin.

usage: PYTHON drift_evidently.py REFERENCE.npz CURRENT.npz TEST_OF_NUMBERS TEST_OF_CATEGORIES
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd


def frame(path: str) -> pd.DataFrame:
    with np.load(path) as columns:
        return pd.DataFrame(
            {
                name: columns[name].astype(object) if columns[name].dtype.kind == "U" else columns[name]
                for name in columns
            }
        )


def main() -> None:
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    reference, current = frame(sys.argv[1]), frame(sys.argv[2])
    of_numbers, of_categories = sys.argv[3:]
    numbers = [name for name in reference if reference[name].dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in reference if name not in numbers]
    )

    def measured(metrics: list, start: float) -> tuple[float, dict[str, float]]:
        tables = [Dataset.from_pandas(table, definition) for table in (current, reference)]
        found = Report(metrics, include_tests=False).run(*tables).dict()["metrics"]
        values = {one["config"]["column"]: float(one["value"]) for one in found if "column" in one["config"]}
        return time.perf_counter() - start, values

    for line in sys.stdin:
        start = time.perf_counter()
        by_column = [
            ValueDrift(column=name, method=of_numbers if name in numbers else of_categories) for name in reference
        ]
        seconds, values = measured(by_column, start)
        found = {"seconds": seconds, "values": values}
        if "preset" in line:
            start = time.perf_counter()
            preset = DataDriftPreset(num_method=of_numbers, cat_method=of_categories)
            found["preset_seconds"], _ = measured([preset], start)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
