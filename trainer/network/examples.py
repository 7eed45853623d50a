"""Sentences -> examples of the two-way question: did this word come after this window, or was it drawn from noise?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import BOUNDARY_ID, Ids
from trainer.network.noise import NoiseDistribution

PADDING_LABEL = -1
"""The label of rows that only fill a batch up to a round size; the loss and the metrics leave them out."""


@dataclass(frozen=True)
class Batch:
    """`context_ids` of shape (rows, 1 + window): a word, then the words before it, nearest first; and its label."""

    context_ids: Ids
    labels: NDArray[np.int32]


def windows(sentences: Sequence[Ids], window: int) -> Ids:
    """Every position of every sentence, its end included, with the words to its left; shape (positions, 1 + window).

    Left context only: the chain rule P(S) = prod P(w_i | w_<i) knows nothing of the words to come. Before the first
    word stand boundary symbols, and a window never reaches into another sentence.
    """
    if not sentences:
        return np.empty((0, 1 + window), dtype=np.int32)
    edge = np.full(window, BOUNDARY_ID, dtype=np.int32)
    end = np.full(1, BOUNDARY_ID, dtype=np.int32)
    flat = np.concatenate([part for sentence in sentences for part in (edge, sentence, end)])
    views = np.lib.stride_tricks.sliding_window_view(flat, 1 + window)
    lengths = np.fromiter((len(sentence) + 1 for sentence in sentences), dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths + window)[:-1]])
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.ascontiguousarray(views[np.repeat(starts, lengths) + within][:, ::-1])


class ExampleMaker:
    """Turns sentences into batches. The same sentences and seed give the same batch, on every worker and every time."""

    def __init__(self, window: int, negative_samples: int, noise: NoiseDistribution, seed: int, round_to: int) -> None:
        """`round_to`: positions are filled up to a multiple of it, so that TensorFlow meets few different shapes."""
        self.window = window
        self._negative_samples = negative_samples
        self._noise = noise
        self._seed = seed
        self._round_to = round_to

    def batch(self, sentences: Sequence[Ids], salt: int = 0) -> Batch:
        """Each position once as it is (label 1) and `negative_samples` times with a noise word in its place (label 0).

        `salt` makes the noise differ between epochs.
        """
        true = windows(sentences, self.window)
        positions = len(true)
        content = int(true.astype(np.int64).sum()) if positions else 0
        generator = np.random.default_rng([self._seed, salt, positions, content])
        noise = np.repeat(true, self._negative_samples, axis=0)
        noise[:, 0] = self._noise.draw((len(noise),), generator)
        rows = np.concatenate([true, noise])
        labels = np.zeros(len(rows), dtype=np.int32)
        labels[:positions] = 1
        missing = -positions % self._round_to
        if missing:
            padding = missing * (1 + self._negative_samples)
            rows = np.concatenate([rows, np.full((padding, rows.shape[1]), BOUNDARY_ID, dtype=np.int32)])
            labels = np.concatenate([labels, np.full(padding, PADDING_LABEL, dtype=np.int32)])
        return Batch(rows, labels)
