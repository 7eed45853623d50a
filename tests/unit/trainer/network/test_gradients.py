"""The network over running text against the network row by row, with TensorFlow's automatic differentiation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config import ModelSettings
from trainer.data.vocabulary import Ids
from trainer.network.examples import windows
from trainer.network.gradients import Parameters, Result, loss_and_gradients
from trainer.network.losses import noise_contrastive_loss
from trainer.network.model import CONTEXT, WINDOW_TABLE, WORD_TABLE, build_model, parameters_of
from trainer.network.noise import NoiseDistribution, smoothed
from trainer.network.runs import GROUP, RunBatch, RunMaker, Text

SIZE = 100
SETTINGS = ModelSettings(
    vocabulary_size=SIZE, embedding_dimension=6, hidden_dimension=10, window=3, negative_samples=4, dropout=0.0
)
MODEL = build_model(SETTINGS)
TABLES = tuple(MODEL.get_layer(name).trainable_variables[0] for name in (WORD_TABLE, WINDOW_TABLE))
PARAMETERS = parameters_of(MODEL)
CLASSES = 5
TAKING = build_model(SETTINGS, classes=CLASSES)
"""The same network with class features."""
MAKER = RunMaker(3, 4, NoiseDistribution(smoothed(tuple(range(SIZE)), 0.01)), seed=3)


def randomised(seed: int) -> list[Ids]:
    """Give the model other weights; and a text, long enough for two groups in most cases."""
    draw = np.random.default_rng(seed)
    for variable in (*TABLES, *PARAMETERS):
        variable.assign(draw.normal(0, 0.4, variable.shape))
    return [draw.integers(0, SIZE, length).astype(np.int32) for length in draw.integers(1, 80, 6)]


def fast(batch: RunBatch, l2_penalty: float = 0.0, dropout: float = 0.0) -> Result:
    return compiled(tuple(map(tf.constant, batch.arrays())), l2_penalty, dropout)


@tf.function(reduce_retracing=True)
def compiled(tensors: tuple[Any, ...], l2_penalty: float, dropout: float) -> Result:
    rows = (tf.gather(TABLES[0], tensors[0]), tf.gather(TABLES[1], tensors[2]))
    values = Parameters(*map(tf.convert_to_tensor, PARAMETERS))
    return loss_and_gradients(tensors, *rows, values, l2_penalty, dropout)


def rows_of(batch: RunBatch, sentences: list[Ids]) -> tuple[Ids, Any]:
    """The batch as rows of the model: each position as it is, and with each of its group's noise words."""
    true = windows(sentences, 3)
    noise = batch.word_ids[batch.words[len(batch.window_places) :]].reshape(-1, 4)[np.arange(len(true)) // GROUP]
    drawn = np.repeat(true, 4, axis=0)
    drawn[:, 0] = noise.ravel()
    return np.concatenate([true, drawn]), np.repeat([1, 0], [len(true), len(drawn)])


def naive(batch: RunBatch, sentences: list[Ids]) -> tuple[Any, list[Any]]:
    context_ids, labels = rows_of(batch, sentences)
    variables = [*TABLES, *PARAMETERS]
    with tf.GradientTape() as tape:
        loss = noise_contrastive_loss(labels, MODEL(context_ids))
    return loss, [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, variables)]


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_loss_and_gradients_are_those_of_the_network_row_by_row(seed: int) -> None:
    sentences = randomised(seed)
    batch = MAKER.batch(Text(sentences), salt=seed)
    loss, expected = naive(batch, sentences)
    found = fast(batch)
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-5)
    of_words, of_windows, *of_parameters = expected
    pairs = [(found.word_rows, of_words[batch.word_ids]), (found.window_rows, of_windows[batch.window_ids])]
    for gradient, other in (*pairs, *zip(found.parameters, of_parameters, strict=True)):
        assert gradient.numpy() == pytest.approx(other, abs=1e-5 * max(1.0, float(np.abs(other).max())))
    untouched = np.setdiff1d(np.arange(SIZE), batch.word_ids)
    assert not of_words[untouched].any()


@given(st.integers(0, 2**32 - 1))
def test_with_class_features_they_are_those_of_the_network_row_by_row_too(seed: int) -> None:
    sentences = randomised(seed)
    draw = np.random.default_rng(seed)
    features = draw.dirichlet(np.ones(CLASSES), sum(len(sentence) + 1 for sentence in sentences)).astype(np.float32)
    batch = MAKER.batch(Text(sentences, features), salt=seed)
    for layer in MODEL.layers:
        if layer.name != CONTEXT:
            TAKING.get_layer(layer.name).set_weights(layer.get_weights())
    kernel = draw.normal(0, 0.4, (CLASSES, 6)).astype(np.float32)
    TAKING.get_layer(CONTEXT).set_weights([PARAMETERS.position_weights.numpy(), kernel])
    context_ids, labels = rows_of(batch, sentences)
    with tf.GradientTape() as tape:
        rows = np.concatenate([features, np.repeat(features, 4, axis=0)])
        loss = noise_contrastive_loss(labels, TAKING([context_ids, rows]))
    of_kernel, of_table = tape.gradient(
        loss, [TAKING.get_layer(CONTEXT).class_kernel, *TAKING.get_layer(WINDOW_TABLE).trainable_variables]
    )
    found = with_classes(tuple(map(tf.constant, batch.arrays())), tf.constant(kernel))
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-5)
    of_windows = tf.convert_to_tensor(of_table).numpy()[batch.window_ids]
    for gradient, other in ((found.class_kernel, of_kernel.numpy()), (found.window_rows, of_windows)):
        assert gradient.numpy() == pytest.approx(other, abs=1e-5 * max(1.0, float(np.abs(other).max())))


@tf.function(reduce_retracing=True)
def with_classes(tensors: tuple[Any, ...], kernel: Any) -> Result:
    rows = (tf.gather(TABLES[0], tensors[0]), tf.gather(TABLES[1], tensors[2]))
    return loss_and_gradients(tensors, *rows, Parameters(*map(tf.convert_to_tensor, PARAMETERS)), class_kernel=kernel)


def test_the_gradient_is_the_losss_slope() -> None:
    batch = MAKER.batch(Text(randomised(5)))
    found = fast(batch)
    for variable, gradient in zip(PARAMETERS, found.parameters, strict=True):
        direction = np.sign(gradient.numpy())
        before, step = variable.numpy(), 1e-3
        variable.assign(before + step * direction)
        higher = float(fast(batch).loss)
        variable.assign(before - step * direction)
        lower = float(fast(batch).loss)
        variable.assign(before)
        assert (higher - lower) / (2 * step) == pytest.approx(float(np.abs(gradient).sum()), rel=0.02, abs=1e-3)


def test_shared_noise_is_the_objective_of_noise_contrastive_estimation() -> None:
    """With d = log P - log(k q) for a P that sums to one, the loss's expectation is least: any shift is worse."""
    sentences = randomised(11)
    losses = {}
    for shift in (-0.5, 0.0, 0.5):
        total = 0.0
        for salt in range(20):
            PARAMETERS.output_bias.assign([np.log(4.0), shift])
            for variable in TABLES:
                variable.assign(tf.zeros_like(variable))
            PARAMETERS.hidden_bias.assign(tf.zeros_like(PARAMETERS.hidden_bias))
            total += float(fast(MAKER.batch(Text(sentences), salt)).loss)
        losses[shift] = total
    assert losses[0.0] < min(losses[-0.5], losses[0.5])


def test_the_penalty_pulls_the_rows_used_and_the_kernels_towards_zero() -> None:
    batch = MAKER.batch(Text(randomised(2)))
    plain, penalised = fast(batch), fast(batch, l2_penalty=0.5)
    share = 2 * 0.5 / int(batch.positions)
    assert float(plain.loss) == float(penalised.loss)
    word_rows = tf.gather(TABLES[0], batch.word_ids)
    assert (penalised.word_rows - plain.word_rows).numpy() == pytest.approx((share * word_rows).numpy(), abs=1e-6)
    difference = penalised.parameters.hidden_kernel - plain.parameters.hidden_kernel
    assert difference.numpy() == pytest.approx((share * PARAMETERS.hidden_kernel).numpy(), abs=1e-6)
    assert penalised.parameters.hidden_bias.numpy() == pytest.approx(plain.parameters.hidden_bias.numpy(), abs=1e-6)


def test_dropout_leaves_out_dimensions_of_contexts_and_keeps_their_mean() -> None:
    batch = MAKER.batch(Text(randomised(4)))
    mean = np.mean([fast(batch, dropout=0.3).window_rows.numpy() for _ in range(100)], axis=0)
    plain = fast(batch).window_rows.numpy()
    assert np.corrcoef(mean.ravel(), plain.ravel())[0, 1] > 0.95
    assert not np.array_equal(fast(batch, dropout=0.3).window_rows, fast(batch, dropout=0.3).window_rows)
