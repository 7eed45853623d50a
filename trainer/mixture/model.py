"""The network, the n-grams and the hidden Markov model as one model: linear interpolation.

    P(w | h) = sum_m weight_m(g(h)) P_m(w | h)

g(h) is how many of the words before were seen together in the training text (0 to the n-grams' order less one): the
more, the more the n-grams know. As g depends on the words before only, all words' probabilities sum to 1. The weights
are those that make the validation part likeliest; expectation maximisation finds them, for the problem is concave
(Jelinek & Mercer 1980). A prior of one position for each part keeps weights above 0 where a group has little text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids
from trainer.errors import DataError
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.interpolation import ServedModel
from trainer.mixture.ngrams import NgramModel
from trainer.network.examples import windows
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import Matrix

Values = NDArray[np.float64]
NETWORK, NGRAMS, HIDDEN_MARKOV, MIXTURE = "network", "n-grams", "hidden Markov model", "mixture"
ITERATIONS = 200
_ENOUGH = 1e-10
_AT_ONCE = 32
"""Positions whose distributions are in memory at a time."""


def fit_weights(log_probabilities: Values, groups: NDArray[np.int64], count: int) -> Values:
    """Weights by group, (count, parts), each row summing to 1.

    log_probabilities: of each position's word by each part, (positions, parts). groups: each position's, under `count`.
    A group without a position gets equal weights.
    """
    positions, parts = log_probabilities.shape
    # A row's common factor changes no weight, and this one keeps the exponentials from underflow.
    probabilities = np.exp(log_probabilities - log_probabilities.max(axis=1, keepdims=True))
    weights = np.full((count, parts), 1.0 / parts)
    sizes = np.bincount(groups, minlength=count)[:, np.newaxis]
    members = [groups == group for group in range(count)]
    for _ in range(ITERATIONS if positions else 0):
        shares = weights[groups] * probabilities
        shares /= shares.sum(axis=1, keepdims=True)
        summed = np.stack([shares[member].sum(axis=0) for member in members])
        before, weights = weights, (summed + 1.0) / (sizes + parts)
        if np.abs(weights - before).max() < _ENOUGH:
            break
    return weights


def mixed(log_probabilities: Values, weights: Values) -> Values:
    """log of the weighted sum. Shapes (positions, parts), (positions, parts) -> (positions,)."""
    highest = log_probabilities.max(axis=1, keepdims=True)
    return np.asarray(np.log((weights * np.exp(log_probabilities - highest)).sum(axis=1)) + highest[:, 0])


@dataclass(frozen=True)
class HeldOut:
    """Positions of held-out text, each with what every part needs to know of the words before it.

    positions: as `windows` makes them, wide enough for all parts. classes: P(z | words before) of the hidden Markov
    model, (positions, K); None without one.
    """

    positions: Ids
    classes: NDArray[np.float32] | None

    @classmethod
    def of(cls, model: MixtureModel, sentences: Sequence[Ids], limit: int) -> HeldOut:
        """All positions, or `limit` of them at equal distances: the same ones for every model."""
        every = windows(sentences, model.history)
        count = len(every)
        chosen = np.arange(count) if count <= limit else np.linspace(0, count - 1, limit).astype(np.int64)
        hidden = model.hidden_markov
        return cls(every[chosen], None if hidden is None else hidden.features(sentences)[chosen])


@dataclass(frozen=True)
class MixtureModel:
    """The parts and their weights; without weights yet, the parts only."""

    network: NumpyModel
    ngrams: NgramModel
    hidden_markov: HiddenMarkovModel | None = None
    weights: Values | None = None
    """(groups, parts), in the order of `names`."""
    served_weights: Values | None = None
    """(groups, 2): of network and n-grams alone, which is what a server mixes."""

    def __post_init__(self) -> None:
        size = len(self.network.vocabulary)
        sizes = {NETWORK: size, NGRAMS: self.ngrams.size}
        if self.hidden_markov is not None:
            sizes[HIDDEN_MARKOV] = self.hidden_markov.size
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {words:,}" for name, words in sizes.items())
            raise DataError(
                f"the parts of a mixture know different numbers of words ({told}); train them on one data set"
            )
        given = 0 if self.hidden_markov is None else self.hidden_markov.classes
        if self.network.classes not in (0, given):
            raise DataError(
                f"the network takes {self.network.classes} class features, the hidden Markov model gives {given}"
            )
        if self.weights is not None and self.weights.shape != (self.groups, len(self.names)):
            raise DataError(
                f"a mixture of {len(self.names)} parts and n-grams of order {self.groups} has weights of shape "
                f"{self.weights.shape}; fit them again"
            )

    @property
    def names(self) -> list[str]:
        """Of the parts."""
        return [NETWORK, NGRAMS, *([HIDDEN_MARKOV] if self.hidden_markov is not None else [])]

    @property
    def groups(self) -> int:
        return self.ngrams.history + 1

    @property
    def history(self) -> int:
        """Words before that a position has to hold."""
        return max(self.network.history, self.ngrams.history)

    def network_contexts(self, text: HeldOut, rows: slice = slice(None)) -> Matrix:
        """The network's vectors of some positions' contexts, (rows, D), for its scorer."""
        windows = text.positions[rows, 1 : 1 + self.network.history]
        classes = text.classes[rows] if self.network.classes and text.classes is not None else None
        return self.network.weights.contexts(windows, classes)

    def distributions(self, text: HeldOut) -> Iterator[tuple[int, Values]]:
        """P(w | words before) of every word by every part: the position's place in the text, and (parts, V)."""
        scorer = self.network.scorer()
        for first in range(0, len(text.positions), _AT_ONCE):
            positions = text.positions[first : first + _AT_ONCE]
            by_network = scorer.distributions(self.network_contexts(text, slice(first, first + _AT_ONCE)))
            by_class = None
            if self.hidden_markov is not None and text.classes is not None:
                by_class = text.classes[first : first + _AT_ONCE].astype(np.float64) @ self.hidden_markov.emission
            for row, log_network in enumerate(by_network):
                parts = [np.exp(log_network), self.ngrams.distribution(positions[row, 1:])]
                if by_class is not None:
                    parts.append(by_class[row])
                yield first + row, np.stack(parts)

    def log_probabilities(self, text: HeldOut) -> Values:
        """log P of each position's word by each part; shape (positions, parts)."""
        scorer = self.network.scorer()
        words = text.positions[:, 0]
        found = [scorer.exact(words, self.network_contexts(text)), self.ngrams.log_probabilities(text.positions)]
        if self.hidden_markov is not None and text.classes is not None:
            emitted = self.hidden_markov.emission.T[words]
            found.append(np.log((text.classes.astype(np.float64) * emitted).sum(axis=1)))
        return np.stack(found, axis=1)

    def weights_of(self, text: HeldOut) -> Values:
        """The weights at each position, (positions, parts). Raises DataError before they were fitted."""
        if self.weights is None:
            raise DataError("the mixture's weights were not fitted yet")
        return np.asarray(self.weights[self.ngrams.longest(text.positions)])

    def mixed(self, text: HeldOut) -> Values:
        """log P of each position's word by the mixture; shape (positions,)."""
        return mixed(self.log_probabilities(text), self.weights_of(text))

    @property
    def served(self) -> ServedModel:
        """What a server has of it."""
        return ServedModel(self.network, self.ngrams, self.served_weights)

    def fitted(self, text: HeldOut) -> MixtureModel:
        """The same parts with the weights that are best on this text: the validation part's."""
        groups = self.ngrams.longest(text.positions)
        values = self.log_probabilities(text)
        weights, served = (fit_weights(part, groups, self.groups) for part in (values, values[:, :2]))
        return MixtureModel(self.network, self.ngrams, self.hidden_markov, weights, served)
