"""Count models that the network is measured against, on the same words and the same positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.examples import windows
from trainer.noise import smoothed
from trainer.vocabulary import Ids, Vocabulary

LogProbabilities = NDArray[np.float64]


class UnigramModel:
    """P(w) with additive smoothing: how often the training text has the word, whatever came before."""

    name = "unigram"

    def __init__(self, vocabulary: Vocabulary, smoothing: float) -> None:
        self.probabilities = smoothed(vocabulary.counts, smoothing)

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """Of each position's word (column 0)."""
        return np.asarray(np.log(self.probabilities[positions[:, 0]]), dtype=np.float64)


class BigramModel:
    """P(w | v) for the word v before: counted pairs, plus `smoothing` times the vocabulary's size of imagined ones.

    The imagined pairs are spread evenly (additive smoothing, Lidstone) or, interpolated, as the unigram model has them;
    either way the probabilities of all words sum to 1 after every v.
    """

    def __init__(
        self, sentences: Sequence[Ids], vocabulary: Vocabulary, smoothing: float, *, interpolated: bool
    ) -> None:
        self.name = "bigram, interpolated" if interpolated else "bigram"
        self._size = len(vocabulary)
        pairs = windows(sentences, 1).astype(np.int64)
        keys, counts = np.unique(pairs[:, 1] * self._size + pairs[:, 0], return_counts=True)
        self._keys, self._counts = keys, counts
        self._before = np.bincount(pairs[:, 1], minlength=self._size)
        self._imagined = smoothing * self._size
        even = np.full(self._size, 1.0 / self._size)
        self._prior = smoothed(vocabulary.counts, smoothing) if interpolated else even

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """Of each position's word (column 0) after the word before it (column 1)."""
        word, before = positions[:, 0].astype(np.int64), positions[:, 1].astype(np.int64)
        key = before * self._size + word
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        pair = np.where(self._keys[place] == key, self._counts[place], 0)
        return np.asarray(
            np.log((pair + self._imagined * self._prior[word]) / (self._before[before] + self._imagined)),
            dtype=np.float64,
        )


def perplexity(log_probabilities: LogProbabilities) -> float:
    """exp of the mean surprise: the number of equally likely words that would be as hard to guess."""
    return float(np.exp(-np.mean(log_probabilities)))
