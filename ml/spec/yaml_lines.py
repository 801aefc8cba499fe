"""YAML with the line and column of everything in it."""

from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Position(NamedTuple):
    """Where something is written; both count from 1."""

    line: int
    column: int


class LocatedYaml(NamedTuple):
    """A document and where its parts are.

    keys: position of each mapping key and list item. values: position of what it holds.
    duplicates: paths of keys that are written more than once.
    """

    data: Any
    keys: dict[Path, Position]
    values: dict[Path, Position]
    duplicates: list[tuple[Path, Position]]

    def position(self, path: Path, *, of_key: bool = False) -> Position:
        """Position of a path, or of the nearest part around it that is written."""
        positions = self.keys if of_key else self.values
        while path and path not in positions:
            path, positions = path[:-1], self.values
        return positions.get(path, Position(1, 1))


def load_located(text: str) -> LocatedYaml:
    """Parse one YAML document. Raises yaml.YAMLError for text that is not YAML."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        located = LocatedYaml(None, {}, {(): Position(1, 1)}, [])
        if node is None:
            return located
        _walk(node, (), located)
        return located._replace(data=loader.construct_document(node))
    finally:
        loader.dispose()


def _walk(node: Any, path: Path, located: LocatedYaml) -> None:
    located.values[path] = _start(node)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            child = (*path, str(key.value))
            if child in located.keys:
                located.duplicates.append((child, _start(key)))
            located.keys[child] = _start(key)
            _walk(value, child, located)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            located.keys[(*path, index)] = _start(value)
            _walk(value, (*path, index), located)


def _start(node: Any) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
