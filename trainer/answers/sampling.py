"""Choosing the next word from a distribution: temperature, then top-k, then top-p, then a seeded draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LogProbabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Sampling:
    """How freely to draw.

    temperature: log-probabilities are divided by it; under 1 likely words gain; 0 always takes the likeliest.
    top_k: only the k likeliest words; 0 for all (Fan et al. 2018).
    top_p: then only the smallest set of likeliest words that together have this probability; 1 for all (Holtzman et al.
        2020, nucleus sampling). The likeliest word is always in it.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def kept(self, log_probabilities: LogProbabilities) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The words that may be drawn, likeliest first (equally likely ones by id), and their probabilities, sum 1."""
        if self.temperature == 0.0:
            return np.array([int(np.argmax(log_probabilities))]), np.ones(1)
        possible = np.flatnonzero(log_probabilities > -np.inf)
        if self.top_k and self.top_k < len(possible):
            least = np.partition(log_probabilities[possible], -self.top_k)[-self.top_k]
            possible = possible[log_probabilities[possible] >= least]
        order = possible[np.argsort(-log_probabilities[possible], kind="stable")]
        if self.top_k:
            order = order[: self.top_k]
        scaled = log_probabilities[order] / self.temperature
        weights = np.exp(scaled - scaled[0])
        probabilities = weights / weights.sum()
        if self.top_p < 1.0:
            size = int(np.searchsorted(np.cumsum(probabilities), self.top_p, side="left")) + 1
            order, probabilities = order[:size], probabilities[:size]
            probabilities = probabilities / probabilities.sum()
        return order, probabilities

    def draw(self, log_probabilities: LogProbabilities, generator: np.random.Generator) -> int:
        """A word's id. The same distribution and generator's state give the same word."""
        words, probabilities = self.kept(log_probabilities)
        place = int(np.searchsorted(np.cumsum(probabilities), generator.random(), side="right"))
        return int(words[min(place, len(words) - 1)])
