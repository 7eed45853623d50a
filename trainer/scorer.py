"""The network in NumPy: scores of given words, and the distribution of the next word over the whole vocabulary.

What the network computes for a word u and the words c before it is `relu(K^T (M_u[u] + mean_c M_v[c]) + b) . beta`. The
inside of the relu is a sum, so it splits: `K^T M_u[u]` is a part of the word and `K^T M_v[c] / window` one of each word
before it. Both are folded into tables once, when the model is loaded; a context is then a sum of a few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.vocabulary import Ids

Matrix = NDArray[np.float32]
LogProbabilities = NDArray[np.float64]

_BLOCK = 512
"""Words whose hidden units are computed at a time: 256 KiB of 128 units each, which a core's own cache holds."""
_TILE = 16
"""A context's vector is repeated so often, for NumPy's inner loop to be long: 1.6 times as fast as once."""
_ROWS = 32
"""Contexts that share a block of the table: 4 MB of scores for 30,000 words."""


@dataclass(frozen=True)
class Weights:
    """The trained arrays, float32. V words, D dimensions, H hidden units.

    `word_table` and `window_table` (V, D) are M_u and M_v; then `hidden_kernel` (D, H) and `hidden_bias` (H,);
    `output_kernel` (H, 2) and `output_bias` (2,) give the logits of "drawn from noise" and of "true".
    """

    word_table: Matrix
    window_table: Matrix
    hidden_kernel: Matrix
    hidden_bias: Matrix
    output_kernel: Matrix
    output_bias: Matrix

    def logits(self, context_ids: Ids) -> Matrix:
        """What the Keras model answers: (rows, 1 + window), a word and those before it -> (rows, 2)."""
        combined = self.word_table[context_ids[:, 0]] + self.window_table[context_ids[:, 1:]].mean(axis=1)
        hidden = np.maximum(combined @ self.hidden_kernel + self.hidden_bias, 0.0)
        return np.asarray(hidden @ self.output_kernel + self.output_bias, dtype=np.float32)


class Scorer:
    """log P(word | words before it), two ways.

    Exact: a softmax over the vocabulary of d(w, c) + log q(w), where d is the difference of the two logits; a pass over
    the whole vocabulary for every position. Estimated: d(w, c) + log(k q(w)), which noise-contrastive estimation makes
    nearly normalised (Mnih & Teh 2012), at the price of a few vector operations.

    Every row is computed by the same operations on the same shapes whatever else is in its batch, so batches change no
    bit of a result.
    """

    def __init__(self, weights: Weights, log_noise: NDArray[np.float64], negative_samples: int) -> None:
        size, units = weights.word_table.shape[0], weights.hidden_kernel.shape[1]
        self.vocabulary_size = size
        self._units = units
        padded = -(-size // _BLOCK) * _BLOCK
        self._word_part = np.zeros((padded, units), dtype=np.float32)
        np.matmul(weights.word_table, weights.hidden_kernel, out=self._word_part[:size])
        self._window_part = np.asarray(weights.window_table @ weights.hidden_kernel, dtype=np.float32)
        self._hidden_bias = weights.hidden_bias
        self._beta = np.ascontiguousarray(weights.output_kernel[:, 1] - weights.output_kernel[:, 0])
        self._bias = np.float32(weights.output_bias[1] - weights.output_bias[0])
        self._log_noise = log_noise
        self._log_noise_single = log_noise.astype(np.float32)
        self.log_samples = float(np.log(negative_samples))

    def contexts(self, windows: Ids) -> Matrix:
        """The hidden layer's input but for the word: windows (rows, window) -> (rows, H)."""
        return np.asarray(self._window_part[windows].mean(axis=1) + self._hidden_bias, dtype=np.float32)

    def differences(self, words: Ids, contexts: Matrix) -> LogProbabilities:
        """d(w, c) of each word with its context; shape (rows,)."""
        hidden = np.maximum(self._word_part[words] + contexts, 0.0)
        return np.asarray((hidden * self._beta).sum(axis=1, dtype=np.float64) + self._bias, dtype=np.float64)

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
        """d(w, c) + log q(w) of every word, a context at a time; each of shape (V,).

        relu(a + c) = max(a, -c) + c, whose last term is the same for all words: that leaves two passes over a block of
        the table (a maximum, a product with beta) of the four that it looks like. A block is used for several contexts
        while it is near the processor.
        """
        units = self._units
        buffer = np.empty((_BLOCK // _TILE, _TILE * units), dtype=np.float32)
        rows = buffer.reshape(_BLOCK, units)
        for first in range(0, len(contexts), _ROWS):
            group = contexts[first : first + _ROWS]
            tiled = np.tile(-group, (1, _TILE))
            scores = np.empty((len(group), len(self._word_part)), dtype=np.float32)
            for start in range(0, len(self._word_part), _BLOCK):
                block = self._word_part[start : start + _BLOCK].reshape(_BLOCK // _TILE, _TILE * units)
                for row in range(len(group)):
                    np.maximum(block, tiled[row], out=buffer)
                    np.dot(rows, self._beta, out=scores[row, start : start + _BLOCK])
            for row, context in enumerate(group):
                found = scores[row, : self.vocabulary_size]
                found += np.float32(context @ self._beta + self._bias)
                found += self._log_noise_single
                yield found
