"""The noise of noise-contrastive estimation: the smoothed unigram distribution of the training text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]


def smoothed(counts: NDArray[np.int64] | tuple[int, ...], smoothing: float) -> Probabilities:
    """Additive smoothing (Lidstone): every word counts `smoothing` times more, so that none is impossible."""
    values = np.asarray(counts, dtype=np.float64) + smoothing
    return np.asarray(values / values.sum(), dtype=np.float64)


class NoiseDistribution:
    """Draws words independently with probabilities q, two table look-ups a word (Walker's alias method)."""

    def __init__(self, probabilities: Probabilities) -> None:
        self.probabilities = probabilities
        self.log_probabilities = np.log(probabilities)
        self._keep, self._alias = _alias_tables(probabilities)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.int32]:
        """Words' ids in the given shape."""
        column = generator.integers(0, len(self._keep), size=shape, dtype=np.int32)
        keep = generator.random(size=shape, dtype=np.float32) < self._keep[column]
        return np.where(keep, column, self._alias[column])


def _alias_tables(probabilities: Probabilities) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Each column holds its own word with probability `keep` and otherwise one other: Vose's construction."""
    size = len(probabilities)
    scaled = probabilities * size
    keep = np.ones(size, dtype=np.float64)
    alias = np.arange(size, dtype=np.int32)
    small = [int(index) for index in np.flatnonzero(scaled < 1.0)]
    large = [int(index) for index in np.flatnonzero(scaled >= 1.0)]
    while small and large:
        low, high = small.pop(), large[-1]
        keep[low], alias[low] = scaled[low], high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            small.append(large.pop())
    return keep.astype(np.float32), alias
