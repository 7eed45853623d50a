"""The data set in a store: text shards, vocabulary and a manifest with checksums and statistics; reading parts of it.

Layout below the data prefix: train-00000.txt, valid-00000.txt, test-00000.txt and so on (a record is a sentence,
a line, words separated by a space), vocabulary.json, README.md (the data card), and manifest.json, written last: with a
manifest the data set is whole. `trainer.data.dataset_writer` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from trainer.config import Frozen
from trainer.data.partition import Part
from trainer.data.vocabulary import Ids, Vocabulary
from trainer.errors import DataError
from trainer.storage.object_store import ObjectStore, checksum, get_json

SENTENCES_PER_SHARD = 5000
STRIDE = 100
"""The manifest holds the byte where every so many sentences begin, so that a task reads just its part of a shard."""
MANIFEST, VOCABULARY, CARD = "manifest.json", "vocabulary.json", "README.md"


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


class PartStatistics(Frozen):
    """One part's text. Characters are those of its words; a sentence's end counts as no word here."""

    sentences: int
    words: int
    characters: int
    distinct_words: int
    unknown_words: int
    """Running words outside the vocabulary."""
    longest_sentence: int
    """In words."""


class Manifest(Frozen):
    """What the data set holds. `version` changes with any byte of its text and vocabulary, and with nothing else."""

    format: Literal[2] = 2
    version: str
    source: dict[str, Any]
    shards: tuple[Shard, ...]
    statistics: dict[Part, PartStatistics]
    repeated_sentences: Annotated[int, Field(ge=0)]
    """Dropped, as the same sentence (after normalisation) stands in the text already."""
    skipped: dict[str, int]
    """What was left out of the sources, and how often: see `trainer.data.sources`."""
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
        return [line for lines in self.shards_of(part) for line in lines]

    def shards_of(self, part: Part) -> Iterator[list[str]]:
        """A part's sentences, shard by shard, with their checksums verified."""
        for shard in self.manifest.of(part):
            data = self._store.get(self._prefix + shard.name)
            if checksum(data) != shard.sha256:
                raise DataError(f"{self._prefix}{shard.name} does not have the manifest's checksum; upload it again")
            yield data.decode().splitlines()


def read_manifest(store: ObjectStore, prefix: str) -> Manifest:
    """Raises ObjectNotFoundError when no data was uploaded (yet), DataError when the manifest makes no sense."""
    value = get_json(store, prefix + MANIFEST)
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{store.address}{prefix}{MANIFEST}: {place}: {first['msg']}; `python -m trainer prepare` writes it anew"
        ) from error
