"""What was said makes a text relevant; a summary's sentences differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.models import language_model
from trainer.answers.relevance import Relevance, relevance, summary

MODEL = language_model()


def of(said: str, text: str, weight: float = 0.3) -> Relevance:
    encoded = MODEL.encode(text.split())
    positions = MODEL.positions([encoded])
    found = MODEL.scorer.exact(positions[:, 0], MODEL.scorer.contexts(positions[:, 1:]))
    before = MODEL.encode(said.split())
    vectors = (MODEL.vector(before), MODEL.vector(encoded))
    return relevance(positions[:, 0], found, MODEL.cache([before], 0.1), vectors, weight)


def test_repeating_what_was_said_is_more_relevant_than_speaking_of_something_else() -> None:
    same, other = of("北京 大学", "北京 大学 。"), of("北京 大学", "我 吃 苹果 。")
    assert same.gain > 0 > other.gain
    assert same.similarity > other.similarity
    assert same.score == pytest.approx(same.gain + 0.3 * same.similarity)


def test_nothing_said_gains_nothing() -> None:
    assert of("龘", "我 吃 苹果").gain == 0.0


vectors = st.lists(st.tuples(st.floats(-1, 1), st.floats(0.1, 1)), min_size=1, max_size=12)


@given(vectors, st.integers(1, 15), st.floats(0, 1))
def test_a_summary_takes_as_many_different_sentences_as_asked_or_all(
    directions: list[tuple[float, float]], count: int, diversity: float
) -> None:
    rows = np.array(directions, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    chosen = summary([float(value) for value in rows[:, 0]], rows, count, diversity)
    assert len(chosen) == len(set(chosen)) == min(count, len(rows))


def test_without_diversity_the_best_are_taken_and_with_it_a_repetition_is_passed_over() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert summary([3.0, 2.9, 1.0], rows, 2, 0.0) == [0, 1]
    assert summary([3.0, 2.9, 1.0], rows, 2, 0.7) == [0, 2]
