"""The network in NumPy: scores of given words, and the distribution of the next word over the whole vocabulary.

What the network computes for a word u and its context's vector c, `beta . (K^T (M_u[u] + c) + b)^2`, multiplies out
into a part of the word, a part of the context, and the product of c with a vector of the word (`gradients`).
The first and the vectors are made once, when the model is loaded; a distribution is then one matrix times one vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids
from trainer.errors import DataError

Matrix = NDArray[np.float32]
LogProbabilities = NDArray[np.float64]

_BLOCK = 2048
"""Words whose products are computed at a time: 512 KiB of 64 dimensions each, which a core's own cache holds."""
_ROWS = 32
"""Contexts that share a block of the table while it is there: 4 MB of scores for 30,000 words."""


@dataclass(frozen=True)
class Weights:
    """The trained arrays, float32. V words, D dimensions, H hidden units.

    `word_table` and `window_table` (V, D) are M_u and M_v; `position_weights` (window, D) are the window's words',
    nearest first; then `hidden_kernel` (D, H) and `hidden_bias` (H,); `output_kernel` (H, 2) and `output_bias` (2,)
    give the logits of "drawn from noise" and of "true". `class_kernel` (K, D): where the network takes class features.
    """

    word_table: Matrix
    window_table: Matrix
    position_weights: Matrix
    hidden_kernel: Matrix
    hidden_bias: Matrix
    output_kernel: Matrix
    output_bias: Matrix
    class_kernel: Matrix | None = None

    def logits(self, context_ids: Ids, classes: Matrix | None = None) -> Matrix:
        """What the Keras model answers: (rows, 1 + window), a word and those before it -> (rows, 2)."""
        combined = self.word_table[context_ids[:, 0]] + self.contexts(context_ids[:, 1:], classes)
        hidden = np.square(combined @ self.hidden_kernel + self.hidden_bias)
        return np.asarray(hidden @ self.output_kernel + self.output_bias, dtype=np.float32)

    def contexts(self, windows: Ids, classes: Matrix | None = None) -> Matrix:
        """The weighted means of the windows' words: (rows, window) -> (rows, D); plus the part of the class features,
        (rows, K), in a network that takes them. Raises DataError if they are missing, or are given to another."""
        found = np.asarray((self.window_table[windows] * self.position_weights).mean(axis=1), dtype=np.float32)
        if self.class_kernel is None and classes is None:
            return found
        if self.class_kernel is None or classes is None:
            raise DataError("a network that takes class features has to be given them, and no other may be")
        return np.asarray(found + classes @ self.class_kernel)


class Scorer:
    """log P(word | words before it), two ways.

    Exact: a softmax over the vocabulary of d(w, c) + log q(w), where d is the difference of the two logits; a pass over
    the whole vocabulary for every position. Estimated: d(w, c) + log(k q(w)), which noise-contrastive estimation makes
    nearly normalised (Mnih & Teh 2012), at the price of a few vector operations.

    Every row is computed by the same operations on the same shapes whatever else is in its batch, so batches change no
    bit of a result.
    """

    def __init__(self, weights: Weights, log_noise: NDArray[np.float64], negative_samples: int) -> None:
        self.vocabulary_size = weights.word_table.shape[0]
        beta = weights.output_kernel[:, 1] - weights.output_kernel[:, 0]
        kernel, bias = weights.hidden_kernel, weights.hidden_bias
        self._matrix = np.asarray((kernel * beta) @ kernel.T, dtype=np.float32)
        self._vector = np.asarray(2.0 * (kernel @ (beta * bias)), dtype=np.float32)
        output_bias = weights.output_bias[1] - weights.output_bias[0]
        self._constant = float(np.sum(beta * bias * bias, dtype=np.float64) + output_bias)
        projected = weights.word_table @ self._matrix
        self._words = np.asarray(2.0 * projected, dtype=np.float32)
        self._word_scores = np.einsum("vd,vd->v", weights.word_table, projected + self._vector)
        self._weights = weights
        self._log_noise = log_noise
        self._fixed_scores = (self._word_scores + log_noise).astype(np.float32)
        self.log_samples = float(np.log(negative_samples))

    def contexts(self, windows: Ids, classes: Matrix | None = None) -> Matrix:
        """The contexts' vectors: windows (rows, window), and class features (rows, K) if the network takes them ->
        (rows, D)."""
        return self._weights.contexts(windows, classes)

    def differences(self, words: Ids, contexts: Matrix) -> LogProbabilities:
        """d(w, c) of each word with its context; shape (rows,)."""
        pairs = (self._words[words] * contexts).sum(axis=1, dtype=np.float64)
        return np.asarray(pairs + self._word_scores[words] + self._context_scores(contexts), dtype=np.float64)

    def estimated(self, words: Ids, contexts: Matrix) -> LogProbabilities:
        """log P(word | context) as the training's objective estimates it, not normalised; shape (rows,)."""
        found = self.differences(words, contexts) + self._log_noise[words] + self.log_samples
        return np.asarray(found, dtype=np.float64)

    def exact(self, words: Ids, contexts: Matrix) -> LogProbabilities:
        """log P(word | context), normalised over the vocabulary; shape (rows,)."""
        found = self.differences(words, contexts) + self._log_noise[words] - self.log_totals(contexts)
        return np.asarray(found, dtype=np.float64)

    def log_totals(self, contexts: Matrix) -> LogProbabilities:
        """log of the sum over the vocabulary of q(w) exp(d(w, c)); shape (rows,)."""
        rows = (total for total, _ in self.totals_and_scores(contexts))
        return np.fromiter(rows, dtype=np.float64, count=len(contexts))

    def distributions(self, contexts: Matrix) -> Iterator[LogProbabilities]:
        """log P(w | context) of every word w, a context at a time; each of shape (V,)."""
        for total, scores in self.totals_and_scores(contexts):
            yield scores.astype(np.float64) - total

    def totals_and_scores(self, contexts: Matrix) -> Iterator[tuple[float, Matrix]]:
        """What `log_totals` gives and d(w, c) + log q(w) of every word, a context at a time; a score less the total is
        log P(w | context)."""
        for scores in self._scores(contexts):
            highest = float(scores.max())
            weights = np.exp(scores - np.float32(highest))
            yield float(np.log(weights.sum(dtype=np.float64))) + highest, scores

    def _scores(self, contexts: Matrix) -> Iterator[Matrix]:
        """d(w, c) + log q(w) of every word, a context at a time; each of shape (V,). A block of the table is used for
        several contexts while it is near the processor; always one context by itself, for its bits not to depend on
        the others."""
        size = self.vocabulary_size
        for first in range(0, len(contexts), _ROWS):
            group = contexts[first : first + _ROWS]
            scores = np.empty((len(group), size), dtype=np.float32)
            for start in range(0, size, _BLOCK):
                block = self._words[start : start + _BLOCK]
                for row, context in enumerate(group):
                    np.dot(block, context, out=scores[row, start : start + _BLOCK])
            scores += self._fixed_scores
            scores += self._context_scores(group).astype(np.float32)[:, np.newaxis]
            yield from scores

    def _context_scores(self, contexts: Matrix) -> LogProbabilities:
        """What a context's score has that is the same for all words; shape (rows,)."""
        projected = np.einsum("rd,de->re", contexts, self._matrix)
        own = ((projected + self._vector) * contexts).sum(axis=1, dtype=np.float64)
        return np.asarray(own + self._constant, dtype=np.float64)
