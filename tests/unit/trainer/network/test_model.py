"""The network, its objective, and how its probabilities are read off."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import ModelSettings
from trainer.data.vocabulary import BOUNDARY, UNKNOWN, Vocabulary
from trainer.mixture.baselines import UnigramModel, perplexity
from trainer.network.export import numpy_model
from trainer.network.layers import ContextEmbedding, SplitContext
from trainer.network.losses import accuracy_by_row, cross_entropy_by_row, noise_contrastive_loss
from trainer.network.model import build_model
from trainer.network.numpy_form import NumpyModel

SETTINGS = ModelSettings(
    vocabulary_size=100, embedding_dimension=8, hidden_dimension=16, window=3, negative_samples=5, dropout=0.5
)
WORDS = Vocabulary(
    (UNKNOWN, BOUNDARY, *(f"w{index}" for index in range(98))), (7, 40, *(2 * count for count in range(98, 0, -1)))
)


def trained(classes: int = 0) -> tf.keras.Model:
    """Weights as training might leave them."""
    model = build_model(SETTINGS, seed=1, classes=classes)
    draw = np.random.default_rng(3)
    model.set_weights([draw.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    return model


def test_the_shapes_are_the_contracts() -> None:
    model = build_model(SETTINGS)
    assert model.input_shape == (None, 4)
    assert model(np.zeros((5, 4), dtype=np.int32)).shape == (5, 2)


def test_the_vector_is_the_words_row_plus_the_weighted_mean_of_the_windows_rows() -> None:
    model = trained()
    ids = np.array([[5, 6, 7, 8]], dtype=np.int32)
    of_word, of_window, weights = (
        model.get_layer(name).get_weights()[0] for name in ("word_embedding", "window_embedding", "context")
    )
    vector = tf.keras.Model(model.inputs, model.get_layer("context").output)(ids)
    assert vector.numpy()[0] == pytest.approx(of_word[5] + (weights * of_window[[6, 7, 8]]).mean(axis=0), rel=1e-5)


def test_before_training_every_distance_counts_the_same() -> None:
    assert np.array_equal(build_model(SETTINGS).get_layer("context").get_weights()[0], np.ones((3, 8)))


def log_probabilities(model: NumpyModel, positions: np.ndarray) -> np.ndarray:
    """Normalised over the vocabulary."""
    scorer = model.scorer()
    return scorer.exact(positions[:, 0], scorer.contexts(positions[:, 1:]))


def test_an_untrained_network_is_the_unigram_model() -> None:
    positions = np.random.default_rng(0).integers(0, 100, (200, 4)).astype(np.int32)
    model = numpy_model(build_model(SETTINGS), SETTINGS, WORDS)
    unigram = UnigramModel(WORDS, 0.01).log_probabilities(positions)
    assert perplexity(log_probabilities(model, positions)) == pytest.approx(perplexity(unigram), rel=0.01)


def test_after_every_window_the_probabilities_sum_to_one() -> None:
    window = np.array([[4, 9, 2]], dtype=np.int32)
    positions = np.concatenate([np.arange(100, dtype=np.int32)[:, None], window.repeat(100, axis=0)], axis=1)
    model = numpy_model(trained(), SETTINGS, WORDS)
    assert np.exp(log_probabilities(model, positions)).sum() == pytest.approx(1.0, rel=1e-5)


def test_the_same_seed_gives_the_same_initial_values() -> None:
    first, again = build_model(SETTINGS, seed=4), build_model(SETTINGS, seed=4)
    assert all(
        np.array_equal(left, right) for left, right in zip(first.get_weights(), again.get_weights(), strict=True)
    )


WORD_AND_WINDOW = (np.ones((5, 1, 8), dtype=np.float32), np.ones((5, 3, 8), dtype=np.float32))
LAYERS = {
    "SplitContext": (SplitContext(name="s"), np.zeros((5, 4), dtype=np.int32)),
    "ContextEmbedding": (ContextEmbedding(0.25, name="c"), WORD_AND_WINDOW),
    "with class features": (ContextEmbedding(0.25, name="f"), (*WORD_AND_WINDOW, np.ones((5, 6), dtype=np.float32))),
}


@pytest.mark.parametrize(("layer", "given"), LAYERS.values(), ids=LAYERS)
def test_a_layer_comes_back_from_its_configuration_and_says_its_shapes(
    layer: tf.keras.layers.Layer, given: Any
) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    own = vars(type(layer)).get("__init__", lambda self: None)
    arguments = set(inspect.signature(own).parameters) - {"self", "kwargs"}
    assert arguments <= set(layer.get_config())
    shapes = tf.nest.map_structure(lambda array: array.shape, given)
    made = tf.nest.map_structure(lambda tensor: tuple(tensor.shape), again(given))
    assert made == again.compute_output_shape(shapes)


def test_dropout_acts_on_the_context_in_training_alone() -> None:
    word, window = np.ones((1, 1, 400), dtype=np.float32), np.ones((1, 2, 400), dtype=np.float32)
    layer = ContextEmbedding(0.5)
    assert np.array_equal(layer((word, window)).numpy(), np.full((1, 400), 2.0))
    dropped = layer((word, window), training=True).numpy()
    assert set(dropped.ravel().tolist()) == {1.0, 3.0}


@pytest.mark.parametrize("classes", [0, 6])
def test_a_whole_model_comes_back_from_its_configuration(classes: int) -> None:
    model = trained(classes)
    again = tf.keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    given: Any = np.array([[5, 6, 7, 8]], dtype=np.int32)
    if classes:
        given = [given, np.full((1, classes), 1 / classes, dtype=np.float32)]
    assert again(given).numpy() == pytest.approx(model(given).numpy())


def test_class_features_change_nothing_before_training_and_then_add_their_part() -> None:
    ids, classes = np.array([[5, 6, 7, 8]], dtype=np.int32), np.array([[0.25, 0.75]], dtype=np.float32)
    without, taking = build_model(SETTINGS, seed=1), build_model(SETTINGS, seed=1, classes=2)
    assert np.array_equal(taking([ids, classes]), without(ids))
    weights, _ = taking.get_layer("context").get_weights()
    taking.get_layer("context").set_weights([weights, np.arange(16.0).reshape(2, 8)])
    vectors = [tf.keras.Model(model.inputs, model.get_layer("context").output) for model in (taking, without)]
    added = vectors[0]([ids, classes]) - vectors[1](ids)
    assert added.numpy()[0] == pytest.approx(np.arange(8.0) + 6.0, abs=1e-5)


def test_the_loss_is_the_noise_contrastive_one_and_padding_does_not_count() -> None:
    logits = tf.constant([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [9.0, -9.0]])
    labels = tf.constant([1, 0, 0, -1])
    expected = np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0)) + np.log(2.0)
    assert float(noise_contrastive_loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
    assert cross_entropy_by_row(labels, logits).numpy().sum() == pytest.approx(expected, rel=1e-5)
    assert accuracy_by_row(labels, logits).numpy().tolist() == [1.0, 1.0, 1.0]
