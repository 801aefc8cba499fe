"""An endpoint whose copies of the model come and go with the requests, down to none: for development.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
"""

from pydantic import Field, model_validator

from ml.spec.base import SpecModel
from ml.spec.rollout import MAIN, Rollout, Strategy

LOW_SHARE = 0.9
IDLE_MINUTES = 15
"""Target tracking scales in once each of so many minutes had less than this share of its target."""


def unfit_for_scale(variant: str, rollout: Rollout, captures: bool) -> str:
    """Why a deployment cannot scale to zero, for people; "" where it can.

    Variants, rollouts and capture are of endpoints whose variants have models: inference components are updated by
    UpdateInferenceComponent, and AWS documents neither shadows nor data capture of them.
    """
    if variant != MAIN:
        return f"scale: a {variant} needs machines of its own; scale is of main alone"
    if rollout.strategy is not Strategy.ALL_AT_ONCE:
        return f"scale: a new version takes over all at once; rollout {rollout.strategy.value} needs fixed machines"
    if captures:
        return "scale: SageMaker documents no capture of endpoints that scale to zero; leave capture or scale out"
    return ""


class Scale(SpecModel):
    """How many copies of the model answer."""

    min: int = Field(default=0, ge=0, le=100, description="Fewest copies; at 0 an idle endpoint costs no machine.")
    max: int = Field(default=1, ge=1, le=100, description="Most copies; each may need a machine of its own.")
    requests_per_minute: float = Field(
        default=1.0,
        gt=0,
        description="Requests a minute that a copy is to have: with more there come more copies, and with less than "
        "nine tenths of it for 15 minutes they go; at 1 the last one goes after 15 minutes without any.",
    )
    memory_mb: int = Field(default=1024, ge=128, description="Memory that a copy needs, MiB.")
    cpus: float = Field(default=1.0, ge=0.25, description="Processor cores that a copy needs.")

    @model_validator(mode="after")
    def _in_order(self) -> "Scale":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self

    @property
    def idle(self) -> str:
        """When copies go, in words."""
        least = LOW_SHARE * self.requests_per_minute
        few = "without a request" if least <= 1 else f"with fewer than {least:g} requests each to a copy"
        return f"{IDLE_MINUTES} minutes {few}"
