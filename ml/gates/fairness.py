"""How differently the groups of a column are treated, by fairlearn's metrics.

What each is: https://fairlearn.org/main/user_guide/assessment/common_fairness_metrics.html
"""

from importlib import import_module
from typing import Any

from ml.gates.measures import measure
from ml.gates.predictions import Predictions
from ml.gates.report import GateError, Result
from ml.spec.gates import Fairness


def judge(bounds: Fairness, frame: Any, truth: Any, given: Predictions, positive: Any) -> tuple[list[Result], Any]:
    """A result for each bound, and what each group got.

    positive: the positive class; None for a regression. Raises GateError where the column is not in the data.
    """
    column = bounds.column
    if column not in frame.columns:
        raise GateError(f"gates.fairness: the held-out data has no column {column!r}.")
    groups = frame[column].fillna("missing").astype(str)
    sizes: dict[str, int] = groups.value_counts().to_dict()
    judged = sorted(group for group, size in sizes.items() if size >= bounds.min_rows)
    small = sorted(group for group in sizes if group not in judged)
    table = {group: _group(bounds, groups == group, truth, given, positive) for group in sorted(sizes)}
    shown = {"rows": sizes, "not_judged": small, "by_group": table}
    if len(judged) < 2:
        text = f"{column}: {len(judged)} groups have {bounds.min_rows} rows or more, and two are the least to compare."
        return [Result(gate=f"fairness {column}", passed=False, text=text, values=shown)], shown
    kept = groups.isin(judged).to_numpy()
    results = _rates(bounds, truth[kept], given, kept, groups[kept], positive) if positive is not None else []
    results += _metric_differences(bounds, table, judged)
    return results, shown


def _group(bounds: Fairness, rows: Any, truth: Any, given: Predictions, positive: Any) -> dict[str, Any]:
    np: Any = import_module("numpy")
    where: Any = np.flatnonzero(np.asarray(rows))
    found: dict[str, Any] = {"rows": len(where)}
    if positive is not None:
        found["selection_rate"] = float(np.mean(np.asarray(given.values)[where] == positive))
        found["base_rate"] = float(np.mean(np.asarray(truth)[where] == positive))
    for name in bounds.metric_difference:
        try:
            found[name] = measure(name, truth, given, positive)(where)
        except ValueError:  # a group with one class alone has no such metric
            found[name] = float("nan")
    return found


def _rates(bounds: Fairness, truth: Any, given: Predictions, kept: Any, groups: Any, positive: Any) -> list[Result]:
    import numpy as np

    metrics: Any = import_module("fairlearn.metrics")
    said = (np.asarray(given.values)[kept] == positive).astype(int)
    actual = (np.asarray(truth) == positive).astype(int)
    known = (
        ("demographic_parity_difference", metrics.demographic_parity_difference, True),
        ("demographic_parity_ratio", metrics.demographic_parity_ratio, False),
        ("equalized_odds_difference", metrics.equalized_odds_difference, True),
    )
    results: list[Result] = []
    for name, function, is_most in known:
        bound: float | None = getattr(bounds, name)
        if bound is None:
            continue
        value = float(function(actual, said, sensitive_features=groups))
        results.append(_result(f"{bounds.column} {name}", value, bound, is_most=is_most))
    return results


def _metric_differences(bounds: Fairness, table: Any, judged: list[str]) -> list[Result]:
    results: list[Result] = []
    for name, bound in bounds.metric_difference.items():
        by_value = sorted(judged, key=lambda group: table[group][name])
        least, most = by_value[0], by_value[-1]
        difference = table[most][name] - table[least][name]
        result = _result(f"{bounds.column} {name} difference", difference, bound, is_most=True)
        more = f" ({least}: {table[least][name]:.4g}, {most}: {table[most][name]:.4g})"
        results.append(
            Result(gate=result.gate, passed=result.passed, text=result.text[:-1] + more + ".", values=result.values)
        )
    return results


def _result(name: str, value: float, bound: float, *, is_most: bool) -> Result:
    fine = value <= bound if is_most else value >= bound
    word = "most" if is_most else "least"
    text = f"{name} {value:.4g}: "
    text += f"at {word} {bound:g}." if fine else f"{abs(value - bound):.4g} beyond the {word}, {bound:g}."
    return Result(gate=f"fairness {name}", passed=bool(fine), text=text, values={"value": value, "bound": bound})
