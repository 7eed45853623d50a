"""What changed between two versions of an object's inputs, as paths that the engine can show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.pulumi.kubernetes.immutable import Path, matches
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret

_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")


@dataclass(frozen=True)
class Change:
    """One property that was added, deleted or updated."""

    path: Path
    kind: Literal["add", "delete", "update"]

    def __str__(self) -> str:
        return show(self.path)


def changes(old: Any, new: Any, path: Path = ()) -> Iterator[Change]:
    """All differences, at the deepest property each; an unknown new value counts as an update."""
    old, new = _open(old), _open(new)
    if new is UNKNOWN or old is UNKNOWN:
        yield Change(path, "update")
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _member(old, new, key, (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            here = (*path, index)
            if index >= len(old):
                yield Change(here, "add")
            elif index >= len(new):
                yield Change(here, "delete")
            else:
                yield from changes(old[index], new[index], here)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(path, "update")


def _member(old: dict[str, Any], new: dict[str, Any], key: str, path: Path) -> Iterator[Change]:
    before, after = old.get(key), new.get(key)
    if before is None and after is None:
        return
    if before is None:
        yield Change(path, "add")
    elif after is None:
        yield Change(path, "delete")
    else:
        yield from changes(before, after, path)


def _open(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def replacing(found: Sequence[Change], patterns: Sequence[str]) -> list[Change]:
    """The changes that touch a field which can only be set at creation."""
    return [change for change in found if any(matches(change.path, pattern) for pattern in patterns)]


def show(path: Path) -> str:
    """A path as Pulumi writes it: `spec.template.spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse(text: str) -> Path:
    """The path of a text that Pulumi wrote, as in ignoreChanges; the reverse of `show`."""
    parts: list[str | int] = []
    for quoted, index, plain in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', text):
        if index:
            parts.append(int(index))
        else:
            parts.append(quoted.replace('\\"', '"').replace("\\\\", "\\") if quoted else plain)
    return tuple(parts)
