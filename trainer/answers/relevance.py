"""How well a text answers or stands for another: by the model (what was said makes it likelier) and by embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.answers.language_model import Cache, Vector
from trainer.data.vocabulary import Ids
from trainer.network.scorer import LogProbabilities

SIMILARITY_WEIGHT = 0.3
"""Of the cosine beside the gain in nats a word; chosen on the corpus: docs/model.md."""
CACHE_WEIGHT = 0.1
"""Of the cache in the mixture; lowers the perplexity of a sentence, given the one before it, by about a sixth."""


@dataclass(frozen=True)
class Relevance:
    """gain: mean over the words of log P(w | before, said) - log P(w | before), nats; what the words' being said before
    adds (pointwise mutual information of the text and what was said; Li et al. 2016). similarity: cosine of the two
    texts' vectors, -1 to 1. score: gain + weight * similarity."""

    gain: float
    similarity: float
    score: float


def relevance(
    words: Ids, log_probabilities: LogProbabilities, cache: Cache, vectors: tuple[Vector, Vector], weight: float
) -> Relevance:
    """Of one text, from its positions' words and the network's log-probabilities of them."""
    gain = float((cache.mixed(words, log_probabilities) - log_probabilities).mean()) if len(words) else 0.0
    similarity = float(np.clip(vectors[0] @ vectors[1], -1.0, 1.0))
    return Relevance(gain, similarity, gain + weight * similarity)


def summary(scores: Sequence[float], vectors: NDArray[np.float32], count: int, diversity: float) -> list[int]:
    """Places of the chosen sentences, best first: each step takes the sentence of highest score less `diversity` times
    its greatest similarity with one already taken (maximal marginal relevance; Carbonell & Goldstein 1998).

    scores: one a sentence, any scale (they are brought to 0..1). vectors: (sentences, D), of length 1.
    """
    values = np.asarray(scores, dtype=np.float64)
    spread = float(np.ptp(values)) if len(values) else 0.0
    values = (values - values.min()) / spread if spread else np.ones_like(values)
    nearest = np.zeros(len(values))
    chosen: list[int] = []
    for _ in range(min(count, len(values))):
        marginal = (1.0 - diversity) * values - diversity * nearest
        marginal[chosen] = -np.inf
        best = int(np.argmax(marginal))
        chosen.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return chosen
