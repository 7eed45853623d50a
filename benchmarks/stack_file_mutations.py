"""Stack files made wrong, and made otherwise but right: each key in type, range and spelling, and keys against keys.

Made from the stack files' own JSON Schema, so a new key is mutated without being named here.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.stack_file_rules import ACROSS, Values

KeyPath = tuple[str | int, ...]
FREE = (
    "bandwidth_megabits", "disk_gibibytes", "incomplete_upload_days", "epochs", "evaluation_steps", "minibatch_size",
    "records_per_task", "evaluation_positions", "l2_penalty",
)  # fmt: skip
"""Keys that no rule ties to another: any value within the schema's limits is right."""


@dataclass(frozen=True)
class Mutation:
    """A stack file's values, changed. `path` is the key that must be named; empty where several may be.

    Of a misspelt key that must be there, the right name (`meant`) may be named instead: as missing.
    """

    kind: str
    path: KeyPath
    values: Values
    note: str
    meant: KeyPath = ()


class Schema:
    """The JSON Schema of stack files, walked beside the values of one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """A node without its references and without the alternative `null`."""
        while True:
            if "$ref" in node:
                node = {**self._document["definitions"][node["$ref"].rsplit("/", 1)[-1]]}
            elif "anyOf" in node:
                node = next(item for item in node["anyOf"] if item.get("type") != "null")
            else:
                return node

    def keys(
        self, values: Any, node: Mapping[str, Any] | None = None, path: KeyPath = ()
    ) -> Iterator[tuple[KeyPath, Any]]:
        """Every key of a mapping that the file has or could have, with its schema."""
        node = self.resolve(self._document if node is None else node)
        if isinstance(values, dict):
            for name, child in node.get("properties", {}).items():
                if name in ("encryptionsalt", "encryptedkey", "secretsprovider", "environment"):
                    continue  # Pulumi's own
                if len(path) > 1 or name in values:
                    yield (*path, name), self.resolve(child)
                if name in values:
                    yield from self.keys(values[name], child, (*path, name))
        elif isinstance(values, list) and "items" in node:
            for index, item in enumerate(values):
                yield from self.keys(item, node["items"], (*path, index))


def bad(schema: Schema, values: Values, generator: random.Random) -> Iterator[Mutation]:
    """Without end: wrong files, each made wrong in one way."""
    keys = [(path, node) for path, node in schema.keys(values) if len(path) > 1]
    across = [function for function in ACROSS if function(copy.deepcopy(values)) is not None]
    while True:
        path, node = generator.choice(keys)
        kind = generator.choice(("type", "range", "spelling", "across"))
        if kind == "type":
            wrong = generator.choice(_wrong_types(node))
            yield Mutation(kind, path, replaced(values, path, wrong), f"{path[-1]} = {wrong!r}")
        elif kind == "range":
            outside = list(_out_of_range(node))
            if outside:
                wrong = generator.choice(outside)
                yield Mutation(kind, path, replaced(values, path, wrong), f"{path[-1]} = {str(wrong)[:40]!r}")
        elif kind == "spelling" and has(values, path):
            name = _misspelt(str(path[-1]), generator)
            changed = replaced(values, path, None)
            holder = at(changed, path[:-1])
            holder[name] = holder.pop(path[-1])
            yield Mutation(kind, (*path[:-1], name), changed, f"{path[-1]} written {name}", path)
        elif kind == "across" and across:
            function = generator.choice(across)
            yield Mutation(
                kind, (), function(copy.deepcopy(values)) or {}, function.__name__.strip("_").replace("_", " ")
            )


def good(schema: Schema, values: Values, generator: random.Random) -> Iterator[Mutation]:
    """Without end: files that say something else, or the same otherwise, and are right."""
    keys = [(path, node) for path, node in schema.keys(values) if len(path) > 1]
    defaults = [(path, node["default"]) for path, node in keys if _plain_default(node) and not has(values, path)]
    free = [(path, node) for path, node in keys if path[-1] in FREE]
    mappings = [path[:-1] for path, _ in keys]
    while True:
        kind = generator.choice(("default", "free", "order"))
        if kind == "default" and defaults:
            path, default = generator.choice(defaults)
            yield Mutation("default said", path, replaced(values, path, default), f"{path[-1]} = {default!r}")
        elif kind == "free" and free:
            path, node = generator.choice(free)
            value = _within(node, generator)
            yield Mutation("within limits", path, replaced(values, path, value), f"{path[-1]} = {value!r}")
        elif kind == "order":
            changed = copy.deepcopy(values)
            path = generator.choice(mappings)
            holder = at(changed, path)
            names = list(holder)
            generator.shuffle(names)
            shuffled = {name: holder[name] for name in names}
            holder.clear()
            holder.update(shuffled)
            yield Mutation("other order", path, changed, ".".join(map(str, path)))


# ---- values


def has(values: Any, path: KeyPath) -> bool:
    """Whether the file has the key."""
    return path[-1] in at(values, path[:-1])


def at(values: Any, path: KeyPath) -> Any:
    """The value at a path."""
    for part in path:
        values = values[part]
    return values


def replaced(values: Values, path: KeyPath, value: Any) -> Values:
    """A copy with one value replaced; None keeps the value, for a change of its key."""
    changed = copy.deepcopy(values)
    holder = at(changed, path[:-1])
    holder[path[-1]] = copy.deepcopy(value) if value is not None else holder[path[-1]]
    return changed


def _wrong_types(node: Mapping[str, Any]) -> list[Any]:
    by_type: dict[str, list[Any]] = {
        "string": [["a"], {"a": 1}, True, 1.5],
        "integer": ["three", "3", 1.5, [1], {"a": 1}, True],
        "number": ["much", [1.0], {"a": 1}, True],
        "boolean": ["yes please", 3, ["true"], {"a": 1}],
        "array": ["one", 3, {"a": 1}, True],
        "object": ["text", 3, ["a"], True],
    }
    return by_type[str(node.get("type", "string"))]


def _out_of_range(node: Mapping[str, Any]) -> Iterator[Any]:
    if "minimum" in node:
        yield node["minimum"] - 1
    if "maximum" in node:
        yield node["maximum"] + 1
    if "exclusiveMinimum" in node:
        yield node["exclusiveMinimum"]
    if "exclusiveMaximum" in node:
        yield node["exclusiveMaximum"]
    if "enum" in node:
        yield "nonesuch"
    if node.get("format") == "ipv4network":
        yield from ("300.1.2.3/8", "10.0.0.1/8", "10.0.0.0/33", "everything")
    if "pattern" in node:
        yield from (text for text in ("", "Upper_Case!", "-", "a b", "ä/:") if not re.search(node["pattern"], text))
    if "maxLength" in node:
        yield "a" * (int(node["maxLength"]) + 1)
    if node.get("minItems", 0) > 0:
        yield []


def _misspelt(name: str, generator: random.Random) -> str:
    """A name with a letter twice, missing, or changed for its neighbour: never the name itself."""
    place = generator.randrange(len(name))
    spoilt = generator.choice(
        (
            name[:place] + name[place] + name[place:],
            name[:place] + name[place + 1 :],
            name[:place] + "x" + name[place + 1 :],
            name.replace("_", "-"),
            name.upper(),
        )
    )
    return spoilt if spoilt != name and spoilt else f"{name}s"


def _plain_default(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get("default"), str | int | float | bool)


def _within(node: Mapping[str, Any], generator: random.Random) -> Any:
    least = node.get("minimum", node.get("exclusiveMinimum", 0))
    most = min(node.get("maximum", least + 100), 10_000)
    if node["type"] == "integer":
        return generator.randint(int(least), int(most))
    return round(generator.uniform(float(least) + 1e-3, float(most)), 4)
