"""Held-out perplexity of the network, properly normalised, beside the count models' on the very same positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.baselines import BigramModel, LogProbabilities, UnigramModel, perplexity
from trainer.config import ModelSettings
from trainer.examples import windows
from trainer.model import HIDDEN, OUTPUT, WINDOW_TABLE, WORD_TABLE
from trainer.noise import smoothed
from trainer.vocabulary import UNKNOWN_ID, Ids, Vocabulary

Matrix = NDArray[np.float32]
BLOCK_ELEMENTS = 1 << 23
"""Floats of an intermediate array (32 MiB): positions x vocabulary x hidden units at a time."""


@dataclass(frozen=True)
class Scorer:
    """Scores every word of the vocabulary after a window, from the network's weights.

    The network's first layer is a sum, so the hidden layer's input splits into a part of the word and a part of the
    window; each is computed once, not once a pair.
    """

    word_part: Matrix
    window_table: Matrix
    hidden_kernel: Matrix
    hidden_bias: Matrix
    difference: Matrix
    bias: float
    log_noise: NDArray[np.float64]

    @classmethod
    def from_model(cls, model: Any, log_noise: NDArray[np.float64]) -> Scorer:
        kernel, hidden_bias = model.get_layer(HIDDEN).get_weights()
        output, bias = model.get_layer(OUTPUT).get_weights()
        words = model.get_layer(WORD_TABLE).get_weights()[0]
        table = model.get_layer(WINDOW_TABLE).get_weights()[0]
        difference = output[:, 1] - output[:, 0]
        return cls(words @ kernel, table, kernel, hidden_bias, difference, float(bias[1] - bias[0]), log_noise)

    def differences(self, window_ids: Ids) -> Matrix:
        """Logit of "true" minus logit of "noise" for every word after each window; shape (positions, vocabulary)."""
        window_part = self.window_table[window_ids].mean(axis=1) @ self.hidden_kernel + self.hidden_bias
        hidden = self.word_part[np.newaxis] + window_part[:, np.newaxis]
        np.maximum(hidden, 0.0, out=hidden)
        return np.asarray(hidden @ self.difference + self.bias, dtype=np.float32)

    def log_probabilities(self, positions: Ids) -> LogProbabilities:
        """log P(word | window) of each position: softmax over the whole vocabulary of difference + log q."""
        rows = max(1, BLOCK_ELEMENTS // self.word_part.size)
        found = np.empty(len(positions), dtype=np.float64)
        for start in range(0, len(positions), rows):
            block = positions[start : start + rows]
            scores = self.differences(block[:, 1:]).astype(np.float64) + self.log_noise
            highest = scores.max(axis=1)
            total = np.log(np.exp(scores - highest[:, np.newaxis]).sum(axis=1)) + highest
            found[start : start + rows] = scores[np.arange(len(block)), block[:, 0]] - total
        return found


def chosen_positions(sentences: Sequence[Ids], window: int, limit: int) -> Ids:
    """All positions of the held-out text, or `limit` of them at equal distances: the same for every model and run."""
    every = windows(sentences, window)
    if len(every) <= limit:
        return every
    return np.asarray(every[np.linspace(0, len(every) - 1, limit).astype(np.int64)], dtype=np.int32)


def evaluate(
    model: Any, settings: ModelSettings, vocabulary: Vocabulary, train: Sequence[Ids], valid: Sequence[Ids], limit: int
) -> dict[str, Any]:
    """The report that goes into evaluation.json: perplexities and what they were measured on."""
    positions = chosen_positions(valid, settings.window, limit)
    noise = smoothed(vocabulary.counts, settings.smoothing)
    scorer = Scorer.from_model(model, np.log(noise))
    unigram = UnigramModel(vocabulary, settings.smoothing)
    results: dict[str, LogProbabilities] = {
        "network": scorer.log_probabilities(positions),
        "unigram": unigram.log_probabilities(positions),
    }
    for interpolated in (False, True):
        bigram = BigramModel(train, vocabulary, settings.smoothing, interpolated=interpolated)
        results[bigram.name] = bigram.log_probabilities(positions)
    return {
        "perplexity": {name: round(perplexity(values), 3) for name, values in results.items()},
        "standard_error_nats": {
            name: round(float(values.std() / np.sqrt(len(values))), 4) for name, values in results.items()
        },
        "positions": len(positions),
        "held_out_words": int(sum(len(sentence) + 1 for sentence in valid)),
        "training_words": int(sum(len(sentence) + 1 for sentence in train)),
        "vocabulary": len(vocabulary),
        "unknown_share": round(float(np.mean(positions[:, 0] == UNKNOWN_ID)), 4),
    }


def as_markdown(report: dict[str, Any], title: str) -> str:
    """The report for a reader."""
    rows = "\n".join(
        f"| {name} | {value:,.1f} | {np.log(value):.3f} ± {report['standard_error_nats'][name]:.3f} |"
        for name, value in sorted(report["perplexity"].items(), key=lambda item: item[1])
    )
    return f"""# {title}

Held-out perplexity (lower is better), every model over the same {report["vocabulary"]:,} words and the same
{report["positions"]:,} of {report["held_out_words"]:,} held-out words; {report["unknown_share"]:.1%} of them are
unknown and count as one word. Trained on {report["training_words"]:,} words. The network's probabilities are
normalised over the whole vocabulary.

| model | perplexity | nats a word (± standard error) |
|---|---|---|
{rows}
"""
