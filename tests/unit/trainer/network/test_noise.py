"""The noise distribution."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.network.noise import NoiseDistribution, smoothed


def test_smoothing_makes_every_word_possible_and_sums_to_one() -> None:
    probabilities = smoothed((0, 10, 90), 0.01)
    assert probabilities.sum() == pytest.approx(1.0)
    assert probabilities[0] == pytest.approx(0.01 / 100.03)


def test_words_are_drawn_as_often_as_the_distribution_says() -> None:
    probabilities = smoothed((1, 5, 50, 500, 3000, 0), 0.01)
    drawn = NoiseDistribution(probabilities).draw((400_000,), np.random.default_rng(1))
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    assert np.abs(shares - probabilities).max() < 4 * np.sqrt(0.25 / len(drawn))


def test_a_single_word_is_always_drawn() -> None:
    assert set(NoiseDistribution(np.array([1.0])).draw((10,), np.random.default_rng(0)).tolist()) == {0}
