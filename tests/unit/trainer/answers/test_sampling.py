"""Temperature, top-k and top-p keep what they say, and draw as often as they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.answers.sampling import Sampling

weights = st.lists(st.floats(0.001, 100.0), min_size=1, max_size=40)


def logs(values: list[float]) -> NDArray[np.float64]:
    return np.log(np.array(values) / sum(values))


@given(weights)
def test_without_any_restriction_the_distribution_is_the_models(values: list[float]) -> None:
    words, probabilities = Sampling().kept(logs(values))
    assert sorted(words) == list(range(len(values)))
    assert probabilities == pytest.approx(np.exp(logs(values))[words])


@given(weights, st.integers(1, 50), st.floats(0.05, 3.0))
def test_top_k_keeps_the_k_likeliest_and_their_proportions(values: list[float], k: int, temperature: float) -> None:
    words, probabilities = Sampling(temperature, top_k=k).kept(logs(values))
    assert len(words) == min(k, len(values))
    assert min(values[word] for word in words) >= max(
        (value for place, value in enumerate(values) if place not in words), default=0.0
    )
    assert probabilities.sum() == pytest.approx(1.0)
    scaled = np.array([values[word] for word in words]) ** (1.0 / temperature)
    assert probabilities == pytest.approx(scaled / scaled.sum(), rel=1e-6)


@given(weights, st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_has_the_probability(values: list[float], p: float) -> None:
    words, probabilities = Sampling(top_p=p).kept(logs(values))
    mass = np.exp(logs(values))[words]
    assert mass.sum() >= p - 1e-9
    assert mass[:-1].sum() < p + 1e-9
    assert probabilities == pytest.approx(mass / mass.sum())


@given(weights, st.integers(0, 2**32 - 1))
def test_temperature_zero_takes_the_likeliest_whatever_the_seed(values: list[float], seed: int) -> None:
    drawn = Sampling(temperature=0.0).draw(logs(values), np.random.default_rng(seed))
    assert values[drawn] == max(values)


@given(weights, st.integers(0, 2**32 - 1), st.integers(0, 5), st.floats(0.1, 1.0))
def test_a_seed_gives_the_same_word_again_and_only_kept_words(values: list[float], seed: int, k: int, p: float) -> None:
    sampling = Sampling(0.7, k, p)
    first, second = (sampling.draw(logs(values), np.random.default_rng(seed)) for _ in range(2))
    assert first == second
    assert first in sampling.kept(logs(values))[0]


def test_impossible_words_are_never_drawn() -> None:
    found = np.array([-np.inf, np.log(0.5), -np.inf, np.log(0.5)])
    generator = np.random.default_rng(0)
    assert {Sampling().draw(found, generator) for _ in range(100)} == {1, 3}


def test_words_are_drawn_as_often_as_they_are_likely() -> None:
    generator = np.random.default_rng(0)
    found = logs([5.0, 3.0, 2.0])
    counts = np.bincount([Sampling().draw(found, generator) for _ in range(20_000)]) / 20_000
    assert counts == pytest.approx([0.5, 0.3, 0.2], abs=0.015)  # four standard errors
