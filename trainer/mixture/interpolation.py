"""What a server answers with: the network, interpolated with the n-grams where a version has them.

The mixture of the registry may hold a hidden Markov model too; that one needs a sentence's every word, and a server
knows a window. So a version has weights for the network and the n-grams alone as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import Ids, Vocabulary
from trainer.errors import DataError
from trainer.mixture.ngrams import NgramModel
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import LogProbabilities, Matrix, Scorer

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class MixedContexts:
    """The network's contexts (rows, H), and the words before (rows, history), nearest first."""

    network: Matrix
    windows: Ids

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: NDArray[np.int64]) -> MixedContexts:
        return MixedContexts(self.network[rows], self.windows[rows])


class MixedScorer:
    """log P(word | words before), as `Scorer` gives it, of the interpolation.

    weights: (groups, 2), of the network and of the n-grams, by how many words before were seen together.
    """

    def __init__(self, network: Scorer, window: int, ngrams: NgramModel, weights: Weights) -> None:
        self.vocabulary_size = network.vocabulary_size
        self._network = network
        self._window = window
        self._ngrams = ngrams
        self._weights = weights

    def contexts(self, windows: Ids) -> MixedContexts:
        """Of windows (rows, history)."""
        return MixedContexts(self._network.contexts(windows[:, : self._window]), windows)

    def estimated(self, words: Ids, contexts: MixedContexts) -> LogProbabilities:
        """The network's part as noise-contrastive estimation has it, not normalised; shape (rows,)."""
        return self._mixed(words, contexts, self._network.estimated(words, contexts.network))

    def exact(self, words: Ids, contexts: MixedContexts) -> LogProbabilities:
        """Normalised over the vocabulary; shape (rows,)."""
        return self._mixed(words, contexts, self._network.exact(words, contexts.network))

    def distributions(self, contexts: MixedContexts) -> Iterator[LogProbabilities]:
        """log P(w | words before) of every word w, a context at a time; each of shape (V,)."""
        if not len(contexts):
            return
        positions = np.concatenate([np.zeros((len(contexts), 1), dtype=np.int32), contexts.windows], axis=1)
        weights = self._weights[self._ngrams.longest(positions)]
        network = self._network.distributions(contexts.network)
        for found, window, (ours, counted) in zip(network, contexts.windows, weights, strict=True):
            yield np.log(ours * np.exp(found) + counted * self._ngrams.distribution(window))

    def _mixed(self, words: Ids, contexts: MixedContexts, network: LogProbabilities) -> LogProbabilities:
        positions = np.concatenate([words[:, np.newaxis], contexts.windows], axis=1)
        counted, seen = self._ngrams.scored(positions)
        weights = self._weights[seen]
        return np.asarray(np.log(weights[:, 0] * np.exp(network) + weights[:, 1] * counted), dtype=np.float64)


class WordScorer(Protocol):
    """Scores words after the words before them: `Scorer` and `MixedScorer`. Each has contexts of its own kind, of which
    an index takes some."""

    def contexts(self, windows: Ids) -> Any: ...

    def estimated(self, words: Ids, contexts: Any) -> LogProbabilities: ...

    def exact(self, words: Ids, contexts: Any) -> LogProbabilities: ...

    def distributions(self, contexts: Any) -> Iterator[LogProbabilities]: ...


class Scoring(Protocol):
    """A model that scores words after the words before them."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def history(self) -> int:
        """Words before that matter."""

    def scorer(self) -> WordScorer: ...


@dataclass(frozen=True)
class ServedModel:
    """A version as a server has it. Without n-grams it is the network."""

    network: NumpyModel
    ngrams: NgramModel | None = None
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if self.network.classes:
            raise DataError(
                f"the network takes {self.network.classes} class features, which need a sentence's every word, and a "
                "server knows a window; train it without"
            )
        if self.ngrams is None:
            return
        if self.ngrams.size != len(self.vocabulary):
            raise DataError(
                f"the n-grams know {self.ngrams.size:,} words, the network {len(self.vocabulary):,}; publish again"
            )
        shape = (self.ngrams.history + 1, 2)
        if self.weights is None or self.weights.shape != shape:
            raise DataError(f"the weights of network and n-grams are not of shape {shape}; publish the model again")

    @property
    def vocabulary(self) -> Vocabulary:
        return self.network.vocabulary

    @property
    def history(self) -> int:
        return max(self.network.history, self.ngrams.history if self.ngrams is not None else 0)

    def scorer(self) -> WordScorer:
        if self.ngrams is None or self.weights is None:
            return self.network.scorer()
        return MixedScorer(self.network.scorer(), self.network.history, self.ngrams, self.weights)
