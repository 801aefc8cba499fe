"""What every part of a job's spec is made of."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

MAX_NAMES = 32
"""Most characters of team and job name together: a job's name adds 22 (date, time, a random part) and a SageMaker
model's name 9 more (a digest of what else it is made of), and both hold 63."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)\s*([smhd])", value.strip())
        if match is None:
            raise ValueError("must be a number of seconds, or a number with s, m, h or d, such as 90m")
        return int(match[1]) * _UNITS[match[2]]
    return value


Seconds = Annotated[
    int,
    BeforeValidator(_seconds),
    Field(ge=1),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+\s*[smhd]$"}]}),
]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=MAX_NAMES)]
Scalar = str | int | float | bool


class SpecModel(BaseModel):
    """Part of a spec: a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
