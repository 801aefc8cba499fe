"""How a new version takes over an endpoint's requests, and what takes it back.

Words and limits are those of SageMaker's UpdateEndpoint
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html).
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ml.durations import parsed
from ml.spec.base import SpecModel

MAIN, CHALLENGER, SHADOW = "main", "challenger", "shadow"
"""Variants of an endpoint. `main` is always there; `challenger` takes its share of the requests in an A/B test;
`shadow` gets copies of requests, and its answers reach nobody."""

LONGEST_WAIT_S = 3600
ALARMS_AT_MOST = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoRollbackConfig.html"""

Wait = Annotated[
    int,
    BeforeValidator(parsed),
    Field(ge=0, le=LONGEST_WAIT_S),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 3600}, {"type": "string", "pattern": r"^\d+\s*[smh]$"}]}
    ),
]
Percent = Annotated[float, Field(gt=0, lt=100)]


class Strategy(StrEnum):
    """How the requests move to the new machines."""

    ALL_AT_ONCE = "all-at-once"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    LINEAR = "linear"
    ROLLING = "rolling"


class Rollout(SpecModel):
    """How a new version takes over. Written as text alone, it is the strategy."""

    strategy: Strategy = Field(
        default=Strategy.ALL_AT_ONCE,
        description="all-at-once: the requests move in one step. blue-green: the same, and the old machines stay for "
        "`bake`. canary: a part first. linear: in equal steps. rolling: machines are replaced in batches.",
    )
    size: Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=r"^[1-9]\d?%$")] | None = Field(
        default=None,
        description="Machines of the canary, of a linear step or of a rolling batch: a number, or a percentage such as "
        '"25%"; the fewest that the service takes where not given.',
    )
    wait: Wait | None = Field(
        default=None, description="Time that the alarms are watched after each step; 5 m where not given, 1 h at most."
    )
    bake: Wait | None = Field(
        default=None,
        description="How long the old machines stay when the new ones have all requests; the alarms are watched. "
        "10 m for blue-green where not given, else 0; rolling has none.",
    )
    timeout: Annotated[int, BeforeValidator(parsed), Field(ge=600, le=28800)] | None = Field(
        default=None, description="Longest that the whole may take, 10 m to 8 h; then it is taken back."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_strategy(cls, value: Any) -> Any:
        return {"strategy": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_together(self) -> "Rollout":
        stepwise = self.strategy in (Strategy.CANARY, Strategy.LINEAR, Strategy.ROLLING)
        for name in ("size", "wait"):
            if getattr(self, name) is not None and not stepwise:
                raise ValueError(f"{name} is of canary, linear and rolling; {self.strategy.value} has one step")
        if self.bake is not None and self.strategy in (Strategy.ROLLING, Strategy.ALL_AT_ONCE):
            why = "ends each old machine with its batch" if self.strategy is Strategy.ROLLING else "has none"
            raise ValueError(f"bake: {self.strategy.value} {why}; blue-green is all-at-once with bake")
        return self

    @property
    def guarded(self) -> bool:
        """Whether there is a time in which alarms are watched."""
        return self.strategy is not Strategy.ALL_AT_ONCE

    @property
    def wait_s(self) -> int:
        """Seconds after each step; 0 for what has one step."""
        if self.strategy in (Strategy.ALL_AT_ONCE, Strategy.BLUE_GREEN):
            return 0
        return 300 if self.wait is None else self.wait

    @property
    def bake_s(self) -> int:
        """Seconds for which the old machines stay after the last step."""
        return (600 if self.strategy is Strategy.BLUE_GREEN else 0) if self.bake is None else self.bake


class ModelMetric(SpecModel):
    """A metric in CloudWatch that takes a version back when it is beyond a limit."""

    name: str = Field(min_length=1, max_length=255, description="The metric's name.")
    namespace: str = Field(min_length=1, max_length=255, description="Its namespace, such as groundwork/TEAM.")
    above: float | None = Field(default=None, description="Take back above this value.")
    below: float | None = Field(default=None, description="Take back below this value.")
    statistic: str = Field(
        default="Average",
        pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,2})?)$",
        description="Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p95.",
    )
    dimensions: dict[str, str] = Field(
        default_factory=dict,
        max_length=30,
        description="Its dimensions; {endpoint}, {variant} and {config} stand for those of the deployment.",
    )

    @model_validator(mode="after")
    def _one_limit(self) -> "ModelMetric":
        if (self.above is None) == (self.below is None):
            raise ValueError(f"{self.name}: give either above or below")
        return self


class RollbackOn(SpecModel):
    """What takes a new version back while it takes over: each is an alarm in CloudWatch on the new machines alone."""

    p99_ms: float | None = Field(
        default=None, gt=0, description="Milliseconds in the container that 1 % of the requests take longer than."
    )
    errors_percent: Annotated[float, Field(ge=0, lt=100)] | None = Field(
        default=None, description="Percent of the requests that the model answers with 5xx; more takes it back."
    )
    metrics: tuple[ModelMetric, ...] = Field(default=(), description="Metrics of the model's own.")
    period: Literal[10, 20, 30, 60, 120, 180, 240, 300] = Field(
        default=10, description="Seconds of each look; below 60 the endpoint has enhanced metrics."
    )
    periods: int = Field(default=2, ge=1, le=30, description="How many looks in a row must be beyond the limit.")

    @model_validator(mode="after")
    def _check_together(self) -> "RollbackOn":
        count = len(self.metrics) + (self.p99_ms is not None) + (self.errors_percent is not None)
        if not count:
            raise ValueError("rollback_on: name p99_ms, errors_percent or metrics")
        if count > ALARMS_AT_MOST:
            raise ValueError(f"rollback_on: {count} alarms; SageMaker watches {ALARMS_AT_MOST} at most")
        names = [metric.name for metric in self.metrics]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"rollback_on.metrics: {', '.join(sorted(twice))} is there twice")
        return self

    @property
    def seconds(self) -> int:
        """How long a version must be beyond a limit before it is taken back."""
        return self.period * self.periods
