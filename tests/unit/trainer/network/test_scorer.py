"""The network in NumPy against Keras and against its own definition; batches change no bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.models import SETTINGS, numpy_model
from trainer.data.vocabulary import BOUNDARY, UNKNOWN, Ids, Vocabulary
from trainer.errors import DataError
from trainer.network.export import numpy_model as from_keras
from trainer.network.model import build_model
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import Scorer

SIZE = len(numpy_model().vocabulary)
seeds = st.integers(0, 2**32 - 1)


def positions(seed: int, rows: int) -> Ids:
    return np.random.default_rng(seed).integers(0, SIZE, (rows, 4), dtype=np.int32)


def scorer() -> Scorer:
    return numpy_model().scorer()


def test_the_numpy_form_scores_as_keras_does() -> None:
    model = build_model(SETTINGS, seed=1)
    draw = np.random.default_rng(3)
    model.set_weights([draw.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    words = Vocabulary((UNKNOWN, BOUNDARY, *(f"w{index}" for index in range(98))), (7, 40, *range(98, 0, -1)))
    ids = draw.integers(0, 100, (200, 4), dtype=np.int32)
    logits = model(ids, training=False).numpy()
    arrays = from_keras(model, SETTINGS, words)
    assert np.abs(arrays.weights.logits(ids) - logits).max() < 1e-5
    folded = arrays.scorer()
    differences = folded.differences(ids[:, 0], folded.contexts(ids[:, 1:]))
    assert np.abs(differences - (logits[:, 1] - logits[:, 0])).max() < 1e-5


def test_with_class_features_too_and_they_are_neither_forgotten_nor_invented() -> None:
    model = build_model(SETTINGS, seed=1, classes=5)
    draw = np.random.default_rng(4)
    model.set_weights([draw.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    ids, classes = draw.integers(0, 100, (50, 4), dtype=np.int32), draw.dirichlet(np.ones(5), 50).astype(np.float32)
    logits = model([ids, classes], training=False).numpy()
    words = Vocabulary((UNKNOWN, BOUNDARY, *(f"w{index}" for index in range(98))), (7, 40, *range(98, 0, -1)))
    arrays = NumpyModel.from_bytes(from_keras(model, SETTINGS, words).to_bytes())
    assert arrays.classes == 5
    assert np.abs(arrays.weights.logits(ids, classes) - logits).max() < 1e-5
    folded = arrays.scorer()
    differences = folded.differences(ids[:, 0], folded.contexts(ids[:, 1:], classes))
    assert np.abs(differences - (logits[:, 1] - logits[:, 0])).max() < 1e-5
    with pytest.raises(DataError, match="class features"):
        folded.contexts(ids[:, 1:])
    with pytest.raises(DataError, match="class features"):
        scorer().contexts(positions(0, 2)[:, 1:], classes[:2])


@given(seeds)
def test_after_every_window_the_probabilities_of_all_words_sum_to_one(seed: int) -> None:
    contexts = scorer().contexts(positions(seed, 5)[:, 1:])
    for found in scorer().distributions(contexts):
        assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-6)


@given(seeds, st.integers(1, 40))
def test_exact_is_the_distributions_entry_and_estimated_differs_by_the_total(seed: int, rows: int) -> None:
    model, given_rows = scorer(), positions(seed, rows)
    words, contexts = given_rows[:, 0], model.contexts(given_rows[:, 1:])
    exact = model.exact(words, contexts)
    entries = [found[word] for found, word in zip(model.distributions(contexts), words, strict=True)]
    assert exact == pytest.approx(np.array(entries), abs=1e-5)
    shift = model.estimated(words, contexts) - exact
    assert shift == pytest.approx(model.log_totals(contexts) + model.log_samples, abs=1e-9)


@given(seeds, st.integers(1, 70), st.data())
def test_a_position_scores_the_same_bits_alone_and_in_any_batch(seed: int, rows: int, data: st.DataObject) -> None:
    model, batch = scorer(), positions(seed, rows)
    one = data.draw(st.integers(0, rows - 1))
    alone = batch[one : one + 1]
    for score in (model.exact, model.estimated):
        together = score(batch[:, 0], model.contexts(batch[:, 1:]))
        by_itself = score(alone[:, 0], model.contexts(alone[:, 1:]))
        assert together[one] == by_itself[0]


def test_a_vocabulary_of_several_blocks_is_scored_whole() -> None:
    words = tuple(f"w{index}" for index in range(1300))
    model = numpy_model(1, words)
    folded = model.scorer()
    ids = np.array([[5, 900, 1200, 3]], dtype=np.int32)
    contexts = folded.contexts(ids[:, 1:])
    every = np.concatenate([np.arange(1302, dtype=np.int32)[:, None], ids[:, 1:].repeat(1302, axis=0)], axis=1)
    logits = model.weights.logits(every).astype(np.float64)
    scores = logits[:, 1] - logits[:, 0] + np.log(model.noise)
    expected = scores - np.log(np.exp(scores).sum())
    assert next(folded.distributions(contexts)) == pytest.approx(expected, abs=1e-5)
