"""Count models that the others are measured against, on the same words and the same positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids, Vocabulary
from trainer.mixture.counts import CooccurrenceCounts
from trainer.network.noise import smoothed

LogProbabilities = NDArray[np.float64]


class UnigramModel:
    """P(w) with additive smoothing: how often the training text has the word, whatever came before."""

    name = "unigram"

    def __init__(self, vocabulary: Vocabulary, smoothing: float) -> None:
        self.probabilities = smoothed(vocabulary.counts, smoothing)

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """Of each position's word (column 0)."""
        return np.asarray(np.log(self.probabilities[positions[:, 0]]), dtype=np.float64)


class CooccurrenceModel:
    """P(w | window): the mean over the window's words v of the share of w among what follows v within the window.

    Additive smoothing (Lidstone): each pair counts `smoothing` more, so that none is impossible. It knows what the
    network knows, and counts where the network learns.
    """

    name = "co-occurrence"

    def __init__(self, counts: CooccurrenceCounts, vocabulary: Vocabulary, smoothing: float) -> None:
        self._counts = counts
        self._smoothing = smoothing
        self._size = len(vocabulary)

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """Of each position's word (column 0) after the window (the columns after it)."""
        before = positions[:, 1 : 1 + self._counts.window]
        pair = self._counts.of_pairs(before, positions[:, :1]) + self._smoothing
        shares = pair / (self._counts.before[before] + self._smoothing * self._size)
        return np.asarray(np.log(shares.mean(axis=1)), dtype=np.float64)


class BigramModel:
    """P(w | v) for the word v before: counted pairs, plus `smoothing` times the vocabulary's size of imagined ones.

    The imagined pairs are spread evenly (additive smoothing, Lidstone) or, interpolated, as the unigram model has them;
    either way the probabilities of all words sum to 1 after every v.
    """

    def __init__(
        self, counts: CooccurrenceCounts, vocabulary: Vocabulary, smoothing: float, *, interpolated: bool
    ) -> None:
        """`counts`: of the window 1."""
        self.name = "bigram, interpolated" if interpolated else "bigram"
        size = len(vocabulary)
        self._counts = counts
        self._imagined = smoothing * size
        self._prior = smoothed(vocabulary.counts, smoothing) if interpolated else np.full(size, 1.0 / size)

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """Of each position's word (column 0) after the word before it (column 1)."""
        word, before = positions[:, 0], positions[:, 1]
        pair = self._counts.of_pairs(before, word) + self._imagined * self._prior[word]
        return np.asarray(np.log(pair / (self._counts.before[before] + self._imagined)), dtype=np.float64)


def perplexity(log_probabilities: LogProbabilities) -> float:
    """exp of the mean surprise: the number of equally likely words that would be as hard to guess."""
    return float(np.exp(-np.mean(log_probabilities)))
