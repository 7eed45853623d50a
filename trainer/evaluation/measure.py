"""Every figure of the report: all models over the same words, on the same positions of the test part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import UNKNOWN_ID, Ids
from trainer.mixture.baselines import BigramModel, CooccurrenceModel, LogProbabilities, UnigramModel, perplexity
from trainer.mixture.counts import CooccurrenceCounts
from trainer.mixture.model import MIXTURE, NETWORK, HeldOut, MixtureModel

NEAREST = (1, 5, 10)
"""A word counts as foretold when it is among so many likeliest."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Report = dict[str, Any]


def evaluate(model: MixtureModel, train: Sequence[Ids], test: Sequence[Ids], limit: int) -> Report:
    """The report as it goes into evaluation.json, without what only the publisher knows.

    limit: positions of the test part that are measured, at equal distances; each costs a pass over the vocabulary by
    every part. The model's weights have to be fitted before, on the validation part.
    """
    text = HeldOut.of(model, test, limit)
    words = text.positions[:, 0]
    by_part, ranks = _by_part(model, text)
    results = {**by_part, **_baselines(model, train, text)}
    calibration = _calibration(model, text, by_part[NETWORK])
    return {
        "perplexity": {name: round(perplexity(values), 3) for name, values in results.items()},
        "standard_error_nats": {
            name: round(float(values.std() / np.sqrt(len(values))), 4) for name, values in results.items()
        },
        "positions": len(text.positions),
        "held_out_words": int(sum(len(sentence) + 1 for sentence in test)),
        "training_words": int(sum(len(sentence) + 1 for sentence in train)),
        "vocabulary": len(model.network.vocabulary),
        "unknown_share": round(float(np.mean(words == UNKNOWN_ID)), 4),
        "weights": {
            "parts": model.names,
            "by_words_seen_together": [] if model.weights is None else model.weights.round(4).tolist(),
            "positions": np.bincount(model.ngrams.longest(text.positions), minlength=model.groups).tolist(),
        },
        "next_word_accuracy": {
            name: {str(count): round(float(np.mean(found <= count)), 4) for count in NEAREST}
            for name, found in {**ranks, "most frequent words": _frequency_ranks(model)[words]}.items()
        },
        "calibration": calibration,
    }


def _by_part(model: MixtureModel, text: HeldOut) -> tuple[dict[str, LogProbabilities], dict[str, NDArray[np.int64]]]:
    """log P of each position's word, and its rank among all words (1: the likeliest), by each part and the mixture."""
    names = [*model.names, MIXTURE]
    weights = model.weights_of(text)
    found = np.empty((len(text.positions), len(names)))
    ranks = np.empty(found.shape, dtype=np.int64)
    for place, parts in model.distributions(text):
        word = text.positions[place, 0]
        for column, distribution in enumerate([*parts, weights[place] @ parts]):
            found[place, column] = np.log(distribution[word])
            ranks[place, column] = 1 + np.count_nonzero(distribution > distribution[word])
    columns = range(len(names))
    return (
        {name: found[:, column] for name, column in zip(names, columns, strict=True)},
        {name: ranks[:, column] for name, column in zip(names, columns, strict=True)},
    )


def _baselines(model: MixtureModel, train: Sequence[Ids], text: HeldOut) -> dict[str, LogProbabilities]:
    """The count models that the others have to beat, in the order of what they know."""
    vocabulary, settings = model.network.vocabulary, model.network.settings
    size = len(vocabulary)
    pairs = CooccurrenceCounts.of(train, size, 1)
    models: list[UnigramModel | CooccurrenceModel | BigramModel] = [
        UnigramModel(vocabulary, settings.smoothing),
        CooccurrenceModel(CooccurrenceCounts.of(train, size, settings.window), vocabulary, settings.smoothing),
        *(BigramModel(pairs, vocabulary, settings.smoothing, interpolated=mixed) for mixed in (False, True)),
    ]
    return {baseline.name: baseline.log_probabilities(text.positions) for baseline in models}


def _calibration(model: MixtureModel, text: HeldOut, exact: LogProbabilities) -> dict[str, Any]:
    """How far the network's self-normalised score is from the normalised one: estimated less exact, nats a word."""
    scorer = model.network.scorer()
    difference = scorer.estimated(text.positions[:, 0], model.network_contexts(text)) - exact
    return {
        "mean": round(float(difference.mean()), 4),
        "deviation": round(float(difference.std()), 4),
        "quantiles": {
            str(share): round(float(value), 4)
            for share, value in zip(QUANTILES, np.quantile(difference, QUANTILES), strict=True)
        },
        "correlation_with_exact": round(float(np.corrcoef(difference + exact, exact)[0, 1]), 4),
    }


def _frequency_ranks(model: MixtureModel) -> NDArray[np.int64]:
    """Each word's rank by how often the training text has it: the guess of who doesn't look at the words before."""
    counts = np.asarray(model.network.vocabulary.counts)
    return np.asarray(1 + np.array([np.count_nonzero(counts > count) for count in counts.tolist()]), dtype=np.int64)
