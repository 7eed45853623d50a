"""Writes a data set: shards, vocabulary, data card, and the manifest last. No more than a shard is held in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from trainer.data import dataset
from trainer.data.data_card import data_card
from trainer.data.dataset import CARD, MANIFEST, STRIDE, VOCABULARY, Manifest, PartStatistics, Shard, read_manifest
from trainer.data.partition import PARTS, Part
from trainer.data.vocabulary import Vocabulary
from trainer.errors import DataError, ObjectNotFoundError
from trainer.storage.object_store import ObjectStore, checksum, put_json


class Parts(Protocol):
    """Text in parts: a `Split` in memory or a `Spool` on disk."""

    @property
    def repeated(self) -> int: ...

    def lines(self, part: Part) -> Iterable[str]: ...


def write_dataset(
    store: ObjectStore,
    prefix: str,
    found: Parts,
    vocabulary: Vocabulary,
    source: dict[str, Any],
    skipped: dict[str, int] | None = None,
) -> tuple[Manifest, bool]:
    """Upload a data set, its manifest last. Returns the manifest, and whether anything had to be written.

    The same data is not written twice, and what an older data set had more of is removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="data-set-") as directory:
        folder = Path(directory)
        shards: list[Shard] = []
        statistics: dict[Part, PartStatistics] = {}
        for part in PARTS:
            counted = _Statistics(vocabulary)
            for number, lines in enumerate(_batches(counted.seen(found.lines(part)))):
                shard, data = _shard(part, number, lines)
                (folder / shard.name).write_bytes(data)
                shards.append(shard)
            statistics[part] = counted.found()
        vocabulary_data = (json.dumps(vocabulary.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        (folder / VOCABULARY).write_bytes(vocabulary_data)
        sums = [*(shard.sha256 for shard in shards), checksum(vocabulary_data)]
        manifest = Manifest(
            version=checksum("".join(sums).encode())[:16],
            source=source,
            shards=tuple(shards),
            statistics=statistics,
            repeated_sentences=found.repeated,
            skipped=skipped or {},
            vocabulary_sha256=checksum(vocabulary_data),
            vocabulary_size=len(vocabulary),
        )
        if _is_there(store, prefix, manifest):
            return manifest, False
        (folder / CARD).write_text(data_card(manifest), encoding="utf-8")
        written = sorted(path.name for path in folder.iterdir())
        for file in written:
            store.upload(prefix + file, folder / file)
    put_json(store, prefix + MANIFEST, manifest.model_dump(mode="json"))
    beginnings = tuple(f"{part}-" for part in PARTS)
    for key in store.list(prefix):
        if (old := key.removeprefix(prefix)).startswith(beginnings) and old not in written:
            store.delete(key)
    return manifest, True


def _is_there(store: ObjectStore, prefix: str, manifest: Manifest) -> bool:
    try:
        return read_manifest(store, prefix) == manifest
    except (ObjectNotFoundError, DataError):
        return False


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(lines)
    while batch := list(islice(remaining, dataset.SENTENCES_PER_SHARD)):
        yield batch


def _shard(part: Part, number: int, lines: list[str]) -> tuple[Shard, bytes]:
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


class _Statistics:
    """Counts what passes by."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._known = frozenset(vocabulary.words[2:])
        self._distinct: set[str] = set()
        self._sentences = self._words = self._characters = self._unknown = self._longest = 0

    def seen(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            words = line.split()
            self._sentences += 1
            self._words += len(words)
            self._characters += sum(map(len, words))
            self._unknown += sum(word not in self._known for word in words)
            self._longest = max(self._longest, len(words))
            self._distinct.update(words)
            yield line

    def found(self) -> PartStatistics:
        return PartStatistics(
            sentences=self._sentences,
            words=self._words,
            characters=self._characters,
            distinct_words=len(self._distinct),
            unknown_words=self._unknown,
            longest_sentence=self._longest,
        )
