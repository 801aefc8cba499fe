"""Keys put into a YAML file by its lines, so that comments and everything else stay as somebody wrote them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

STEP = "  "


class NotEditableError(ValueError):
    """The file is laid out in a way that no key can be put into by its lines."""


def with_keys(text: str, path: Sequence[str], values: Mapping[str, str]) -> str:
    """The text with these keys set in the mapping at `path`, which is made where it is missing.

    Raises NotEditableError where what comes out would not say so: then somebody writes the lines by hand.
    """
    expected, edited = _expected(text, path, values), text
    # Each is put before what is there, so the last comes first.
    for key, value in reversed(list(values.items())):
        edited = _with_key(edited, path, key, value)
    if _parsed(edited) != expected:
        raise NotEditableError("The file's layout is not one that keys can be put into.")
    return edited


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise NotEditableError(str(error)) from None


def _expected(text: str, path: Sequence[str], values: Mapping[str, str]) -> Any:
    document = _parsed(text)
    inner = document
    for name in path:
        if not isinstance(inner, dict):
            raise NotEditableError(f"{name} cannot be put into what is no mapping.")
        outer = cast(dict[str, Any], inner)
        outer[name] = {} if outer.get(name) is None else outer[name]
        inner = outer[name]
    if not isinstance(inner, dict):
        raise NotEditableError(f"{path[-1]} is no mapping.")
    inner.update(values)
    return document


def _with_key(text: str, path: Sequence[str], key: str, value: str) -> str:
    _parsed(text)
    node = _composed(text)
    if node is None:
        return f"{text}{_block([*path, key], value, 0)}"
    flow = False
    for depth, name in enumerate([*path, key]):
        rest = [*path, key][depth:]
        found = _entry(node, name)
        if found is None:
            return _added(text, node, rest, value, flow)
        flow = flow or bool(node.flow_style)
        node = found
    return f"{text[: node.start_mark.index]}{_scalar(value, flow)}{text[node.end_mark.index :]}"


def _composed(text: str) -> Any:
    return cast(Any, yaml).compose(text)


def _entry(node: Any, name: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs = cast(list[tuple[Any, Any]], node.value)
    return next((value for key, value in pairs if key.value == name), None)


def _added(text: str, node: Any, rest: Sequence[str], value: str, flow: bool) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.MappingNode) and node.flow_style and (node.value or flow):
        return f"{text[: start + 1]}{_flow(rest, value)}{', ' if node.value else ''}{text[start + 1 :]}"
    if isinstance(node, yaml.MappingNode) and node.value:
        # Before its first key: what comes after its last one may be somebody's comment on the next.
        line = start - node.start_mark.column
        return f"{text[:line]}{_block(rest, value, node.start_mark.column)}{text[line:]}"
    # `{}` or nothing: a block below the key's line, and its comment stays there.
    line_start = text.rfind("\n", 0, start) + 1
    line = text[line_start:start]
    indent = len(line) - len(line.lstrip(" ")) + len(STEP)
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    comment = text[end:line_end].strip()
    kept = f"{text[:start].rstrip(' ')}{f'  {comment}' if comment else ''}"
    return f"{kept}\n{_block(rest, value, indent)}{text[line_end + 1 :]}"


def _block(keys: Sequence[str], value: str, indent: int) -> str:
    lines = [f"{' ' * indent}{STEP * depth}{key}:" for depth, key in enumerate(keys)]
    return "\n".join([*lines[:-1], f"{lines[-1]} {_scalar(value, False)}", ""])


def _flow(keys: Sequence[str], value: str) -> str:
    opening = "".join(f"{key}: {{" for key in keys[:-1])
    return f"{opening}{keys[-1]}: {_scalar(value, True)}{'}' * (len(keys) - 1)}"


def _scalar(value: str, flow: bool) -> str:
    plain = not flow and yaml.safe_load(f"key: {value}") == {"key": value}
    return value if plain else yaml.safe_dump(value, width=10_000, default_style='"').strip()
