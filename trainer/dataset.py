"""The data set in a store: text shards, vocabulary and a manifest with checksums; writing it and reading parts of it.

Layout below the data prefix: train-00000.txt, valid-00000.txt (a sentence a line, words separated by a space),
vocabulary.json, and manifest.json, written last: with a manifest the data set is whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from trainer.config import Frozen
from trainer.corpus import Split
from trainer.errors import DataError, ObjectNotFoundError
from trainer.object_store import ObjectStore, checksum, get_json, put_json
from trainer.vocabulary import Ids, Vocabulary

SENTENCES_PER_SHARD = 5000
STRIDE = 100
"""The manifest holds the byte where every so many sentences begin, so that a task reads just its part of a shard."""
MANIFEST, VOCABULARY = "manifest.json", "vocabulary.json"

Part = Literal["train", "valid"]


class Shard(Frozen):
    """One text file."""

    name: str
    part: Part
    sentences: Annotated[int, Field(ge=1)]
    words: Annotated[int, Field(ge=1)]
    bytes: Annotated[int, Field(ge=1)]
    sha256: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int, int]:
        """Bytes [first, last) that hold sentences [start, end), and how many sentences stand before `start` in them."""
        if not 0 <= start <= end <= self.sentences:
            raise DataError(f"{self.name} has sentences 0 to {self.sentences}; {start} to {end} were asked for")
        following = -(-end // STRIDE)
        last = self.offsets[following] if following < len(self.offsets) else self.bytes
        return self.offsets[start // STRIDE], last, start % STRIDE


class Manifest(Frozen):
    """What the data set holds. `version` changes with any byte of it, and with nothing else."""

    format: Literal[1] = 1
    version: str
    source: dict[str, Any]
    shards: tuple[Shard, ...]
    vocabulary_sha256: str
    vocabulary_size: int

    def of(self, part: Part) -> list[Shard]:
        return [shard for shard in self.shards if shard.part == part]

    def sentences(self, part: Part) -> int:
        return sum(shard.sentences for shard in self.of(part))


class Dataset:
    """Reads a data set; each object is compared with the manifest's checksum when it is read whole."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self.manifest = read_manifest(store, prefix)

    def vocabulary(self, size: int) -> Vocabulary:
        """The most frequent `size` words. Raises DataError if there are fewer: tables would have rows nobody trains."""
        data = self._store.get(self._prefix + VOCABULARY)
        if checksum(data) != self.manifest.vocabulary_sha256:
            raise DataError(f"{self._prefix}{VOCABULARY} does not have the manifest's checksum; upload the data again")
        if size > self.manifest.vocabulary_size:
            raise DataError(
                f"vocabulary_size {size:,} is more than the data's {self.manifest.vocabulary_size:,} words; "
                "lower it, or prepare the data with a larger --vocabulary"
            )
        return Vocabulary.from_json(get_json(self._store, self._prefix + VOCABULARY)).reduced(size)

    def lines(self, name: str, start: int, end: int) -> list[str]:
        """Sentences [start, end) of a shard, by reading no more than their bytes (and up to STRIDE - 1 neighbours)."""
        shard = next((shard for shard in self.manifest.shards if shard.name == name), None)
        if shard is None:
            raise DataError(f"the manifest has no shard {name!r}")
        first, last, skipped = shard.span(start, end)
        text = self._store.get(self._prefix + name, first, last).decode()
        found = text.split("\n")[skipped : skipped + end - start]
        if len(found) != end - start:
            raise DataError(f"{name} has other sentences than its manifest says; upload the data again")
        return found

    def sentences(self, part: Part, vocabulary: Vocabulary) -> list[Ids]:
        """A whole part, encoded, with its checksums verified."""
        return [vocabulary.encode(line) for line in self.lines_of(part)]

    def lines_of(self, part: Part) -> list[str]:
        """A whole part's sentences, with its checksums verified."""
        found: list[str] = []
        for shard in self.manifest.of(part):
            data = self._store.get(self._prefix + shard.name)
            if checksum(data) != shard.sha256:
                raise DataError(f"{self._prefix}{shard.name} does not have the manifest's checksum; upload it again")
            found.extend(data.decode().splitlines())
        return found


def read_manifest(store: ObjectStore, prefix: str) -> Manifest:
    """Raises ObjectNotFoundError when no data was uploaded (yet), DataError when the manifest makes no sense."""
    value = get_json(store, prefix + MANIFEST)
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{store.address}{prefix}{MANIFEST}: {place}: {first['msg']}") from error


def write_dataset(
    store: ObjectStore, prefix: str, found: Split, vocabulary: Vocabulary, source: dict[str, Any]
) -> tuple[Manifest, bool]:
    """Upload a data set, its manifest last. Returns the manifest, and whether anything had to be written.

    The same data is not written twice, and what an older data set had more of is removed at the end.
    """
    vocabulary_data = _json(vocabulary.to_json())
    parts: list[tuple[Part, list[str]]] = [("train", found.train), ("valid", found.valid)]
    contents = [(part, lines, number) for part, all_lines in parts for number, lines in enumerate(_shards(all_lines))]
    shards: list[Shard] = []
    payload: dict[str, bytes] = {VOCABULARY: vocabulary_data}
    for part, lines, number in contents:
        shard, data = _shard(part, number, lines)
        shards.append(shard)
        payload[shard.name] = data
    version = checksum("".join([*(shard.sha256 for shard in shards), checksum(vocabulary_data)]).encode())[:16]
    manifest = Manifest(
        version=version,
        source=source,
        shards=tuple(shards),
        vocabulary_sha256=checksum(vocabulary_data),
        vocabulary_size=len(vocabulary),
    )
    if _is_there(store, prefix, manifest):
        return manifest, False
    for name, data in payload.items():
        store.put(prefix + name, data)
    put_json(store, prefix + MANIFEST, manifest.model_dump(mode="json"))
    kept = {prefix + name for name in (*payload, MANIFEST)}
    for key in store.list(prefix):
        if key not in kept and key.removeprefix(prefix).startswith(("train-", "valid-")):
            store.delete(key)
    return manifest, True


def _is_there(store: ObjectStore, prefix: str, manifest: Manifest) -> bool:
    try:
        return read_manifest(store, prefix) == manifest
    except (ObjectNotFoundError, DataError):
        return False


def _shards(lines: list[str]) -> list[list[str]]:
    return [lines[start : start + SENTENCES_PER_SHARD] for start in range(0, len(lines), SENTENCES_PER_SHARD)]


def _shard(part: Part, number: int, lines: Sequence[str]) -> tuple[Shard, bytes]:
    offsets, position = [], 0
    encoded = [f"{line}\n".encode() for line in lines]
    for index, line in enumerate(encoded):
        if index % STRIDE == 0:
            offsets.append(position)
        position += len(line)
    data = b"".join(encoded)
    shard = Shard(
        name=f"{part}-{number:05d}.txt",
        part=part,
        sentences=len(lines),
        words=sum(line.count(" ") + 1 for line in lines),
        bytes=len(data),
        sha256=checksum(data),
        offsets=tuple(offsets),
    )
    return shard, data


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
