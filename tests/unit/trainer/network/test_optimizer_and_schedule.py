"""The optimiser's rows, and the learning rate over a run."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import ModelSettings
from trainer.network.optimizer import LazyAdam
from trainer.network.schedule import LAST_SHARE, learning_rate_at, planned_steps
from trainer.network.training import learning_rate


def test_rows_with_gradients_move_as_adams_do_and_others_stay_with_their_moments() -> None:
    draw = np.random.default_rng(0)
    start, gradients = draw.normal(size=(6, 3)).astype(np.float32), draw.normal(size=(4, 2, 3)).astype(np.float32)
    lazy, whole = tf.Variable(start), tf.Variable(start[[1, 4]])
    optimizer, reference = LazyAdam(0.1), tf.keras.optimizers.legacy.Adam(0.1)
    for gradient in gradients:
        optimizer.apply_gradients([(tf.IndexedSlices(tf.constant(gradient), tf.constant([1, 4]), [6, 3]), lazy)])
        reference.apply_gradients([(tf.constant(gradient), whole)])
    assert lazy.numpy()[[1, 4]] == pytest.approx(whole.numpy(), abs=1e-6)
    assert np.array_equal(lazy.numpy()[[0, 2, 3, 5]], start[[0, 2, 3, 5]])
    assert LazyAdam.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


@pytest.mark.parametrize("step", [0, 1, 37, 100])
def test_one_machine_and_the_workers_learn_at_the_same_rate(step: int) -> None:
    settings = ModelSettings(learning_rate=0.02)
    assert float(learning_rate(settings, 100)(step)) == pytest.approx(learning_rate_at(0.02, step, 100), rel=1e-5)


def test_the_rate_falls_from_the_settings_to_its_last_share_and_stays_there() -> None:
    rates = [learning_rate_at(0.5, step, 10) for step in range(-1, 14)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (0.5, pytest.approx(0.5 * LAST_SHARE))


def test_steps_are_planned_epoch_by_epoch() -> None:
    assert planned_steps(1000, 128, 3) == 24
    assert planned_steps(0, 128, 3) == 1
