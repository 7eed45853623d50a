"""Where each value of a YAML file stands, so that a fault can name line and column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Position:
    """Line and column, both counted from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: its values, where each key and value stands, and the keys given twice."""

    values: Any
    keys: dict[Path, Position]
    positions: dict[Path, Position]
    duplicates: tuple[Path, ...]

    def locate(self, path: Path, *, key: bool = False) -> Position:
        """Position of the value (or its key) at the path; of the nearest enclosing one when it is absent."""
        for end in range(len(path), 0, -1):
            table = self.keys if key or end < len(path) else self.positions
            found = table.get(path[:end]) or self.positions.get(path[:end])
            if found:
                return found
        return Position(1, 1)


class YamlError(ValueError):
    """The text is not YAML; `position` says where reading stopped."""

    def __init__(self, problem: str, position: Position) -> None:
        super().__init__(problem)
        self.problem = problem
        self.position = position


MAXIMUM_DEPTH = 32


class _Loader(yaml.SafeLoader):
    """Without aliases and bottomless nesting: a few lines of either can stand for gigabytes."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._refuse("an alias (*name) stands here; write the value out")
        if self.depth >= MAXIMUM_DEPTH:
            self._refuse(f"nested deeper than {MAXIMUM_DEPTH} levels")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _refuse(self, problem: str) -> NoReturn:
        raise yaml.composer.ComposerError(None, None, problem, self.peek_event().start_mark)  # type: ignore[no-untyped-call]


def parse(text: str) -> Document:
    """Parse YAML; raises YamlError."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        values = loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        raise YamlError(error.problem or "not YAML", position) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(str(error).splitlines()[0] or "not YAML", Position(1, 1)) from error
    keys: dict[Path, Position] = {}
    positions: dict[Path, Position] = {}
    duplicates: list[Path] = []
    if root is not None:
        for path, key_node, value_node in _walk(root, ()):
            if path in positions:
                duplicates.append(path)
            keys[path] = _position(key_node)
            positions[path] = _position(value_node)
    return Document(values, keys, positions, tuple(duplicates))


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _walk(node: yaml.Node, path: Path) -> Iterator[tuple[Path, yaml.Node, yaml.Node]]:
    """Each (path, node of its key, node of its value) below a node; list items are their own key."""
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[str | int, yaml.Node, yaml.Node]] = [(str(key.value), key, item) for key, item in node.value]
    elif isinstance(node, yaml.SequenceNode):
        pairs = [(index, item, item) for index, item in enumerate(node.value)]
    else:
        return
    for part, key, value in pairs:
        yield (*path, part), key, value
        yield from _walk(value, (*path, part))
