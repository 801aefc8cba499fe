"""What every part of a job's spec is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ml.durations import Seconds as Seconds

MAX_NAMES = 32
"""Most characters of team and job name together: a job's name adds 22 (date, time, a random part) and a SageMaker
model's name 9 more (a digest of what else it is made of), and both hold 63."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=MAX_NAMES)]
Scalar = str | int | float | bool


class SpecModel(BaseModel):
    """Part of a spec: a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
