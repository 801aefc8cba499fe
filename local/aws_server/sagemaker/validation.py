"""The checks that the service makes by its own model: lengths, ranges, patterns and enumerations.

boto3 checks types and required members alone, so a wrong name or enum reaches the service, which answers with a
ValidationException that lists every constraint that is not met.
"""

import functools
import re
from typing import Any

from moto.core.utils import get_service_model

from local.aws_server.operations import Call, ServiceError


def validate(call: Call) -> None:
    """Raises ValidationException with every constraint of the service's model that the request does not meet."""
    shape = get_service_model(call.service).operation_model(call.operation).input_shape
    problems = _problems(shape, call.params, "") if shape is not None else []
    if problems:
        count = len(problems)
        raise ServiceError(
            "ValidationException",
            f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(problems)}",
        )


def _problems(shape: Any, value: Any, path: str) -> list[str]:
    kind = shape.type_name
    found: list[str] = []
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                found.append(
                    f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
                )
        for name, member in value.items():
            if name in shape.members and member is not None:
                found += _problems(shape.members[name], member, _join(path, name))
        return found
    found += _constraint_problems(shape, value, path)
    if kind == "list":
        for number, member in enumerate(value, start=1):
            found += _problems(shape.member, member, f"{path}.{number}.member")
    elif kind == "map":
        for key, member in value.items():
            found += _constraint_problems(shape.key, key, f"{path}.key")
            found += _problems(shape.value, member, f"{path}.{key}.member")
    return found


def _constraint_problems(shape: Any, value: Any, path: str) -> list[str]:
    metadata = shape.metadata
    shown = f"Value '{value}' at '{path}' failed to satisfy constraint: "
    found: list[str] = []
    if isinstance(value, str):
        if shape.type_name == "string" and shape.enum and value not in shape.enum:
            found.append(f"{shown}Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        if (pattern := metadata.get("pattern")) and not _compiled(pattern).fullmatch(value):
            found.append(f"{shown}Member must satisfy regular expression pattern: {pattern}")
    measured: Any = value if isinstance(value, (int, float)) else len(value) if hasattr(value, "__len__") else None
    if measured is None or isinstance(value, bool):
        return found
    noun = "value" if isinstance(value, (int, float)) else "length"
    if "min" in metadata and measured < metadata["min"]:
        found.append(f"{shown}Member must have {noun} greater than or equal to {metadata['min']}")
    if "max" in metadata and measured > metadata["max"]:
        found.append(f"{shown}Member must have {noun} less than or equal to {metadata['max']}")
    return found


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        # The models' patterns are Java's; a few use what Python's lacks (\p{...}). These stay unchecked.
        return re.compile(".*", re.DOTALL)


def _join(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name
