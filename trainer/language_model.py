"""One loaded model with all that its answers need: words, probabilities, sentence vectors, what a text is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.corpus import NUMBER
from trainer.numpy_form import NumpyModel
from trainer.scorer import LogProbabilities
from trainer.segmentation import Segmenter
from trainer.vocabulary import BOUNDARY_ID, UNKNOWN_ID, Ids

Vector = NDArray[np.float32]
SMOOTH_INVERSE_FREQUENCY = 1e-3
"""a in a / (a + P(w)), a word's weight in its sentence's vector (Arora et al. 2017, their default)."""
_LEAST_NORM = 1e-9
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

    def __init__(self, version: str, model: NumpyModel) -> None:
        self.version = version
        self.vocabulary = model.vocabulary
        self.settings = model.settings
        self.scorer = model.scorer()
        self.segmenter = Segmenter(model.vocabulary)
        noise = model.noise
        self._weights = (SMOOTH_INVERSE_FREQUENCY / (SMOOTH_INVERSE_FREQUENCY + noise)).astype(np.float32)
        self._weights[[UNKNOWN_ID, BOUNDARY_ID]] = 0.0
        # Centred on the mean word, so that what all sentences share does not make them alike.
        mean = noise.astype(np.float32) @ model.weights.word_table
        self._vectors = np.asarray(model.weights.word_table - mean, dtype=np.float32)
        number = model.vocabulary.encode(NUMBER)
        window = model.settings.window
        self._edge = np.full(window, BOUNDARY_ID, dtype=np.int32)
        self._offsets = np.arange(window, -1, -1)
        self.unsayable = np.unique(np.concatenate([[UNKNOWN_ID], number]))
        """Symbols that stand for many words and so can't be written: left out of what is generated."""

    def encode(self, words: Sequence[str]) -> Ids:
        """Ids of words."""
        return self.vocabulary.encode(" ".join(words))

    def positions(self, sentences: Sequence[Ids]) -> Ids:
        """Every word of the sentences and each one's end, with the words before; shape (words + ends, 1 + window)."""
        return np.concatenate([self._positions(sentence) for sentence in sentences])

    def _positions(self, sentence: Ids) -> Ids:
        """As `trainer.examples.windows` makes them; for a few sentences this is ten times as fast."""
        padded = np.concatenate([self._edge, sentence, self._edge[:1]])
        places = np.arange(len(sentence) + 1)[:, np.newaxis] + self._offsets
        return np.asarray(padded[places], dtype=np.int32)

    def vector(self, words: Ids) -> Vector:
        """A text's direction: the weighted mean of its words' vectors, of length 1; zeros if it has no known word."""
        total = (self._weights[words][:, np.newaxis] * self._vectors[words]).sum(axis=0)
        norm = float(np.linalg.norm(total))
        return np.asarray(total / norm if norm > _LEAST_NORM else np.zeros_like(total), dtype=np.float32)

    def cache(self, turns: Sequence[Ids], weight: float) -> Cache:
        """What was said in these turns; each counts half of the one after it. Few known words weigh less."""
        totals: dict[int, float] = {}
        for age, turn in enumerate(reversed(turns)):
            for word in turn.tolist():
                totals[word] = totals.get(word, 0.0) + float(self._weights[word]) * 0.5**age
        known = sorted(word for word, value in totals.items() if value > 0.0)
        if not known:
            return Cache(np.zeros(1, dtype=np.int32), np.zeros(1), 0.0)
        values = np.array([totals[word] for word in known])
        shrunk = weight * len(known) / (len(known) + FEW_WORDS)
        return Cache(np.array(known, dtype=np.int32), values / values.sum(), shrunk)

    def text(self, words: Sequence[str]) -> str:
        """Words as a text: joined, with a space between two that are written in Latin letters or digits."""
        joined = ""
        for word in words:
            if joined and joined[-1].isascii() and joined[-1].isalnum() and word[0].isascii() and word[0].isalnum():
                joined += " "
            joined += word
        return joined.translate(_WRITTEN)
