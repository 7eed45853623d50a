"""Linear interpolation: the weights' optimum, and that it stays a distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trainer.models import numpy_model
from trainer.errors import DataError
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.mixture.files import files_of, read_mixture, read_weights
from trainer.mixture.model import HeldOut, MixtureModel, fit_weights, mixed
from trainer.mixture.ngrams import NgramModel

NETWORK = numpy_model()
SIZE = len(NETWORK.vocabulary)
DRAW = np.random.default_rng(0)
TEXT = [DRAW.integers(2, SIZE, length).astype(np.int32) for length in (7, 4, 9, 1, 12)] * 3
PARTS = MixtureModel(
    NETWORK, NgramModel.train(TEXT, SIZE, 3), HiddenMarkovModel.start(NETWORK.vocabulary.counts, 4, seed=1)
)
FITTED = PARTS.fitted(HeldOut.of(PARTS, TEXT[:3], 1000))


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(2, 4), st.integers(1, 3))
def test_no_other_weights_make_the_text_likelier(seed: int, parts: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(-5, 3, (200, parts))
    groups = draw.integers(0, count, 200)
    weights = fit_weights(values, groups, count)
    assert weights.sum(axis=1) == pytest.approx(np.ones(count))
    assert (weights > 0).all()

    def objective(at: np.ndarray) -> float:
        """With the prior of one position for each part."""
        return float(mixed(values, at[groups]).sum() + np.log(at).sum())

    for _ in range(5):
        other = draw.dirichlet(np.ones(parts), count)
        assert objective(weights) >= objective(0.99 * weights + 0.01 * other) - 1e-6


def test_a_group_without_a_position_gets_equal_weights_and_very_small_probabilities_do_not_vanish() -> None:
    values = np.array([[-1000.0, -1001.0]] * 10)
    weights = fit_weights(values, np.zeros(10, dtype=np.int64), 2)
    assert weights[1] == pytest.approx([0.5, 0.5])
    assert weights[0, 0] > weights[0, 1]
    assert np.isfinite(mixed(values, weights[[0] * 10])).all()


def test_all_words_sum_to_one_and_agree_with_the_words_by_themselves() -> None:
    text = HeldOut.of(FITTED, TEXT[1:3], 1000)
    weights, single = FITTED.weights_of(text), FITTED.log_probabilities(text)
    seen = 0
    for place, parts in FITTED.distributions(text):
        assert parts.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
        assert np.log(parts[:, text.positions[place, 0]]) == pytest.approx(single[place], abs=1e-4)
        seen += 1
    assert seen == len(text.positions) == sum(len(sentence) + 1 for sentence in TEXT[1:3])
    assert weights.sum(axis=1) == pytest.approx(np.ones(seen))


def test_on_the_text_that_they_were_fitted_on_the_mixture_is_no_worse_than_any_part() -> None:
    text = HeldOut.of(PARTS, TEXT * 20, 10_000)  # much of it, beside which the prior weighs little
    fitted = PARTS.fitted(text)
    assert fitted.mixed(text).mean() > fitted.log_probabilities(text).mean(axis=0).max() - 0.01


def test_positions_to_measure_on_are_spread_and_always_the_same() -> None:
    few = HeldOut.of(PARTS, TEXT, 20)
    assert len(few.positions) == 20
    assert np.array_equal(few.positions, HeldOut.of(PARTS, TEXT, 20).positions)
    assert len(HeldOut.of(PARTS, TEXT, 10_000).positions) == sum(len(sentence) + 1 for sentence in TEXT)


def test_files_and_back_is_the_same_model() -> None:
    files = files_of(FITTED)
    again = read_mixture(NETWORK, list(files), files.__getitem__)
    text = HeldOut.of(FITTED, TEXT, 50)
    assert again.mixed(text) == pytest.approx(FITTED.mixed(text), abs=1e-5)
    assert again.names == ["network", "n-grams", "hidden Markov model"]


def test_parts_that_know_other_words_and_senseless_weights_are_refused() -> None:
    with pytest.raises(DataError, match="different numbers of words"):
        MixtureModel(NETWORK, NgramModel.train(TEXT, SIZE + 1, 2))
    with pytest.raises(DataError, match="fit them again"):
        MixtureModel(NETWORK, PARTS.ngrams, None, FITTED.weights)
    with pytest.raises(DataError, match="not fitted yet"):
        PARTS.mixed(HeldOut.of(PARTS, TEXT, 5))
    broken = '{"weights_by_words_seen_together": [[1.0, NaN]], "served_weights_by_words_seen_together": [[1.0, 0.0]]}'
    for text in ("{}", "[", broken):
        with pytest.raises(DataError):
            read_weights(text)


def test_a_network_takes_the_classes_of_the_hidden_markov_model_beside_it_and_is_not_served() -> None:
    kernel = DRAW.normal(0, 0.5, (4, NETWORK.settings.embedding_dimension)).astype(np.float32)
    taking = replace(NETWORK, weights=replace(NETWORK.weights, class_kernel=kernel))
    parts = MixtureModel(taking, PARTS.ngrams, PARTS.hidden_markov)
    text = HeldOut.of(parts, TEXT, 50)
    fitted = parts.fitted(text)
    single = fitted.log_probabilities(text)
    assert not np.allclose(single[:, 0], PARTS.log_probabilities(text)[:, 0])
    for place, distributions in fitted.distributions(text):
        assert distributions.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
        assert np.log(distributions[0, text.positions[place, 0]]) == pytest.approx(single[place, 0], abs=1e-4)
    with pytest.raises(DataError, match="server knows a window"):
        _ = fitted.served
    with pytest.raises(DataError, match="takes 4 class features, the hidden Markov model gives 0"):
        MixtureModel(taking, PARTS.ngrams)


def test_the_served_model_is_the_mixture_of_network_and_ngrams() -> None:
    two = MixtureModel(NETWORK, PARTS.ngrams).fitted(HeldOut.of(PARTS, TEXT[:3], 1000))
    text = HeldOut.of(two, TEXT, 60)
    assert FITTED.served_weights == pytest.approx(two.weights), "as if there were no hidden Markov model"
    scorer = FITTED.served.scorer()
    contexts = scorer.contexts(text.positions[:, 1:])
    words = text.positions[:, 0]
    assert scorer.exact(words, contexts) == pytest.approx(two.mixed(text), abs=1e-9)
    for word, found, expected in zip(words, scorer.distributions(contexts), two.mixed(text), strict=True):
        assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-5)
        assert found[word] == pytest.approx(expected, abs=1e-4)
    few = np.array([3, 5])
    assert np.array_equal(scorer.exact(words[few], contexts[few]), scorer.exact(words, contexts)[few])
