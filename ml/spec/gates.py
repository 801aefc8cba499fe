"""What a model must show before it is promoted, and what its card says: the `gates` of a job's spec."""

import difflib
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ml.spec.base import SpecModel

CLASSIFICATION: dict[str, bool] = {
    "accuracy": True,
    "balanced_accuracy": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
}
"""Metric to whether more is better. What each is: scikit-learn's function of that name."""
REGRESSION: dict[str, bool] = {"mae": False, "rmse": False, "median_absolute_error": False, "r2": True}
METRICS = {**CLASSIFICATION, **REGRESSION}


class MetricGate(SpecModel):
    """What one metric must reach on the held-out data."""

    min: float | None = Field(
        default=None, description="Least: the lower end of the metric's confidence interval must reach it."
    )
    max: float | None = Field(
        default=None, description="Most: the upper end of the metric's confidence interval must not pass it."
    )
    max_loss: float | None = Field(
        default=None,
        ge=0,
        description="How much worse than the champion it may be, in the metric's own unit, with the interval's whole "
        "width. Where not given, it is refused when the interval says that it is worse.",
    )


class Fairness(SpecModel):
    """Bounds on how differently the groups of one column are treated (https://fairlearn.org, assessment)."""

    column: str = Field(min_length=1, description="Column of the held-out data whose values are the groups.")
    demographic_parity_difference: float | None = Field(
        default=None, ge=0, le=1, description="Most that the groups' rates of the positive answer may differ."
    )
    demographic_parity_ratio: float | None = Field(
        default=None, ge=0, le=1, description="Least ratio of the lowest to the highest rate of the positive answer."
    )
    equalized_odds_difference: float | None = Field(
        default=None, ge=0, le=1, description="Most that the groups' true or false positive rates may differ."
    )
    metric_difference: dict[str, float] = Field(
        default_factory=dict, description="Metric to the most by which it may differ between two groups."
    )
    min_rows: int = Field(default=30, ge=1, description="Groups with fewer rows are reported and not judged.")

    @field_validator("metric_difference")
    @classmethod
    def _check_metrics(cls, value: dict[str, float]) -> dict[str, float]:
        return _known_metrics(value)

    @model_validator(mode="after")
    def _check_bounds(self) -> "Fairness":
        bounds = (self.demographic_parity_difference, self.demographic_parity_ratio, self.equalized_odds_difference)
        if not self.metric_difference and all(bound is None for bound in bounds):
            raise ValueError("give at least one bound, such as demographic_parity_difference: 0.2")
        return self


class Latency(SpecModel):
    """How quickly the serving process must answer requests of one row, measured where the gates run."""

    p95_ms: float = Field(gt=0, description="Most that 95 of 100 requests may take, milliseconds.")
    requests: int = Field(default=200, ge=20, le=10_000, description="How many requests are sent, one after another.")


class Explanation(SpecModel):
    """The report on what the model's answers depend on, by permutation importance."""

    metric: str | None = Field(
        default=None, description="Metric whose loss is the importance; the first of `metrics` where not given."
    )
    repeats: int = Field(default=5, ge=1, le=100, description="How often each column is shuffled.")
    rows: int = Field(default=2000, ge=50, description="Most rows of the held-out data that are used.")

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, value: str | None) -> str | None:
        return next(iter(_known_metrics({value: None}))) if value else value


class Card(SpecModel):
    """What only people can say about a model; the rest of its card comes from its run, its gates and the registry."""

    purpose: str = Field(default="", description="What it is for.")
    owner: str = Field(default="", description="Who answers for it: a person or a team, with an address.")
    intended_use: str = Field(default="", description="Who uses its answers, and for what decisions.")
    out_of_scope: str = Field(default="", description="What it must not be used for.")
    data: str = Field(default="", description="Where the data are from, and what is known to be wrong with them.")
    limitations: str = Field(default="", description="Where it is known to fail.")
    ethics: str = Field(default="", description="Whom its mistakes harm, and what is done about it.")


class Gates(SpecModel):
    """What a version must pass to become challenger or champion."""

    data: str = Field(description="Input channel with the held-out rows (CSV or Parquet): the model's columns, target.")
    target: str = Field(min_length=1, description="Column with the truth.")
    task: Literal["classification", "regression"] | None = Field(
        default=None, description="What is predicted; told by the metrics where not given."
    )
    positive: int | float | str | bool | None = Field(
        default=None, description="Positive class of a classifier with two; the greater one where not given."
    )
    metrics: dict[str, MetricGate] = Field(min_length=1, description="Metric to what it must reach.")
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="Level of the confidence intervals.")
    resamples: int = Field(default=500, ge=100, le=10_000, description="Bootstrap samples that they are made from.")
    validation: bool = Field(default=True, description="The run's data must have passed the spec's `validation`.")
    fairness: tuple[Fairness, ...] = Field(default=(), description="Columns whose groups must be treated alike.")
    explanation: Explanation = Field(
        default_factory=lambda: Explanation.model_validate({}), description="The explanation report."
    )
    latency: Latency | None = Field(default=None, description="Budget of the serving process.")
    card: Card = Field(default_factory=lambda: Card.model_validate({}), description="The model card's own words.")
    seed: int = Field(default=0, description="Of the bootstrap and of the shuffles: the same report twice.")

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: dict[str, MetricGate]) -> dict[str, MetricGate]:
        return _known_metrics(value)

    @model_validator(mode="after")
    def _check_task(self) -> "Gates":
        names = {*self.metrics, *(name for one in self.fairness for name in one.metric_difference)}
        names |= {self.explanation.metric} if self.explanation.metric else set()
        strange = names - (REGRESSION if self.kind == "regression" else CLASSIFICATION).keys()
        if strange:
            raise ValueError(f"{', '.join(sorted(strange))} is no metric of {self.kind}")
        return self

    @property
    def kind(self) -> str:
        """`classification` or `regression`."""
        return self.task or ("regression" if next(iter(self.metrics)) in REGRESSION else "classification")


def _known_metrics(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if name not in METRICS:
            close = difflib.get_close_matches(name, METRICS, n=1)
            raise ValueError(f"{name} is no metric; " + (f"did you mean {close[0]}?" if close else ", ".join(METRICS)))
    return value
