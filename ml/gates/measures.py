"""Metrics on the held-out data with their confidence intervals, and what they say beside the champion's.

The intervals are percentiles of a bootstrap over rows (Efron and Tibshirani, An Introduction to the Bootstrap, chapter
13). Candidate and champion are asked about the same resamples: the interval of their difference is a paired one.
"""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ml.gates.predictions import Predictions
from ml.gates.report import GateError, Result
from ml.spec.gates import METRICS, Gates, MetricGate

SCORED = frozenset({"roc_auc", "average_precision", "log_loss", "brier"})
"""Metrics of probabilities: a model that gives classes alone has none of them."""


def measure(name: str, truth: Any, given: Predictions, positive: Any) -> Callable[[Any], float]:
    """A function from row numbers to the metric on those rows. Raises GateError where the model gives no scores."""
    import numpy as np

    metrics: Any = import_module("sklearn.metrics")
    values = np.asarray(given.values)
    if name in SCORED:
        scores = given.positive(positive)
        if scores is None:
            raise GateError(
                f"gates.metrics.{name} is a metric of probabilities, and the model gives none of {positive!r}: "
                'save it with pyfunc_predict_fn="predict_proba".'
            )
        actual = np.asarray(truth == positive).astype(int)
        function: Any = {
            "roc_auc": metrics.roc_auc_score,
            "average_precision": metrics.average_precision_score,
            "log_loss": _log_loss,
            "brier": metrics.brier_score_loss,
        }[name]
        return lambda rows: float(function(actual[rows], scores[rows]))
    actual = np.asarray(truth)
    if name in ("f1", "precision", "recall"):
        function = {"f1": metrics.f1_score, "precision": metrics.precision_score, "recall": metrics.recall_score}[name]
        hits, said = np.asarray(actual == positive), np.asarray(values == positive)
        return lambda rows: float(function(hits[rows], said[rows], zero_division=0.0))
    function = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "median_absolute_error": metrics.median_absolute_error,
        "r2": metrics.r2_score,
    }[name]
    return lambda rows: float(function(actual[rows], values[rows]))


def _log_loss(actual: Any, scores: Any) -> float:
    """With rows of one class alone, too: a resample may be such."""
    import numpy as np

    metrics: Any = import_module("sklearn.metrics")
    return metrics.log_loss(actual, np.clip(scores, 1e-15, 1 - 1e-15), labels=[0, 1])


def intervals(
    gates: Gates, truth: Any, candidate: Predictions, champion: Predictions | None, positive: Any
) -> dict[str, dict[str, Any]]:
    """For each metric of the gates: value, low and high of the candidate, of the champion, and of their difference.

    The difference is counted so that more is better.
    """
    import numpy as np

    count = len(truth)
    chooser = np.random.default_rng(gates.seed)
    samples = [chooser.integers(0, count, count) for _ in range(gates.resamples)]
    everything = np.arange(count)
    found: dict[str, dict[str, Any]] = {}
    for name in gates.metrics:
        sign = 1 if METRICS[name] else -1
        mine = measure(name, truth, candidate, positive)
        drawn = _drawn(mine, samples)
        found[name] = {"candidate": _interval(mine(everything), drawn, gates.confidence)}
        if champion is not None:
            its = measure(name, truth, champion, positive)
            theirs = _drawn(its, samples)
            difference = sign * (mine(everything) - its(everything))
            found[name]["champion"] = _interval(its(everything), theirs, gates.confidence)
            found[name]["difference"] = _interval(difference, sign * (drawn - theirs), gates.confidence)
    return found


def _drawn(function: Callable[[Any], float], samples: list[Any]) -> Any:
    import numpy as np

    with warnings.catch_warnings():
        # A resample may hold one class alone; a metric that is not defined there is left out of the percentiles.
        warnings.simplefilter("ignore")
        return np.array([_or_nan(function, rows) for rows in samples])


def _or_nan(function: Callable[[Any], float], rows: Any) -> float:
    try:
        return function(rows)
    except ValueError:
        return float("nan")


def _interval(value: float, drawn: Any, confidence: float) -> dict[str, float]:
    import numpy as np

    outside = (1 - confidence) / 2 * 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        low, high = np.nanpercentile(drawn, [outside, 100 - outside])
    return {"value": float(value), "low": float(low), "high": float(high)}


def judge(name: str, gate: MetricGate, found: Mapping[str, Any], confidence: float, champion: str) -> Result:
    """One metric's result. champion: what the champion is called in the text."""
    mine = found["candidate"]
    value, low, high = mine["value"], mine["low"], mine["high"]
    said = f"{name} {value:.4g} ({confidence:.0%} interval {low:.4g} to {high:.4g})"
    missed: list[str] = []
    met: list[str] = []
    # A comparison with NaN is false: what cannot be measured does not pass.
    if gate.min is not None:
        fine = low >= gate.min
        by = gate.min - low
        (met if fine else missed).append(
            f"at least {gate.min:g}" if fine else f"its lower end is {by:.4g} below the least, {gate.min:g}"
        )
    if gate.max is not None:
        fine = high <= gate.max
        by = high - gate.max
        (met if fine else missed).append(
            f"at most {gate.max:g}" if fine else f"its upper end is {by:.4g} above the most, {gate.max:g}"
        )
    if "difference" in found:
        _beside_champion(gate, found, champion, met, missed)
    text = f"{said}: {'; '.join(missed or met)}." if missed or met else f"{said}."
    return Result(gate=f"metric {name}", passed=not missed, text=text, values=dict(found))


def _beside_champion(
    gate: MetricGate, found: Mapping[str, Any], champion: str, met: list[str], missed: list[str]
) -> None:
    difference, theirs = found["difference"], found["champion"]["value"]
    low, high = difference["low"], difference["high"]
    if gate.max_loss is None:
        if high >= 0:
            met.append(f"not worse than {champion} ({theirs:.4g})")
        else:
            missed.append(f"worse than {champion} ({theirs:.4g}) by {-high:.4g} to {-low:.4g}")
    elif low >= -gate.max_loss:
        met.append(f"at most {gate.max_loss:g} worse than {champion} ({theirs:.4g})")
    else:
        missed.append(
            f"beside {champion} ({theirs:.4g}) the loss may be {-low:.4g}, which is {-low - gate.max_loss:.4g} more "
            f"than the {gate.max_loss:g} allowed"
        )
