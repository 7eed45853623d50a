"""Objects that name other objects, and what they name: the trainer's data set, checkpoints and models. Pure.

| pointer | names |
|---|---|
| `data/manifest.json` | `shards[].name` with `sha256`, and `vocabulary.json` with `vocabulary_sha256`, in its folder |
| `checkpoints/JOB/RUN/[term-N/]latest.json`, `final.json` | `key`, from the bucket's root, with `sha256` |
| `models/latest.json`, `models/current.json` | `version`: that folder's `manifest.json`, with `manifest_sha256` |
| `models/VERSION/manifest.json` | `files[].name` with `sha256`, in its folder |

Writers write what is named before the pointer, so a pointer that is read is a promise that the rest is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

POINTERS = frozenset({"manifest.json", "latest.json", "final.json", "current.json"})


class Reference(NamedTuple):
    """An object that must be there, and its checksum where the pointer says it."""

    key: str
    sha256: str | None


def is_pointer(key: str) -> bool:
    """By its name alone."""
    return key.rpartition("/")[2] in POINTERS


def references(key: str, data: bytes) -> list[Reference]:
    """What a pointer names. One that is no JSON object, or of another form, names nothing."""
    try:
        value = json.loads(data)
    except ValueError:
        return []
    folder = key.rpartition("/")[0]
    folder = f"{folder}/" if folder else ""
    return list(_references(folder, value)) if isinstance(value, dict) else []


def _references(folder: str, value: Mapping[str, Any]) -> Iterator[Reference]:
    for item in (*_objects(value.get("shards")), *_objects(value.get("files"))):
        if isinstance(item.get("name"), str):
            yield Reference(folder + item["name"], _text(item.get("sha256")))
    if _text(value.get("vocabulary_sha256")):
        yield Reference(f"{folder}vocabulary.json", value["vocabulary_sha256"])
    if _text(value.get("key")) and _text(value.get("sha256")):
        yield Reference(value["key"], value["sha256"])
    if _text(value.get("version")) and _text(value.get("manifest_sha256")):
        yield Reference(f"{folder}{value['version']}/manifest.json", value["manifest_sha256"])


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
