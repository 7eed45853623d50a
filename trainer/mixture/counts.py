"""Windowed co-occurrence counts: how often word w follows word v within `window` words. Counted shard by shard; merging
is addition, so any division of the text into shards and any order give exactly the same counts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids
from trainer.errors import DataError
from trainer.network.examples import windows

Keys = NDArray[np.int64]


@dataclass(frozen=True)
class CooccurrenceCounts:
    """c[v, w], sparse: only pairs that were seen.

    A sentence's end is a word w, and the boundary before its beginning a word v, once for each place of the window that
    reaches over the beginning. keys: v * size + w, sorted, each once. counts: how often.
    """

    size: int
    """Words of the vocabulary."""
    window: int
    keys: Keys
    counts: Keys

    @classmethod
    def of(cls, sentences: Sequence[Ids], size: int, window: int) -> CooccurrenceCounts:
        """Count one shard."""
        positions = windows(sentences, window).astype(np.int64)
        pairs = positions[:, 1:] * size + positions[:, :1]
        keys, counts = np.unique(pairs, return_counts=True)
        return cls(size, window, keys, counts.astype(np.int64))

    @classmethod
    def merged(cls, shards: Iterable[CooccurrenceCounts], size: int, window: int) -> CooccurrenceCounts:
        """All shards' counts."""
        return reduce(cls.__add__, shards, cls.of([], size, window))

    def __add__(self, other: CooccurrenceCounts) -> CooccurrenceCounts:
        """Raises DataError if they count other things."""
        if (self.size, self.window) != (other.size, other.window):
            raise DataError(
                f"counts over {self.size} words and window {self.window} can't be merged with counts over {other.size} "
                f"words and window {other.window}; count both with the same vocabulary and window"
            )
        keys, places = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        counts = np.zeros(len(keys), dtype=np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return CooccurrenceCounts(self.size, self.window, keys, counts)

    @cached_property
    def before(self) -> Keys:
        """c[v, .]: pairs that begin with v; shape (V,)."""
        return np.bincount(self.keys // self.size, self.counts, minlength=self.size).astype(np.int64)

    def of_pairs(self, before: Ids, word: Ids) -> Keys:
        """c[v, w] of given pairs; the shape of what was given."""
        key = np.asarray(before, dtype=np.int64) * self.size + word
        if not len(self.keys):
            return np.zeros(key.shape, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[place] == key, self.counts[place], 0)

    def to_bytes(self) -> bytes:
        """An uncompressed .npz; the same counts give the same bytes."""
        target = io.BytesIO()
        np.savez(target, keys=self.keys, counts=self.counts, shape=np.array([self.size, self.window]))
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> CooccurrenceCounts:
        """Raises DataError if the file is cut or of another kind."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as members:
                size, window = (int(value) for value in members["shape"])
                found = cls(size, window, members["keys"].astype(np.int64), members["counts"].astype(np.int64))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"not co-occurrence counts: {' '.join(str(error).split())[:200]}") from error
        if len(found.keys) != len(found.counts) or (np.diff(found.keys) <= 0).any() or (found.counts < 1).any():
            raise DataError("co-occurrence counts whose pairs are out of order or counted less than once; count again")
        return found
