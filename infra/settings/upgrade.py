"""Brings an older stack file up to date in place: comments, order and what Pulumi wrote stay as they are.

The values are migrated twice, as data and as text, and the file is written only if both come to the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, get_args

import yaml

from infra.naming import PROJECT
from infra.settings.positions import YamlError, parse
from infra.settings.version import CURRENT, KEY, version_of
from trainer.config import BusinessKind

Values = dict[str, Any]


class UpgradeError(Exception):
    """The file cannot be upgraded; the text says why and what to do."""


class Text:
    """A YAML text under edit: places are found in the original, edits are applied at once at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._edits: list[tuple[int, int, str]] = []

    def rename(self, path: tuple[str | int, ...], name: str) -> None:
        """Give the key at a path another name; no effect where there is none."""
        found = self._pair(path)
        if found is not None:
            key = found[0]
            self._edits.append((key.start_mark.index, key.end_mark.index, name))

    def insert_first(self, path: tuple[str | int, ...], line: str) -> None:
        """Put `key: value` before the first key of the mapping at a path."""
        mapping = self._node(path)
        if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
            raise UpgradeError("the settings are no mapping; correct that first (python -m infra.settings check)")
        first = mapping.value[0][0].start_mark
        separator = ", " if mapping.flow_style else "\n" + " " * first.column
        self._edits.append((first.index, first.index, line + separator))

    def remove(self, path: tuple[str | int, ...]) -> None:
        """Take a key out, with its line."""
        found = self._pair(path)
        if found is None:
            return
        key, value = found
        start = self._text.rfind("\n", 0, key.start_mark.index) + 1
        if self._text[start : key.start_mark.index].strip():
            raise UpgradeError(f"`{key.value}` shares its line with another key; give it a line of its own first")
        end = self._text.find("\n", value.end_mark.index)
        self._edits.append((start, len(self._text) if end < 0 else end + 1, ""))

    def result(self) -> str:
        """The edited text."""
        text = self._text
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _node(self, path: tuple[str | int, ...]) -> yaml.Node | None:
        node: yaml.Node | None = self._root
        for part in path:
            if isinstance(node, yaml.MappingNode):
                node = next((value for key, value in node.value if key.value == part), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
            else:
                return None
        return node

    def _pair(self, path: tuple[str | int, ...]) -> tuple[yaml.ScalarNode, yaml.Node] | None:
        mapping = self._node(path[:-1])
        if not isinstance(mapping, yaml.MappingNode):
            return None
        return next(((key, value) for key, value in mapping.value if key.value == path[-1]), None)


def upgrade(path: FilePath) -> tuple[int, int]:
    """Bring a stack file to the current version; returns the version that it had and the one that it has.

    Raises UpgradeError where that cannot be done; the file is then as it was.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = parse(text)
    except (OSError, UnicodeError, YamlError) as error:
        raise UpgradeError(f"{path} cannot be read: {error}") from error
    kind = next((kind for kind in MIGRATIONS if _settings(document.values, kind) is not None), None)
    if kind is None:
        raise UpgradeError(f"{path} has neither a platform's nor a business's settings")
    before = version_of(_settings(document.values, kind))
    if not isinstance(before, int) or isinstance(before, bool) or not 1 <= before <= CURRENT:
        raise UpgradeError(f"{path} has `{KEY}: {before}`; this program knows the versions 1 to {CURRENT}")
    for version in range(before, CURRENT):
        text = _step(path, text, kind, version)
    if before != CURRENT:
        temporary = path.with_suffix(".upgrading")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    return before, CURRENT


def _step(path: FilePath, text: str, kind: str, version: int) -> str:
    expected = copy.deepcopy(parse(text).values)
    edited = Text(text)
    base = ("config", f"{PROJECT}:{kind}")
    MIGRATIONS[kind][version](_settings(expected, kind), edited, base)
    result = edited.result()
    try:
        same = parse(result).values == expected
    except YamlError:
        same = False
    if not same:
        raise UpgradeError(f"{path} is written in a form that cannot be edited by program; edit it by hand")
    return result


def _settings(values: Any, kind: str) -> Any:
    config = values.get("config") if isinstance(values, dict) else None
    return config.get(f"{PROJECT}:{kind}") if isinstance(config, dict) else None


# ---- the migrations: each does the same to the data and to the text


def _platform_1(values: Any, text: Text, base: tuple[str | int, ...]) -> None:
    """The version is said."""
    _say_version(values, text, base, 2)


def _business_1(values: Any, text: Text, base: tuple[str | int, ...]) -> None:
    """Several regions: lines, two pools in each; `backup` was history; a KMS key belongs to a region; kinds."""
    values["kind"] = name if (name := values.get("name")) in get_args(BusinessKind) else "qa"
    text.insert_first(base, f"kind: {values['kind']}")
    _say_version(values, text, base, 2)
    storage = values.get("storage")
    key = storage.pop("kms_key", None) if isinstance(storage, dict) else None
    if key is not None:
        text.remove((*base, "storage", "kms_key"))
    if isinstance(storage, dict) and "backup" in storage:
        storage["versions"] = storage.pop("backup")
        text.rename((*base, "storage", "backup"), "versions")
    regions = values.get("regions")
    for index, region in enumerate(regions if isinstance(regions, list) else []):
        if not isinstance(region, dict):
            continue
        at = (*base, "regions", index)
        if "nodes" in region:
            region["training_nodes"] = region.pop("nodes")
            text.rename((*at, "nodes"), "training_nodes")
        region["lines"] = [] if index else ["default"]
        text.insert_first(at, "lines: []" if index else "lines: [default]")
        if key is not None and index == 0:
            region["kms_key"] = key
            text.insert_first(at, f"kms_key: {key}")


def _say_version(values: Any, text: Text, base: tuple[str | int, ...], version: int) -> None:
    values[KEY] = version
    text.insert_first(base, f"{KEY}: {version}")


MIGRATIONS: dict[str, dict[int, Callable[[Any, Text, tuple[str | int, ...]], None]]] = {
    "platform": {1: _platform_1},
    "business": {1: _business_1},
}
"""By kind of stack: what brings a file of a version to the next one."""
