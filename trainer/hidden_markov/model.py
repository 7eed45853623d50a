"""The model's three tables, in NumPy: what it says of sentences, and its classes as features."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids
from trainer.errors import DataError
from trainer.hidden_markov.streams import Block, blocks

Probabilities = NDArray[np.float64]
_NAMES = ("initial", "transition", "emission")
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class HiddenMarkovModel:
    """K word classes over V words. A sentence is its words and its end, which the model emits like a word.

    initial (K,): the class of a sentence's first word. transition (K, K): row by row, the next class. emission (K, V):
    row by row, the class's words. Each row sums to 1. float64.
    """

    initial: Probabilities
    transition: Probabilities
    emission: Probabilities

    @property
    def classes(self) -> int:
        return len(self.initial)

    @property
    def size(self) -> int:
        """Words of the vocabulary."""
        return int(self.emission.shape[1])

    @classmethod
    def start(cls, counts: Sequence[int], classes: int, seed: int) -> HiddenMarkovModel:
        """Where training begins: each class emits words as often as the text has them, times a random factor, as equal
        classes would stay equal for ever. The factors are mostly near 0, so that classes differ much from the first:
        from even ones, EM takes ten iterations more to find anything (measured)."""
        draw = np.random.default_rng(seed)
        factors = draw.gamma(0.1, 1.0, (classes, len(counts))) + 1e-3
        return cls(
            _rows(draw.gamma(5.0, 1.0, classes)[np.newaxis])[0],
            _rows(draw.gamma(0.3, 1.0, (classes, classes)) + 1e-3),
            _rows((np.asarray(counts, dtype=np.float64) + 0.1) * factors),
        )

    def log_probabilities(self, sentences: Sequence[Ids]) -> Probabilities:
        """log P(w_i | w_<i) of each sentence's words and its end, in order; shape (positions,)."""
        found = np.empty(sum(len(sentence) + 1 for sentence in sentences))
        for block, step, _, _, scale in self._forward(sentences):
            real = block.places[step] >= 0
            found[block.places[step][real]] = scale[real]
        with np.errstate(divide="ignore"):  # a word that no class emits: probability 0
            return np.asarray(np.log(found), dtype=np.float64)

    def features(self, sentences: Sequence[Ids]) -> NDArray[np.float32]:
        """P(z_i | w_<i): which class the next word will be of, before it is seen. Shape (positions, K), in the order of
        the sentences' words and ends: what a network can take beside its window, for it sums up the whole sentence."""
        found = np.empty((sum(len(sentence) + 1 for sentence in sentences), self.classes), dtype=np.float32)
        for block, step, predicted, _, _ in self._forward(sentences):
            real = block.places[step] >= 0
            found[block.places[step][real]] = predicted[real]
        return found

    def word_classes(self) -> NDArray[np.int64]:
        """Each word's most probable class by itself, argmax_z P(w | z) P(z) with P(z) as in a long text; (V,)."""
        return np.asarray(np.argmax(self.emission * self.stationary()[:, np.newaxis], axis=0))

    def stationary(self) -> Probabilities:
        """How often each class comes up in the long run, (K,): the distribution that the transitions leave as it is."""
        system = np.vstack([self.transition.T - np.eye(self.classes), np.ones(self.classes)])
        found = np.linalg.lstsq(system, np.append(np.zeros(self.classes), 1.0), rcond=None)[0]
        return np.asarray(np.maximum(found, 0.0) / np.maximum(found, 0.0).sum())

    def predicted(self, before: Ids) -> Probabilities:
        """P(z_i | the words before in their sentence, first word first); shape (K,)."""
        state = self.initial
        for word in before.tolist():
            joint = state * self.emission[:, word]
            state = (joint / joint.sum()) @ self.transition
        return state

    def _forward(
        self, sentences: Sequence[Ids]
    ) -> Iterator[tuple[Block, int, Probabilities, Probabilities, Probabilities]]:
        """Step by step: the block and step, P(z | words before), P(z | words so far), P(word | words before)."""
        by_word = np.ascontiguousarray(self.emission.T)
        for block in blocks(sentences):
            filtered = np.zeros((block.words.shape[1], self.classes))
            for step in range(len(block.words)):
                begins = block.begins[step][:, np.newaxis]
                predicted = np.where(begins, self.initial, filtered @ self.transition)
                joint = predicted * by_word[block.words[step]]
                scale = joint.sum(axis=1)
                filtered = joint / np.maximum(scale, np.finfo(np.float64).tiny)[:, np.newaxis]
                yield block, step, predicted, filtered, scale

    def to_bytes(self) -> bytes:
        """An uncompressed .npz of the three tables; the same model gives the same bytes."""
        target = io.BytesIO()
        np.savez(target, **{name: getattr(self, name) for name in _NAMES})
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> HiddenMarkovModel:
        """Raises DataError if the file is cut, of another kind, or its tables are no distributions of one model."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as members:
                found = cls(*(members[name].astype(np.float64) for name in _NAMES))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"not a hidden Markov model: {' '.join(str(error).split())[:200]}") from error
        found.require_distributions()
        return found

    def require_distributions(self) -> None:
        """Raises DataError if shapes don't fit or a row is no distribution (NaN included)."""
        size = self.classes
        if self.transition.shape != (size, size) or self.emission.ndim != 2 or len(self.emission) != size:
            raise DataError(f"tables of {size} classes have shapes {self.transition.shape} and {self.emission.shape}")
        for name in _NAMES:
            rows = np.atleast_2d(getattr(self, name))
            if not ((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) < _SUM_TOLERANCE).all()):
                raise DataError(f"{name} of a hidden Markov model holds a row that is no distribution; train again")


def _rows(values: Probabilities) -> Probabilities:
    return np.asarray(values / values.sum(axis=1, keepdims=True))
