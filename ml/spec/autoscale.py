"""An endpoint variant whose machines come and go with the requests, or by the clock.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

from pydantic import Field, field_validator, model_validator

from ml.spec.base import Seconds, SpecModel

EXPRESSIONS = ("cron(", "rate(", "at(")
MOST_SCHEDULED = 50


class ScheduledLimits(SpecModel):
    """Limits from a time on, until another schedule sets others."""

    at: str = Field(
        description="When: cron(0 8 ? * MON-FRI *), rate(1 day) or at(2027-01-04T08:00:00), as AWS writes them.",
    )
    timezone: str = Field(default="UTC", description="Of cron and at, such as Europe/Berlin.")
    min: int | None = Field(default=None, ge=0, description="Fewest machines from then on.")
    max: int | None = Field(default=None, ge=1, description="Most machines from then on.")

    @field_validator("at")
    @classmethod
    def _is_a_schedule(cls, text: str) -> str:
        if not text.startswith(EXPRESSIONS) or not text.endswith(")"):
            raise ValueError("must be cron(…), rate(…) or at(…), such as cron(0 8 ? * MON-FRI *)")
        return text

    @model_validator(mode="after")
    def _changes_something(self) -> "ScheduledLimits":
        if self.min is None and self.max is None:
            raise ValueError("say min, max or both: which limits are from then on")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class Autoscale(SpecModel):
    """How many machines answer."""

    min: int = Field(default=1, ge=0, description="Fewest machines; none for an asynchronous endpoint alone.")
    max: int = Field(ge=1, description="Most machines.")
    requests_per_minute: float | None = Field(
        default=None,
        gt=0,
        description="Requests a minute that a machine is to have: with more for 3 minutes there come more machines, "
        "and with less than nine tenths of it for 15 minutes they go. Without it the schedule alone moves them.",
    )
    backlog_per_machine: float | None = Field(
        default=None,
        gt=0,
        description="Of an asynchronous endpoint: requests in its queue that a machine is to have. The first request "
        "at no machine brings one.",
    )
    scale_out_cooldown: Seconds = Field(default=300, description="Time between two steps up.")
    scale_in_cooldown: Seconds = Field(default=300, description="Time between two steps down.")
    schedule: tuple[ScheduledLimits, ...] = Field(
        default=(), max_length=MOST_SCHEDULED, description="Other limits by the clock."
    )

    @model_validator(mode="after")
    def _moves(self) -> "Autoscale":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        if self.requests_per_minute is not None and self.backlog_per_machine is not None:
            raise ValueError("requests_per_minute is of endpoints that answer at once, backlog_per_machine of async")
        if self.requests_per_minute is None and self.backlog_per_machine is None and not self.schedule:
            raise ValueError("nothing would move the machines: say requests_per_minute, a schedule or both")
        return self

    @property
    def least(self) -> int:
        """Fewest machines that there may be at any time."""
        return min([self.min, *(one.min for one in self.schedule if one.min is not None)])

    def holds(self, count: int) -> bool:
        """Whether so many machines are within the limits, those of the schedule included."""
        return self.least <= count <= max([self.max, *(one.max for one in self.schedule if one.max is not None)])


def unfit_for_autoscale(autoscale: Autoscale, variant: str, count: int, *, scales_copies: bool, queued: bool) -> str:
    """Why a deployment cannot have it, for people; "" where it can.

    count: machines that it begins with. queued: whether the endpoint is asynchronous.
    """
    if variant == "shadow":
        return "autoscale: a shadow gets copies of requests; give it as many machines as main may have"
    if scales_copies:
        return "autoscale: with scale the copies of the model move the machines; choose one"
    if queued and autoscale.requests_per_minute is not None:
        return "autoscale: what waits in the queue moves an async endpoint: say backlog_per_machine"
    if not queued and autoscale.backlog_per_machine is not None:
        return "autoscale: backlog_per_machine is of async endpoints: say requests_per_minute"
    if not queued and autoscale.least == 0:
        return "autoscale: min 0 is of async endpoints; others keep a machine, or scale to zero by `scale`"
    if not autoscale.min <= count <= autoscale.max:
        return f"autoscale: instance.count {count} is not within {autoscale.min} and {autoscale.max}"
    return ""
