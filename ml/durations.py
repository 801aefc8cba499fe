"""Lengths of time as people write them in files and options: seconds, or a number with s, m, h or d."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parsed(value: Any) -> Any:
    """Seconds of a text such as 90m; what is no text is returned as it is. Raises ValueError."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)\s*([smhd])", value.strip())
        if match is None:
            raise ValueError("must be a number of seconds, or a number with s, m, h or d, such as 90m")
        return int(match[1]) * _UNITS[match[2]]
    return value


def written(seconds: float) -> str:
    """The shortest such text for a number of seconds: 90m, not 5400s."""
    whole = round(seconds)
    unit = next(unit for unit in ("d", "h", "m", "s") if whole % _UNITS[unit] == 0)
    return f"{whole // _UNITS[unit]}{unit}"


Seconds = Annotated[
    int,
    BeforeValidator(parsed),
    Field(ge=1),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+\s*[smhd]$"}]}),
]
