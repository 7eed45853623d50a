"""Held-out perplexity of the network, properly normalised, beside the count models' on the very same positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.baselines import BigramModel, LogProbabilities, UnigramModel, perplexity
from trainer.examples import windows
from trainer.numpy_form import NumpyModel
from trainer.vocabulary import UNKNOWN_ID, Ids


def chosen_positions(sentences: Sequence[Ids], window: int, limit: int) -> Ids:
    """All positions of the held-out text, or `limit` of them at equal distances: the same for every model and run."""
    every = windows(sentences, window)
    if len(every) <= limit:
        return every
    return np.asarray(every[np.linspace(0, len(every) - 1, limit).astype(np.int64)], dtype=np.int32)


def log_probabilities(model: NumpyModel, positions: Ids) -> LogProbabilities:
    """log P(word | window) of each position, normalised over the whole vocabulary; shape (positions,)."""
    scorer = model.scorer()
    return scorer.exact(positions[:, 0], scorer.contexts(positions[:, 1:]))


def evaluate(model: NumpyModel, train: Sequence[Ids], valid: Sequence[Ids], limit: int) -> dict[str, Any]:
    """The report that goes into evaluation.json: perplexities and what they were measured on."""
    settings, vocabulary = model.settings, model.vocabulary
    positions = chosen_positions(valid, settings.window, limit)
    unigram = UnigramModel(vocabulary, settings.smoothing)
    results: dict[str, LogProbabilities] = {
        "network": log_probabilities(model, positions),
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
