"""Which of two models is better on held-out text, over whatever vocabularies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.unit.trainer.models import WORDS, numpy_model
from trainer.data.vocabulary import Vocabulary
from trainer.network.numpy_form import NAMES, NumpyModel
from trainer.registry.promotion import CHARACTERS, compare, sentence_costs

LINES = ["我 喜欢 苹果 。", "他 吃 苹果 。", "今天 天气 很 好 !", "龘靐 大学 。"]


def unigram(counts: dict[str, int]) -> NumpyModel:
    """A model whose network says nothing: it is its noise distribution exactly."""
    model = numpy_model()
    silent = {name: np.zeros_like(getattr(model.weights, name)) for name in NAMES}
    vocabulary = model.vocabulary
    changed = (*vocabulary.counts[:2], *(counts.get(word, 1) for word in vocabulary.words[2:]))
    weights = dataclasses.replace(model.weights, **silent)
    return NumpyModel(weights, Vocabulary(vocabulary.words, changed), model.settings)


def test_the_model_that_expects_the_text_is_better() -> None:
    knowing, ignorant = unigram(dict.fromkeys(("苹果", "。", "天气", "吃"), 60)), unigram({"银行": 200})
    found = compare(knowing, ignorant, LINES, 1000)
    assert found.is_better
    assert found.sentences == len(LINES)
    assert "better on 4 held-out sentences" in str(found)
    assert not compare(ignorant, knowing, LINES, 1000).is_better


def test_equal_models_are_no_promotion() -> None:
    found = compare(numpy_model(), numpy_model(), LINES, 1000)
    assert (found.is_better, found.standard_error) == (False, 0.0)


def test_a_word_outside_the_vocabulary_pays_for_its_characters() -> None:
    known, spelt = sentence_costs(unigram({}), ["龘 大学 。", "龘靐 大学 。"])
    assert spelt - known == pytest.approx(np.log(CHARACTERS))


def test_knowing_fewer_words_makes_no_model_look_better() -> None:
    """With perplexity it does: all that is unknown counts as one easy word."""
    whole = unigram({})
    few = WORDS[-5:]
    vocabulary = Vocabulary((*whole.vocabulary.words[:2], *few), (500, 50, *([1] * 5)))
    rows = len(vocabulary)
    weights = dataclasses.replace(
        whole.weights, word_table=whole.weights.word_table[:rows], window_table=whole.weights.window_table[:rows]
    )
    small = NumpyModel(weights, vocabulary, whole.settings)
    assert not compare(small, whole, LINES, 1000).is_better


def test_a_limit_takes_sentences_at_equal_distances() -> None:
    assert compare(numpy_model(), numpy_model(1), LINES * 50, 100).sentences < 200
