"""Baum-Welch beside its definition. `python -m benchmarks.hidden_markov` holds it against hmmlearn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.vocabulary import BOUNDARY_ID
from trainer.errors import DataError
from trainer.hidden_markov.expectation import Expected, expected_counts, expected_counts_by_gradient
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.hidden_markov.streams import Block, blocks
from trainer.hidden_markov.training import climbed, difference, expected, fit, logit_gradients, maximised

SIZE, CLASSES = 6, 3
STEPS, STREAMS = 8, 2
"""Few shapes in all tests: each is compiled once."""
MODELS = st.integers(0, 10_000).map(lambda seed: HiddenMarkovModel.start([5, 9, 8, 7, 3, 1], CLASSES, seed))
SENTENCES = st.lists(
    st.lists(st.integers(0, SIZE - 1).filter(lambda word: word != BOUNDARY_ID), max_size=5).map(
        lambda words: np.array(words, dtype=np.int32)
    ),
    min_size=1,
    max_size=6,
)


def packed(sentences: list[np.ndarray]) -> list[Block]:
    return list(blocks(sentences, STEPS, STREAMS))


FEW = settings(max_examples=8)


def by_enumeration(model: HiddenMarkovModel, sentences: list[np.ndarray]) -> Expected:
    """Every path of classes by itself."""
    found = Expected.none(model)
    for sentence in sentences:
        words = [*sentence.tolist(), BOUNDARY_ID]
        paths = []
        for path in itertools.product(range(CLASSES), repeat=len(words)):
            probability = model.initial[path[0]] * np.prod(model.emission[list(path), words])
            paths.append((path, probability * np.prod(model.transition[list(path[:-1]), list(path[1:])])))
        total = sum(probability for _, probability in paths)
        found.log_likelihood += float(np.log(total))
        for path, probability in paths:
            found.initial[path[0]] += probability / total
            for before, after in itertools.pairwise(path):
                found.transition[before, after] += probability / total
            for state, word in zip(path, words, strict=True):
                found.emission[state, word] += probability / total
    return found


def in_log_space(model: HiddenMarkovModel, sentence: np.ndarray) -> float:
    """The forward recursion with logarithms alone."""
    words = [*sentence.tolist(), BOUNDARY_ID]
    state = np.log(model.initial) + np.log(model.emission[:, words[0]])
    for word in words[1:]:
        state = np.logaddexp.reduce(state[:, np.newaxis] + np.log(model.transition), axis=0)
        state = state + np.log(model.emission[:, word])
    return float(np.logaddexp.reduce(state))


@FEW
@given(MODELS, SENTENCES)
def test_expected_counts_are_those_of_all_paths(model: HiddenMarkovModel, sentences: list[np.ndarray]) -> None:
    assert difference(expected(model, packed(sentences)), by_enumeration(model, sentences)) < 1e-9


@FEW
@given(MODELS, SENTENCES)
def test_the_gradient_form_agrees_to_rounding(model: HiddenMarkovModel, sentences: list[np.ndarray]) -> None:
    for block in packed(sentences):
        assert difference(expected_counts(model, block), expected_counts_by_gradient(model, block)) < 1e-12


@FEW
@given(MODELS, SENTENCES)
def test_scaling_gives_what_log_space_gives(model: HiddenMarkovModel, sentences: list[np.ndarray]) -> None:
    total = sum(in_log_space(model, sentence) for sentence in sentences)
    assert expected(model, packed(sentences)).log_likelihood == pytest.approx(total, rel=1e-9)
    assert model.log_probabilities(sentences).sum() == pytest.approx(total, rel=1e-9)


def test_very_unlikely_words_do_not_underflow() -> None:
    emission = np.full((CLASSES, SIZE), 1e-12)
    emission[:, 2] = 1.0 - 1e-12 * (SIZE - 1)
    model = HiddenMarkovModel(np.full(3, 1 / 3), np.eye(3) * (1 - 3e-12) + 1e-12, emission)
    sentence = np.full(7, 5, dtype=np.int32)
    found = expected(model, packed([sentence])).log_likelihood
    assert found == pytest.approx(in_log_space(model, sentence), rel=1e-9)


@FEW
@given(MODELS, SENTENCES)
def test_without_smoothing_no_iteration_lowers_the_likelihood(
    model: HiddenMarkovModel, sentences: list[np.ndarray]
) -> None:
    curve = []
    for _ in range(4):
        counts = expected(model, packed(sentences))
        curve.append(counts.log_likelihood)
        model = maximised(counts, 1e-9)
    assert (np.diff(curve) > -1e-5).all()


@FEW
@given(MODELS, SENTENCES)
def test_a_gradient_step_goes_up_and_vanishes_where_the_m_step_changes_nothing(
    model: HiddenMarkovModel, sentences: list[np.ndarray]
) -> None:
    text, smoothing = packed(sentences), 0.1

    def objective(at: HiddenMarkovModel) -> float:
        prior = sum(float(np.log(getattr(at, name)).sum()) for name in ("initial", "transition", "emission"))
        return expected(at, text).log_likelihood + smoothing * prior

    counts = expected(model, text)
    assert objective(climbed(model, counts, smoothing)) >= objective(model) - 1e-9
    best = maximised(counts, smoothing)
    assert max(float(np.abs(gradient).max()) for gradient in logit_gradients(best, counts, smoothing)) < 1e-9


@FEW
@given(MODELS, st.lists(st.integers(2, SIZE - 1), max_size=4))
def test_probabilities_of_the_next_word_sum_to_one(model: HiddenMarkovModel, before: list[int]) -> None:
    words = np.array(before, dtype=np.int32)
    distribution = model.predicted(words) @ model.emission
    assert distribution.sum() == pytest.approx(1.0)
    followed = [np.append(words, word).astype(np.int32) for word in range(2, SIZE)]
    scored = [np.exp(model.log_probabilities([sentence])[len(before)]) for sentence in followed]
    assert scored == pytest.approx(distribution[2:])
    assert model.features([words])[-1] == pytest.approx(model.predicted(words), abs=1e-6)


def test_training_finds_the_classes_of_a_small_language() -> None:
    draw = np.random.default_rng(0)
    sentences = [np.array([draw.integers(2, 4), draw.integers(4, 6)], dtype=np.int32) for _ in range(60)]
    start = HiddenMarkovModel.start([1, 60, 30, 30, 30, 30], CLASSES, 1)
    fitted = fit(start, sentences, sentences[:10], iterations=25)
    first, second, third, fourth = fitted.model.word_classes()[2:]
    assert first == second != third == fourth
    assert fitted.training[-1] > fitted.training[0]
    assert np.exp(-fitted.validation[-1] * 3) < 4.5, "two choices twice, and the end is certain"


def test_bytes_and_back_is_the_same_and_what_is_no_model_is_refused() -> None:
    model = HiddenMarkovModel.start([5, 9, 8, 7, 3, 1], CLASSES, 0)
    data = model.to_bytes()
    assert HiddenMarkovModel.from_bytes(data).to_bytes() == data
    with pytest.raises(DataError, match="not a hidden Markov model"):
        HiddenMarkovModel.from_bytes(data[:100])
    broken = HiddenMarkovModel(model.initial * np.nan, model.transition, model.emission)
    with pytest.raises(DataError, match=r"initial .* no distribution"):
        HiddenMarkovModel.from_bytes(broken.to_bytes())


def test_a_word_that_no_class_emits_is_an_error_and_not_nan() -> None:
    model = HiddenMarkovModel.start([5, 9, 8, 7, 3, 1], CLASSES, 0)
    model.emission[:, 4] = 0.0
    with pytest.raises(DataError, match="impossible"):
        expected(model, packed([np.array([4], dtype=np.int32)]))
