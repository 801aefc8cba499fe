"""Between Pulumi's properties and the members of AWS's operations, by botocore's model of the service."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local.providers.aws.table import Property

if TYPE_CHECKING:
    from botocore.model import Shape


class MisfitError(ValueError):
    """A value that the operation's model does not take."""


def filled(template: Any, value_of: Callable[[str], Any]) -> Any:
    """The template with its `"$name"` references replaced; members whose reference has no value are left out."""
    if isinstance(template, str) and template.startswith("$"):
        value = value_of(template[1:].removesuffix("!"))
        return "" if value is None and template.endswith("!") else value
    if isinstance(template, Mapping):
        if "?" in template:
            if not filled(template["?"], value_of):
                return None
            template = {name: part for name, part in template.items() if name != "?"}
        values = {name: filled(part, value_of) for name, part in template.items()}
        kept = {name: value for name, value in values.items() if value is not None}
        return kept if kept or not template else None
    if isinstance(template, list):
        items = [item for item in (filled(part, value_of) for part in template) if item is not None]
        return items if items or not template else None
    return template


def fitted(shape: "Shape", value: Any, where: str = "") -> Any:
    """The value as the model wants it: member names in AWS's spelling, numbers as numbers, documents as text.

    Raises MisfitError for a member that the structure does not have and for a value outside of an enumeration.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = {name.lower(): name for name in shape.members}
        result: dict[str, Any] = {}
        for key, item in value.items():
            name = members.get(key.lower())
            if name is None:
                raise MisfitError(f"{where or shape.name} has no member {key!r}; it has {', '.join(shape.members)}.")
            if item is not None:
                result[name] = fitted(shape.members[name], item, f"{where}.{name}" if where else name)
        return result
    if kind == "list":
        items = value if isinstance(value, list | tuple) else [value]
        return [fitted(shape.member, item, f"{where}[{index}]") for index, item in enumerate(items)]
    if kind == "map" and isinstance(value, Mapping):
        return {str(key): fitted(shape.value, item, f"{where}.{key}") for key, item in value.items()}
    if kind in ("integer", "long"):
        return _number(value, int, where)
    if kind in ("float", "double"):
        return _number(value, float, where)
    if kind == "boolean":
        return value == "true" if isinstance(value, str) else bool(value)
    if kind == "string":
        text = _text(value)
        allowed = getattr(shape, "enum", None)
        if allowed and text not in allowed:
            raise MisfitError(f"{where}: {text!r} is not one of {', '.join(allowed)}.")
        return text
    return value


def found(path: str, document: Any) -> Any:
    """What lies at a JMESPath."""
    return _compiled(path).search(document)


def told(prop: Property, document: Any) -> Any:
    """A property's value out of what AWS told, in Pulumi's form; None where AWS tells nothing."""
    if prop.path == "" or not isinstance(document, Mapping):
        return None
    value = found(prop.path, document) if prop.path else _named(prop.name, document)
    if prop.kind == "block":
        return _block(prop, value) if isinstance(value, Mapping) else None
    if prop.kind in ("blocks", "blockset"):
        items = value if isinstance(value, list) else [value]
        return [_block(prop, item) for item in items if isinstance(item, Mapping)] or None
    if prop.kind == "json" and isinstance(value, Mapping | list):
        return json.dumps(value)
    return plain(value)


def plain(value: Any) -> Any:
    """AWS's value without what Pulumi cannot hold: times become ISO 8601 text, bytes become text."""
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _block(prop: Property, value: Mapping[str, Any]) -> dict[str, Any]:
    fields = {f.name: told(f, value) for f in prop.fields}
    return {name: item for name, item in fields.items() if item is not None}


def _named(name: str, document: Mapping[str, Any]) -> Any:
    for spelling in (name[:1].upper() + name[1:], name):
        if spelling in document:
            return document[spelling]
    lowered = name.lower()
    return next((value for key, value in document.items() if key.lower() == lowered), None)


def _number(value: Any, kind: type, where: str) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise MisfitError(f"{where}: {value!r} is not a number.") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        return json.dumps(value)
    return str(value)


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
    import jmespath

    return jmespath.compile(path)
