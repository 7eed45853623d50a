"""The count models."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.vocabulary import Vocabulary
from trainer.mixture.baselines import BigramModel, CooccurrenceModel, UnigramModel, perplexity
from trainer.mixture.counts import CooccurrenceCounts

LINES = ["甲 乙", "甲 丙", "甲 乙"]
WORDS = Vocabulary.count(LINES, 5)
SENTENCES = [WORDS.encode(line) for line in LINES]
PAIRS = CooccurrenceCounts.of(SENTENCES, len(WORDS), 1)


def every_pair() -> np.ndarray:
    size = len(WORDS)
    return np.array([[word, before] for before in range(size) for word in range(size)], dtype=np.int32)


@pytest.mark.parametrize("interpolated", [False, True])
def test_after_every_word_the_probabilities_sum_to_one(interpolated: bool) -> None:
    model = BigramModel(PAIRS, WORDS, 0.01, interpolated=interpolated)
    sums = np.exp(model.log_probabilities(every_pair())).reshape(len(WORDS), len(WORDS)).sum(axis=1)
    assert sums == pytest.approx(np.ones(len(WORDS)))


def test_a_bigram_is_the_smoothed_share_of_the_pair() -> None:
    first, second = WORDS.encode("甲 乙")
    model = BigramModel(PAIRS, WORDS, 0.01, interpolated=False)
    expected = np.log((2 + 0.01) / (3 + 0.01 * 5))
    assert model.log_probabilities(np.array([[second, first]], dtype=np.int32))[0] == pytest.approx(expected)


def test_unigram_probabilities_sum_to_one() -> None:
    words = np.arange(len(WORDS), dtype=np.int32)[:, np.newaxis]
    assert np.exp(UnigramModel(WORDS, 0.01).log_probabilities(words)).sum() == pytest.approx(1.0)


def test_the_perplexity_of_a_fair_die_is_six() -> None:
    assert perplexity(np.full(100, np.log(1 / 6))) == pytest.approx(6.0)


def test_after_every_window_the_cooccurrence_model_sums_to_one() -> None:
    size = len(WORDS)
    model = CooccurrenceModel(CooccurrenceCounts.of(SENTENCES, size, 2), WORDS, 0.01)
    windows = [[word, first, second] for first in range(size) for second in range(size) for word in range(size)]
    sums = np.exp(model.log_probabilities(np.array(windows, dtype=np.int32))).reshape(-1, size).sum(axis=1)
    assert sums == pytest.approx(np.ones(size * size))


def test_the_cooccurrence_model_averages_over_the_window() -> None:
    first, second, third = WORDS.encode("甲 乙 丙")
    pairs = CooccurrenceCounts.of([WORDS.encode("甲 乙")], len(WORDS), 2)
    model = CooccurrenceModel(pairs, WORDS, 0.01)
    after_first = (1 + 0.01) / (2 + 0.01 * 5)
    after_third = 0.01 / (0.01 * 5)
    found = model.log_probabilities(np.array([[second, first, third]], dtype=np.int32))[0]
    assert found == pytest.approx(np.log((after_first + after_third) / 2))
