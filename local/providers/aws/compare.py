"""Which values mean the same to AWS, and what of a resource's actual state belongs into its inputs."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.table import Property
from local.providers.values import UNKNOWN, contains_unknown

_EMPTY = (None, "", False, [], {})
_LISTED_IN_POLICIES = frozenset({"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"})
"""Members of a policy document in which one value and a list of one value are alike, and order means nothing."""


def canonical_json(text: Any) -> Any:
    """A document's content in a form that is equal for equal meanings; text that is not JSON stays as it is."""
    if not isinstance(text, str):
        return _canonical(text)
    try:
        return _canonical(json.loads(text))
    except ValueError:
        return text


def same(prop: Property, actual: Any, desired: Any) -> bool:
    """Whether `actual` is what `desired` asks for. A `desired` of None asks for the default, or for nothing."""
    if contains_unknown(actual) or contains_unknown(desired):
        return False
    if desired is None:
        if prop.computed:
            return True
        desired = prop.default
    if actual is None:
        actual = prop.default
    if _is_empty(actual) and _is_empty(desired):
        return True
    if prop.kind == "block":
        return _same_block(prop, actual or {}, desired or {})
    if prop.kind in ("blocks", "blockset"):
        left, right = _ordered(prop, actual), _ordered(prop, desired)
        return len(left) == len(right) and all(_same_block(prop, *pair) for pair in zip(left, right, strict=True))
    return _comparable(prop, actual) == _comparable(prop, desired)


def reconciled(prop: Property, actual: Any, wanted: Any) -> Any:
    """What the state shows: the actual value, in the words of `wanted` where both mean the same."""
    if prop.path == "":
        return wanted if wanted is not None else prop.default
    if prop.kind == "block" and isinstance(actual, Mapping) and isinstance(wanted, Mapping):
        return _reconciled_block(prop, actual, wanted)
    if prop.kind == "blocks" and isinstance(actual, list) and isinstance(wanted, list) and len(actual) == len(wanted):
        return [_reconciled_block(prop, *pair) for pair in zip(actual, wanted, strict=True)]
    return wanted if wanted is not None and same(prop, actual, wanted) else actual


def as_inputs(prop: Property, actual: Any, before: Any, *, first: bool) -> Any:
    """What belongs into the inputs of a resource whose property is `actual` and was asked for as `before`.

    A value that nobody set and that is the default, or that AWS chose, is left out (None), except on a `first` read
    (an import), which leaves out defaults only.
    """
    if prop.path == "":
        return before
    if before is not None and same(prop, actual, before):
        return before
    if _is_empty(actual):
        keep = prop.required or before is not None or prop.default not in _EMPTY
        return actual if keep else None
    if before is None and not prop.required:
        if first and prop.computed:
            return _block_inputs(prop, actual, before, first=first)
        if same(prop, actual, None):
            return None
    return _block_inputs(prop, actual, before, first=first)


def _block_inputs(prop: Property, actual: Any, before: Any, *, first: bool) -> Any:
    if prop.kind == "block" and isinstance(actual, Mapping):
        old = before if isinstance(before, Mapping) else {}
        values = {f.name: as_inputs(f, actual.get(f.name), old.get(f.name), first=first) for f in prop.fields}
        return {name: value for name, value in values.items() if value is not None}
    if prop.kind in ("blocks", "blockset") and isinstance(actual, list):
        olds = before if isinstance(before, list) else []
        item = Property(prop.name, "block", fields=prop.fields, required=True)
        return [
            _block_inputs(item, each, olds[index] if index < len(olds) else None, first=first)
            for index, each in enumerate(actual)
        ]
    return actual


def _reconciled_block(prop: Property, actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    values = {f.name: reconciled(f, actual.get(f.name), wanted.get(f.name)) for f in prop.fields}
    return {name: value for name, value in values.items() if value is not None}


def _same_block(prop: Property, actual: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    return all(same(f, actual.get(f.name), desired.get(f.name)) for f in prop.fields)


def _ordered(prop: Property, value: Any) -> list[Any]:
    items = _as_list(value)
    if prop.kind == "blocks":
        return items
    return sorted(items, key=lambda item: json.dumps([_scalar(item.get(f.name, f.default)) for f in prop.fields]))


def _comparable(prop: Property, value: Any) -> Any:
    if prop.alike is not None and value is not None:
        value = prop.alike(value)
    if prop.kind == "json":
        return canonical_json(value)
    if prop.kind == "set":
        return sorted(json.dumps(_scalar(item)) for item in _as_list(value))
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """Numbers and booleans may arrive as text on either side."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else str(value)
    if isinstance(value, Mapping):
        return {key: _scalar(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_scalar(item) for item in value]
    return value


def _canonical(value: Any, member: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(item, key) for key, item in sorted(value.items())}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        return sorted(items, key=json.dumps) if member in _LISTED_IN_POLICIES else items
    if member in _LISTED_IN_POLICIES:
        return [_scalar(value)]
    return _scalar(value)


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _is_empty(value: Any) -> bool:
    return value is None or (value is not UNKNOWN and value in _EMPTY and value != 0) or value is False
