"""One loaded model with all that its answers need: words, probabilities, sentence vectors, what a text is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.corpus import NUMBER
from trainer.data.segmentation import Segmenter
from trainer.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID, Ids
from trainer.mixture.interpolation import ServedModel, WordScorer
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import LogProbabilities

Vector = NDArray[np.float32]
SMOOTH_INVERSE_FREQUENCY = 1e-3
"""a in a / (a + P(w)), a word's weight in its sentence's vector (Arora et al. 2017, their default)."""
_LEAST_NORM = 1e-9
_NO_WORDS = np.empty(0, dtype=np.int32)
FEW_WORDS = 10
"""A cache of so many different words weighs half of what was asked for: two words are no subject yet."""
_WRITTEN = str.maketrans(",?!:;()", "，？！：；（）")
"""Marks as Chinese text has them; the training text's are normalised to the narrow forms."""


@dataclass(frozen=True)
class Cache:
    """The words of what was said before, as a distribution: a word that was said is likelier to be said again.

    Linear interpolation with the network, (1 - weight) P(w | c) + weight P_cache(w), keeps probabilities normalised
    (Kuhn & De Mori 1990). Frequent words count less in it, by their smooth inverse frequency.
    """

    words: Ids
    probabilities: NDArray[np.float64]
    weight: float

    def mixed(self, words: Ids, log_probabilities: LogProbabilities) -> LogProbabilities:
        """log of the mixture, for given words with the network's log-probabilities; shape (rows,)."""
        if not self.weight:
            return log_probabilities
        place = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        said = np.where(self.words[place] == words, self.probabilities[place], 0.0)
        mixed = (1.0 - self.weight) * np.exp(log_probabilities) + self.weight * said
        return np.asarray(np.log(mixed), dtype=np.float64)

    def mixed_distribution(self, log_probabilities: LogProbabilities) -> LogProbabilities:
        """log of the mixture for every word; shape (V,)."""
        if not self.weight:
            return log_probabilities
        probabilities = (1.0 - self.weight) * np.exp(log_probabilities)
        probabilities[self.words] += self.weight * self.probabilities
        return np.asarray(np.log(probabilities), dtype=np.float64)


class LanguageModel:
    """A version of the model, ready to answer; immutable, so requests can hold on to it while another is loaded."""

    def __init__(self, version: str, served: ServedModel | NumpyModel) -> None:
        model = served.network if isinstance(served, ServedModel) else served
        self.version = version
        self.history = served.history
        self.vocabulary = model.vocabulary
        self.settings = model.settings
        self.scorer: WordScorer = served.scorer()
        self.segmenter = Segmenter(model.vocabulary)
        noise = model.noise
        self._weights = (SMOOTH_INVERSE_FREQUENCY / (SMOOTH_INVERSE_FREQUENCY + noise)).astype(np.float32)
        self._weights[[UNKNOWN_ID, BOUNDARY_ID]] = 0.0
        # Centred on the mean word, so that what all sentences share does not make them alike.
        mean = noise.astype(np.float32) @ model.weights.word_table
        self._vectors = np.asarray(model.weights.word_table - mean, dtype=np.float32)
        number = model.vocabulary.encode(NUMBER)
        self._edge = np.full(self.history, BOUNDARY_ID, dtype=np.int32)
        self._offsets = np.arange(self.history, -1, -1)
        self.unsayable = np.unique(np.concatenate([[UNKNOWN_ID], number]))
        """Symbols that stand for many words and so can't be written: left out of what is generated."""

    def encode(self, words: Sequence[str]) -> Ids:
        """Ids of words."""
        return self.vocabulary.encode(" ".join(words))

    def positions(self, sentences: Sequence[Ids]) -> Ids:
        """Every word of the sentences and each one's end, with the words before; shape (words + ends, 1 + history)."""
        return np.concatenate([self._positions(sentence) for sentence in sentences])

    def _positions(self, sentence: Ids) -> Ids:
        """As `trainer.network.examples.windows` makes them; for a few sentences this is ten times as fast."""
        padded = np.concatenate([self._edge, sentence, self._edge[:1]])
        places = np.arange(len(sentence) + 1)[:, np.newaxis] + self._offsets
        return np.asarray(padded[places], dtype=np.int32)

    def vector(self, words: Ids) -> Vector:
        """A text's direction: the weighted mean of its words' vectors, of length 1; zeros if it has no known word."""
        return _unit(self._sum(words))

    def cache(self, turns: Sequence[Ids], weight: float) -> Cache:
        """What was said in these turns; each counts half of the one after it. Few known words weigh less."""
        words, places = np.unique(np.concatenate(turns), return_inverse=True) if turns else (_NO_WORDS, _NO_WORDS)
        ages = np.repeat(np.arange(len(turns))[::-1], [len(turn) for turn in turns])
        counts = np.asarray(np.bincount(places, 0.5**ages, len(words)), dtype=np.float64)
        return self._cache(words, counts, weight)

    def rest(self, sentences: Sequence[Ids], weight: float) -> list[tuple[Cache, Vector]]:
        """For each of a document's sentences what the others say: their words, and their direction."""
        words, places = np.unique(np.concatenate(sentences), return_inverse=True)
        counts = np.bincount(places, minlength=len(words)).astype(np.float64)
        ends = np.cumsum([len(sentence) for sentence in sentences])
        own = np.split(places, ends[:-1])
        sums = np.stack([self._sum(sentence) for sentence in sentences])
        whole = sums.sum(axis=0)
        return [
            (self._cache(words, counts - np.bincount(place, minlength=len(words)), weight), _unit(whole - part))
            for place, part in zip(own, sums, strict=True)
        ]

    def _cache(self, words: Ids, counts: NDArray[np.float64], weight: float) -> Cache:
        values = counts * self._weights[words]
        words, values = words[values > 0.0], values[values > 0.0]
        if not len(words):
            return Cache(np.zeros(1, dtype=np.int32), np.zeros(1), 0.0)
        return Cache(words, values / values.sum(), weight * len(words) / (len(words) + FEW_WORDS))

    def _sum(self, words: Ids) -> Vector:
        return np.asarray((self._weights[words][:, np.newaxis] * self._vectors[words]).sum(axis=0), dtype=np.float32)

    def text(self, words: Sequence[str]) -> str:
        """Words as a text: joined, with a space between two that are written in Latin letters or digits."""
        joined = ""
        for word in words:
            if joined and joined[-1].isascii() and joined[-1].isalnum() and word[0].isascii() and word[0].isalnum():
                joined += " "
            joined += word
        return joined.translate(_WRITTEN)


def _unit(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm if norm > _LEAST_NORM else np.zeros_like(vector), dtype=np.float32)
