"""What the engine sends about a resource, as plain Python values.

The engine's encoding: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go (unknown values
are sentinel texts, secrets and assets are objects with a signature).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a text, a reference or an id that only the update tells."""
UNKNOWN_TEXTS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        UNKNOWN_TEXT,
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What stands for a value of any kind that only the update tells."""
MISSING = None


class Unknown:
    """Stands for a value that is known only once something has been made. A preview cannot judge it; `up` does."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi encrypts in its state and hides in its output."""

    value: Any


def from_struct(struct: Any) -> dict[str, Any]:
    """The fields of a protobuf Struct."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWN_TEXTS else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "struct_value":
            return _from_object(from_struct(value.struct_value))
        case _:
            return None


def _from_object(found: dict[str, Any]) -> Any:
    if found.get(_SIGNATURE) == _SECRET:
        return Secret(found.get("value"))
    return found


def revealed(value: Any) -> Any:
    """The value with secrets taken out of their wrappers, for rules that ask about anything else."""
    if isinstance(value, Secret):
        return revealed(value.value)
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [revealed(item) for item in cast(list[Any], value)]
    return value


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path; MISSING where nothing does, UNKNOWN where something on the way is not known yet.

    A list with one element is passed through, as Pulumi itself writes such blocks in both ways.
    """
    for word in path.split("."):
        if isinstance(value, list):
            items = cast(list[Any], value)
            value = items[0] if len(items) == 1 else MISSING
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return MISSING
        value = cast(Mapping[str, Any], value).get(word)
    return value


def rows(value: Any, path: str) -> list[Any]:
    """The elements at a path: a list's, a single object's, or none; unknown ones are left out."""
    found = at(value, path) if path else value
    if found is MISSING or found is UNKNOWN:
        return []
    items = cast(list[Any], found) if isinstance(found, list) else [found]
    return [item for item in items if item is not UNKNOWN]


def group(value: Any, path: str = "") -> Mapping[str, Any]:
    """The keys and values at a path; none where no group stands there, or is known yet."""
    found = at(value, path) if path else value
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value that is not a secret, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            yield from texts(item, f"{path}[{index}]")


def decoded(value: Any) -> Any:
    """A group that came as JSON text, as the settings of a stack and of a provider do; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
