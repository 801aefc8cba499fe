"""What a model's answers depend on: permutation importance on the held-out data.

Method: https://scikit-learn.org/stable/modules/permutation_importance.html
"""

import math
from importlib import import_module
from typing import Any

from ml.gates.measures import measure
from ml.gates.predictions import GatedModel
from ml.gates.report import Result
from ml.spec.gates import METRICS, Gates


def explain(gates: Gates, model: GatedModel, frame: Any, truth: Any, positive: Any) -> tuple[Result, list[Any]]:
    """The gate's result, and the columns' importances, most important first.

    An importance is how much worse the metric gets when the column's values are shuffled: mean and standard deviation
    over the repeats.
    """
    import numpy as np

    permutation_importance: Any = import_module("sklearn.inspection").permutation_importance
    chosen = gates.explanation
    name = chosen.metric or next(iter(gates.metrics))
    rows = np.arange(len(frame))
    if len(rows) > chosen.rows:
        rows = np.sort(np.random.default_rng(gates.seed).choice(rows, chosen.rows, replace=False))
    features, actual = model.features(frame).iloc[rows], np.asarray(truth)[rows]
    classes = tuple(np.unique(np.asarray(truth)).tolist()) if gates.kind == "classification" else ()
    sign = 1 if METRICS[name] else -1

    def score(asked: "_Asked", values: Any, labels: Any) -> float:
        everything = np.arange(len(labels))
        return sign * measure(name, labels, asked.model.predict(values, classes), positive)(everything)

    found: Any = permutation_importance(
        _Asked(model), features, actual, scoring=score, n_repeats=chosen.repeats, random_state=gates.seed
    )
    importances = [
        {"column": column, "mean": float(mean), "deviation": float(deviation)}
        for column, mean, deviation in zip(features.columns, found.importances_mean, found.importances_std, strict=True)
    ]
    importances.sort(key=lambda entry: -entry["mean"])
    whole = all(math.isfinite(entry["mean"]) for entry in importances)
    first = ", ".join(f"{entry['column']} {entry['mean']:.3g}" for entry in importances[:3])
    text = (
        f"permutation importance by {name} of {len(importances)} columns on {len(rows)} rows: {first}."
        if whole
        else f"permutation importance by {name} is not a number for some columns."
    )
    return Result(gate="explanation", passed=whole, text=text, values={"metric": name, "rows": len(rows)}), importances


class _Asked:
    """A model in the form of an estimator, which is what scikit-learn's function takes."""

    def __init__(self, model: GatedModel):
        self.model = model

    def fit(self, *_: Any) -> "_Asked":
        """Estimators have it; nothing calls it."""
        return self
