"""Edits of a YAML file by its lines, in mappings and lists: comments and layout stay as somebody wrote them.

Each function gives the text with one thing changed, and raises NotEditableError where what comes out would say anything
else than that: then somebody writes the lines by hand.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import yaml

from operations.yaml_lines import NotEditableError

Path = Sequence[str | int]
WIDE = 10_000
"""Columns: what is written is never folded."""


def with_value(text: str, path: Path, value: Any) -> str:
    """The text with this value at the path; mappings on the way that are missing are made.

    path: keys of mappings and indexes of lists that are there.
    """

    def change(document: Any) -> None:
        inner = document
        for step in path[:-1]:
            if isinstance(step, str) and inner.get(step) is None:
                inner[step] = {}
            inner = inner[step]
        inner[path[-1]] = value

    _parsed(text)
    return _checked(text, _set(text, path, value), change)


def without(text: str, path: Path) -> str:
    """The text without the key, or the list's entry, at the path, and without the comments on its own lines."""

    def change(document: Any) -> None:
        inner = document
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    _parsed(text)
    return _checked(text, _removed(text, path), change)


def with_entry(text: str, path: Path, entry: Mapping[str, Any]) -> str:
    """The text with one more mapping at the end of the list at the path, a line a key where the list has lines."""

    def change(document: Any) -> None:
        inner = document
        for step in path:
            inner = inner[step]
        inner.append(entry)

    _parsed(text)
    return _checked(text, _appended(text, path, entry), change)


def value_at(text: str, path: Path) -> Any:
    """What is at the path; None where there is nothing."""
    inner: Any = _parsed(text)
    for step in path:
        try:
            inner = inner[step]
        except (KeyError, IndexError, TypeError):
            return None
    return inner


def flow(value: Any) -> str:
    """A value on one line: `[a, b]`, `{gpus: 8}`, `"yes"`."""
    options: dict[str, Any] = {"width": WIDE, "allow_unicode": True, "sort_keys": False}
    # Within a list, so that a word is quoted that could not stand in one.
    text: str = cast(Any, yaml).dump([value], Dumper=_Dumper, default_flow_style=True, **options)
    return text.strip()[1:-1]


class _Dumper(yaml.SafeDumper):
    """Quotes what begins like a number: `1e3` is one to the engine's reader of YAML 1.2, and a word to this one."""


def _word(dumper: yaml.SafeDumper, value: str) -> Any:
    style = '"' if value[:1] in tuple("0123456789+-.") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _word)


def _checked(text: str, edited: str, change: Callable[[Any], None]) -> str:
    expected = _parsed(text)
    try:
        change(expected)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise NotEditableError(f"There is nothing to edit there: {error}") from None
    if _parsed(edited) != expected:
        raise NotEditableError("The file's layout is not one that can be edited by its lines.")
    return edited


def _parsed(text: str) -> Any:
    try:
        return _unshared(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise NotEditableError(str(error)) from None


def _unshared(value: Any) -> Any:
    """The same without what is one object in two places: an edit at an anchor would change each of its aliases."""
    if isinstance(value, dict):
        return {key: _unshared(each) for key, each in cast(dict[Any, Any], value).items()}
    if isinstance(value, list):
        return [_unshared(each) for each in cast(list[Any], value)]
    return value


def _compose(text: str) -> Any:
    return cast(Any, yaml).compose(text)


def _found(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """The key's node (or None) and the value's, of a mapping's key or a list's entry."""
    if isinstance(node, yaml.MappingNode):
        pairs = cast(list[tuple[Any, Any]], node.value)
        return next(((key, value) for key, value in pairs if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        entries = cast(list[Any], node.value)
        return (None, entries[step]) if 0 <= step < len(entries) else None
    return None


def _walked(text: str, path: Path) -> tuple[Any, Any, Any]:
    """The node that holds the last step, the step's key node (or None) and its value node."""
    key, holder, node = None, None, _compose(text)
    for step in path:
        found = _found(node, step)
        if found is None:
            raise NotEditableError(f"The file has no {step!r} there.")
        holder = node
        key, node = found
    return holder, key, node


def _end(node: Any) -> int:
    """Where a node's text ends: a block's own end is where the next thing begins, comments between included."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _after_line(text: str, index: int) -> int:
    """Where the next line begins; the text's end on its last one."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _set(text: str, path: Path, value: Any) -> str:
    node = _compose(text)
    for depth, step in enumerate(path):
        found = _found(node, step)
        if found is None:
            return _with_key(text, node, path[depth:], value)
        if depth == len(path) - 1:
            return _replaced(text, found[0], found[1], value)
        if isinstance(found[1], yaml.ScalarNode):  # `quota:` with nothing
            inner = value
            for key in reversed(path[depth + 1 :]):
                inner = {key: inner}
            return _replaced(text, found[0], found[1], inner)
        node = found[1]
    raise NotEditableError("There is no path.")


def _replaced(text: str, key: Any, node: Any, value: Any) -> str:
    start, end = node.start_mark.index, _end(node)
    if key is None:
        return f"{text[:start]}{flow(value)}{text[end:]}"
    colon = text.index(":", key.end_mark.index)
    # What was a block on lines of its own comes on to the key's line.
    start = max(start if "\n" not in text[colon:start] else 0, colon + 1)
    gap = "" if text[start - 1] == " " else " "
    return f"{text[:start]}{gap}{flow(value)}{text[end:]}"


def _with_key(text: str, node: Any, rest: Path, value: Any) -> str:
    if not isinstance(node, yaml.MappingNode):
        raise NotEditableError(f"{rest[0]!r} cannot be put into what is no mapping.")
    for key in reversed(rest[1:]):
        value = {key: value}
    if node.flow_style or not node.value:
        close = node.end_mark.index - 1
        comma = ", " if node.value else ""
        return f"{text[:close].rstrip()}{comma}{rest[0]}: {flow(value)}{text[close:]}"
    at = _after_line(text, _end(node))
    line = f"{' ' * node.start_mark.column}{rest[0]}: {flow(value)}\n"
    return f"{_ended(text[:at])}{line}{text[at:]}"


def _removed(text: str, path: Path) -> str:
    holder, key, node = _walked(text, path)
    if holder.flow_style:
        start = (key or node).start_mark.index
        end = _end(node)
        rest = text[end:].lstrip()
        if rest.startswith(","):
            return f"{text[:start]}{rest[1:].lstrip()}"
        before = text[:start].rstrip()
        return f"{before.removesuffix(',')}{text[end:]}"
    if len(holder.value) == 1:
        # A block with nothing in it would be null.
        empty = "[]" if isinstance(holder, yaml.SequenceNode) else "{}"
        start = _line_start(text, holder.start_mark.index)
        if holder.start_mark.column == 0 or text[start : holder.start_mark.index].strip(" "):
            raise NotEditableError("It is the only one there.")
        before = text[:start].rstrip()
        return f"{before} {empty}\n{text[_after_line(text, _end(node)) :]}"
    start = _line_start(text, (key or node).start_mark.index)
    after = _after_line(text, _end(node))
    first = text[start : (key or node).start_mark.index]
    if first.strip(" -") or (key is not None and "-" in first):
        return _removed_first_key(text, key, after)
    return f"{text[:start]}{text[after:]}"


def _removed_first_key(text: str, key: Any, after: int) -> str:
    """Without the key that shares its line with its list's dash: the next one comes up to the dash."""
    start = key.start_mark.index
    return f"{text[:start]}{text[after:].lstrip(' ')}"


def _appended(text: str, path: Path, entry: Mapping[str, Any]) -> str:
    _, key, node = _walked(text, path)
    if not isinstance(node, yaml.SequenceNode):
        raise NotEditableError(f"{path[-1]!r} is no list.")
    if node.flow_style and node.value:
        close = node.end_mark.index - 1
        return f"{text[:close].rstrip()}, {flow(dict(entry))}{text[close:]}"
    if not node.value:
        indent = key.start_mark.column + 2
        line = text[: node.start_mark.index].rstrip(" ")
        after = _after_line(text, node.end_mark.index)
        return f"{line}\n{_block(entry, indent)}{text[after:]}"
    at = _after_line(text, _end(node))
    return f"{_ended(text[:at])}{_block(entry, node.start_mark.column)}{text[at:]}"


def _block(entry: Mapping[str, Any], indent: int) -> str:
    lines = [f"{key}: {flow(value)}" for key, value in entry.items()]
    return "".join(f"{' ' * indent}{'  ' if number else '- '}{line}\n" for number, line in enumerate(lines))


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else f"{text}\n"
