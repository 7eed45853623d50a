"""The count models."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.baselines import BigramModel, UnigramModel, perplexity
from trainer.vocabulary import Vocabulary

LINES = ["甲 乙", "甲 丙", "甲 乙"]
WORDS = Vocabulary.count(LINES, 5)
SENTENCES = [WORDS.encode(line) for line in LINES]


def every_pair() -> np.ndarray:
    size = len(WORDS)
    return np.array([[word, before] for before in range(size) for word in range(size)], dtype=np.int32)


@pytest.mark.parametrize("interpolated", [False, True])
def test_after_every_word_the_probabilities_sum_to_one(interpolated: bool) -> None:
    model = BigramModel(SENTENCES, WORDS, 0.01, interpolated=interpolated)
    sums = np.exp(model.log_probabilities(every_pair())).reshape(len(WORDS), len(WORDS)).sum(axis=1)
    assert sums == pytest.approx(np.ones(len(WORDS)))


def test_a_bigram_is_the_smoothed_share_of_the_pair() -> None:
    first, second = WORDS.encode("甲 乙")
    model = BigramModel(SENTENCES, WORDS, 0.01, interpolated=False)
    expected = np.log((2 + 0.01) / (3 + 0.01 * 5))
    assert model.log_probabilities(np.array([[second, first]], dtype=np.int32))[0] == pytest.approx(expected)


def test_unigram_probabilities_sum_to_one() -> None:
    words = np.arange(len(WORDS), dtype=np.int32)[:, np.newaxis]
    assert np.exp(UnigramModel(WORDS, 0.01).log_probabilities(words)).sum() == pytest.approx(1.0)


def test_the_perplexity_of_a_fair_die_is_six() -> None:
    assert perplexity(np.full(100, np.log(1 / 6))) == pytest.approx(6.0)
