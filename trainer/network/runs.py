"""Sentences -> batches of running text: each word's row is looked up and updated once a batch, not once a window.

A batch's text is a stream: every sentence with the boundary symbols before it that its first windows need and the one
that ends it. Words are numbered within the batch, so that the network's arithmetic needs no more of the tables than the
rows of the words that occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import BOUNDARY_ID, Ids
from trainer.network.noise import NoiseDistribution

Features = NDArray[np.float32]

GROUP = 128
"""Positions that share their noise words. Fewer give more different noise a batch at the same price of the product,
but more rows to look up: 128 with 32 noise words is within 1 % of 256 with 64 in perplexity, at two thirds the cost."""

MULTIPLE = 256
"""Symbols of text are filled up to it with boundaries: a convolution over a length that TensorFlow has not met takes
four times as long as one over a length that it has."""


@dataclass(frozen=True)
class RunBatch:
    """T positions in groups of `GROUP`, S symbols of text, K noise words a group. All arrays but `features` are int32.

    The last positions only fill the last group (at least one does, see `text_places`): they count nothing.
    """

    word_ids: Ids
    """(U,): the different words that are asked about, true or noise, in rising order."""
    words: Ids
    """(T + groups * K,): each position's word and then each group's noise words, as places in `word_ids`."""
    window_ids: Ids
    """(W,): the different words of the text."""
    text: Ids
    """(S,): the text, as places in `window_ids`."""
    window_places: Ids
    """(T,): where in the text each position's window begins: it is the `window` words from there."""
    text_places: Ids
    """(S - window + 1,): for each window of the text the position that it belongs to, or the last one, which fills."""
    positions: Ids
    """(): how many of the T positions count."""
    features: Features | None = None
    """(T, K): what a network with class features is given of each position; zeros where it only fills."""

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All fields in their order; without `features` where there are none."""
        found = (getattr(self, field.name) for field in fields(self))
        return tuple(array for array in found if array is not None)


class Text:
    """Many sentences as one array, so that a batch is cut out of it without a loop over words in Python."""

    def __init__(self, sentences: Sequence[Ids], features: Features | None = None) -> None:
        """`features`: a row for each sentence's words and end, in order (`HiddenMarkovModel.features`)."""
        lengths = [len(sentence) + 1 for sentence in sentences]
        end = np.array([BOUNDARY_ID], dtype=np.int32)
        ended = [part for sentence in sentences for part in (sentence, end)]
        self._set(np.concatenate(ended) if ended else end[:0], np.array(lengths, dtype=np.int64), features)

    def _set(self, ids: Ids, lengths: NDArray[np.int64], features: Features | None) -> None:
        self.ids = ids
        """Every sentence's words and the boundary that ends it."""
        self.features = features
        """(positions, K), or None."""
        self.lengths = lengths
        """Of the sentences, their ends included."""
        self._starts = np.cumsum(lengths) - lengths

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def positions(self) -> int:
        """Words and ends of sentences."""
        return len(self.ids)

    def chosen(self, sentences: NDArray[np.int64]) -> Text:
        """These sentences, in this order."""
        made = Text.__new__(Text)
        lengths = self.lengths[sentences]
        moved = self._starts[sentences] - (np.cumsum(lengths) - lengths)
        rows = np.arange(int(lengths.sum())) + np.repeat(moved, lengths)
        made._set(self.ids[rows], lengths, None if self.features is None else self.features[rows])
        return made

    def stream(self, window: int) -> tuple[Ids, NDArray[np.int64]]:
        """The text with `window` boundary symbols before each sentence, one of which ends the sentence before; and
        where in it each position's word stands, the sentences' ends included."""
        before = np.arange(len(self)) * (window - 1) + window
        places = np.arange(len(self.ids)) + np.repeat(before, self.lengths)
        size = len(self.ids) + len(self) * (window - 1) + window
        symbols = np.full(-(-size // MULTIPLE) * MULTIPLE, BOUNDARY_ID, dtype=np.int32)
        symbols[places] = self.ids
        return symbols, places


class RunMaker:
    """Makes batches. The same text, seed and salt give the same batch, on every worker and every time."""

    def __init__(self, window: int, negative_samples: int, noise: NoiseDistribution, seed: int) -> None:
        """`negative_samples`: K, the noise words that a group shares."""
        self.window = window
        self._negative_samples = negative_samples
        self._noise = noise
        self._seed = seed
        self._number = np.zeros(len(noise.probabilities), dtype=np.int32)

    def batch(self, text: Text, salt: int = 0) -> RunBatch:
        """`salt` makes the noise differ between epochs."""
        window = self.window
        symbols, places = text.stream(window)
        positions = len(places)
        total = (positions // GROUP + 1) * GROUP
        generator = np.random.default_rng([self._seed, salt, positions, int(text.ids.sum(dtype=np.int64))])
        noise = self._noise.draw((total // GROUP * self._negative_samples,), generator)
        asked = np.full(total + len(noise), BOUNDARY_ID, dtype=np.int32)
        asked[:positions] = text.ids
        asked[total:] = noise
        before = np.zeros(total, dtype=np.int32)
        before[:positions] = places - window
        text_places = np.full(len(symbols) - window + 1, total - 1, dtype=np.int32)
        text_places[before[:positions]] = np.arange(positions, dtype=np.int32)
        word_ids, words = self._numbered(asked)
        window_ids, numbered = self._numbered(symbols)
        return RunBatch(
            word_ids=word_ids,
            words=words,
            window_ids=window_ids,
            text=numbered,
            window_places=before,
            text_places=text_places,
            positions=np.array(positions, dtype=np.int32),
            features=None if text.features is None else _filled(text.features, total),
        )

    def batches(self, text: Text, sentences: int, epoch: int) -> Iterator[RunBatch]:
        """An epoch: batches of so many sentences in an order of chance, which depends on the seed and the epoch."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(text))
        for start in range(0, len(order), sentences):
            yield self.batch(text.chosen(order[start : start + sentences]), salt=epoch)

    def in_order(self, text: Text, sentences: int) -> Iterator[RunBatch]:
        """The text once from its begin to its end, with the same noise each time: for measuring."""
        for start in range(0, len(text), sentences):
            yield self.batch(text.chosen(np.arange(start, min(start + sentences, len(text)))))

    def _numbered(self, ids: Ids) -> tuple[Ids, Ids]:
        """The different ids, and each id's place among them. By marks in a table of the vocabulary's size: a tenth of
        what sorting takes."""
        marked = np.zeros(len(self._number), dtype=bool)
        marked[ids] = True
        different = np.flatnonzero(marked).astype(np.int32)
        self._number[different] = np.arange(len(different), dtype=np.int32)
        return different, self._number[ids]


def _filled(features: Features, total: int) -> Features:
    rows = np.zeros((total, features.shape[1]), dtype=np.float32)
    rows[: len(features)] = features
    return rows
