"""Positions, sentence vectors and the cache: the chain rule holds and mixtures stay normalised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.models import WORDS, language_model
from trainer.data.vocabulary import BOUNDARY_ID
from trainer.network.examples import windows

MODEL = language_model()
sentences = st.lists(st.sampled_from([*WORDS, "龘"]), min_size=1, max_size=12)


@given(sentences, sentences, st.floats(0.0, 0.9))
def test_the_mixture_with_a_cache_is_a_distribution_and_agrees_word_by_word(
    said: list[str], sentence: list[str], weight: float
) -> None:
    cache = MODEL.cache([MODEL.encode(said)], weight)
    positions = MODEL.positions([MODEL.encode(sentence)])
    contexts = MODEL.scorer.contexts(positions[:, 1:])
    exact = cache.mixed(positions[:, 0], MODEL.scorer.exact(positions[:, 0], contexts))
    for row, found in enumerate(MODEL.scorer.distributions(contexts)):
        mixed = cache.mixed_distribution(found)
        assert np.exp(mixed).sum() == pytest.approx(1.0, abs=1e-6)
        assert exact[row] == pytest.approx(mixed[positions[row, 0]], abs=1e-5)


@given(st.lists(sentences, min_size=1, max_size=5))
def test_the_chain_rule_of_several_sentences_is_the_sum_of_each(given_words: list[list[str]]) -> None:
    encoded = [MODEL.encode(words) for words in given_words]

    def total(parts: list[np.ndarray]) -> float:
        positions = MODEL.positions(parts)
        return float(MODEL.scorer.exact(positions[:, 0], MODEL.scorer.contexts(positions[:, 1:])).sum())

    assert np.array_equal(MODEL.positions(encoded), windows(encoded, MODEL.settings.window))
    assert total(encoded) == pytest.approx(sum(total([one]) for one in encoded))
    assert len(MODEL.positions(encoded)) == sum(len(words) + 1 for words in given_words)


def test_all_sentences_of_a_small_language_have_probability_one_together() -> None:
    """The words' ends included, a model of sentences is a distribution over them: what is left is in longer ones."""
    contexts = MODEL.scorer.contexts(np.array([[BOUNDARY_ID] * 3], dtype=np.int32))
    first = np.exp(next(MODEL.scorer.distributions(contexts)))
    windows = np.array([[word, BOUNDARY_ID, BOUNDARY_ID] for word in range(len(first))], dtype=np.int32)
    second = np.exp(np.stack(list(MODEL.scorer.distributions(MODEL.scorer.contexts(windows)))))
    begun = np.arange(len(first)) != BOUNDARY_ID
    at_most_one_word = first[BOUNDARY_ID] + (first[begun] * second[begun, BOUNDARY_ID]).sum()
    longer = (first[begun, None] * np.delete(second[begun], BOUNDARY_ID, axis=1)).sum()
    assert at_most_one_word + longer == pytest.approx(1.0, abs=1e-6)


def test_later_turns_weigh_twice_and_symbols_weigh_nothing() -> None:
    earlier, later = MODEL.encode(["北京"]), MODEL.encode(["银行", "龘"])
    cache, reversed_cache = MODEL.cache([earlier, later], 0.1), MODEL.cache([later, earlier], 0.1)
    assert cache.words.tolist() == sorted([earlier[0], later[0]])
    ratio, reversed_ratio = (found.probabilities[1] / found.probabilities[0] for found in (cache, reversed_cache))
    assert ratio / reversed_ratio == pytest.approx(4.0)
    assert MODEL.cache([MODEL.encode(["龘"])], 0.5).weight == 0.0


def test_a_cache_of_few_words_weighs_less_than_asked_for() -> None:
    weights = [MODEL.cache([MODEL.encode(WORDS[:count])], 0.5).weight for count in (1, 10, 20)]
    assert weights == pytest.approx([0.5 / 11, 0.25, 0.5 * 20 / 30])


def test_the_rest_of_a_document_is_all_but_the_sentence_itself() -> None:
    sentences = [MODEL.encode(text.split()) for text in ("北京 大学", "我 吃 苹果", "北京 银行")]
    for place, (cache, direction) in enumerate(MODEL.rest(sentences, 0.1)):
        others = np.concatenate([ids for other, ids in enumerate(sentences) if other != place])
        expected = MODEL.cache([others], 0.1)
        assert cache.words.tolist() == expected.words.tolist()
        assert cache.probabilities == pytest.approx(expected.probabilities)
        assert (cache.weight, direction) == (expected.weight, pytest.approx(MODEL.vector(others), abs=1e-5))


def test_vectors_have_length_one_or_none_without_known_words() -> None:
    vector = MODEL.vector(MODEL.encode(["我", "喜欢"]))
    assert np.linalg.norm(vector) == pytest.approx(1.0)
    assert not MODEL.vector(MODEL.encode(["龘"])).any()


def test_words_are_joined_as_they_are_written() -> None:
    assert MODEL.text(["我", ",", "用", "open", "source", "软件", "2", "年", "!"]) == "我，用open source软件2年！"
