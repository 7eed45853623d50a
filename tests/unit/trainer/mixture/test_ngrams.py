"""The Kneser-Ney model beside its definition. `python -m benchmarks.perplexity` holds it against KenLM."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.vocabulary import BOUNDARY_ID
from trainer.errors import DataError
from trainer.mixture.ngrams import NgramModel, discounts
from trainer.network.examples import windows

SIZE = 6
SENTENCES = st.lists(
    st.lists(st.integers(0, SIZE - 1).filter(lambda word: word != BOUNDARY_ID), max_size=6).map(
        lambda words: np.array(words, dtype=np.int32)
    ),
    min_size=1,
    max_size=15,
)


class Definition:
    """Dictionaries of tuples, first word first; a sentence begins with one boundary."""

    def __init__(self, sentences: list[np.ndarray], order: int) -> None:
        seen: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        begins: set[tuple[int, ...]] = set()
        for sentence in sentences:
            words = (BOUNDARY_ID, *sentence.tolist(), BOUNDARY_ID)
            for length in range(1, order + 1):
                grams = [words[start : start + length] for start in range(len(words) - length + 1)]
                seen[length].update(grams if length > 1 else grams[1:])
                begins.update(gram for gram in grams[:1] if length > 1)
        self.counts: dict[int, dict[tuple[int, ...], int]] = {order: dict(seen[order])}
        for length in range(1, order):
            before: dict[tuple[int, ...], set[int]] = defaultdict(set)
            for gram in seen[length + 1]:
                before[gram[1:]].add(gram[0])
            self.counts[length] = {
                gram: count if gram in begins else len(before[gram]) for gram, count in seen[length].items()
            }
        self.discounts = {length: discounts(np.array(list(counts.values()))) for length, counts in self.counts.items()}

    def probability(self, word: int, context: tuple[int, ...]) -> float:
        shorter = self.probability(word, context[1:]) if context else 1.0 / SIZE
        length = len(context) + 1
        followed = {gram[-1]: count for gram, count in self.counts[length].items() if gram[:-1] == context}
        if not followed:
            return shorter
        taken = self.discounts[length]
        total = sum(followed.values())
        gamma = sum(float(taken[min(count, 3)]) for count in followed.values()) / total
        count = followed.get(word, 0)
        return (count - float(taken[min(count, 3)])) / total + gamma * shorter


@given(SENTENCES, st.integers(1, 4))
def test_the_arrays_give_what_the_definition_gives(sentences: list[np.ndarray], order: int) -> None:
    model, definition = NgramModel.train(sentences, SIZE, order), Definition(sentences, order)
    positions = windows(sentences, order)
    found = np.exp(model.log_probabilities(positions))
    for row, probability in zip(positions.tolist(), found, strict=True):
        before = list(itertools.takewhile(lambda word: word != BOUNDARY_ID, row[1:order]))
        if len(before) < order - 1:
            before.append(BOUNDARY_ID)
        assert probability == pytest.approx(definition.probability(row[0], tuple(reversed(before))), rel=1e-9)


@given(SENTENCES, st.integers(1, 4), st.integers(1, 3), st.lists(st.integers(0, SIZE - 1), min_size=4, max_size=4))
def test_after_any_words_the_probabilities_sum_to_one_and_are_those_of_single_words(
    sentences: list[np.ndarray], order: int, least: int, before: list[int]
) -> None:
    model = NgramModel.train(sentences, SIZE, order, least)
    distribution = model.distribution(np.array(before, dtype=np.int32))
    assert distribution.sum() == pytest.approx(1.0)
    assert (distribution > 0).all()
    rows = np.array([[word, *before] for word in range(SIZE)], dtype=np.int32)
    assert np.exp(model.log_probabilities(rows)) == pytest.approx(distribution)


def test_longest_counts_the_words_before_that_were_seen_together() -> None:
    model = NgramModel.train([np.array([2, 3, 4, 5], dtype=np.int32)], SIZE, 3)
    rows = np.array([[5, 4, 3], [5, 4, 2], [5, 0, 3], [2, BOUNDARY_ID, BOUNDARY_ID]], dtype=np.int32)
    assert model.longest(rows).tolist() == [2, 1, 0, 1]


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="needs text"):
        NgramModel.train([], SIZE)


def test_bytes_and_back_gives_the_same_probabilities_and_a_cut_file_is_refused() -> None:
    sentences = [np.array([2, 3, 4, 5], dtype=np.int32), np.array([2, 3, 5], dtype=np.int32)]
    model = NgramModel.train(sentences, SIZE, 3)
    data = model.to_bytes()
    again = NgramModel.from_bytes(data)
    assert again.to_bytes() == data
    positions = windows(sentences, 2)
    assert again.log_probabilities(positions) == pytest.approx(model.log_probabilities(positions), rel=1e-6)
    for broken in (data[:200], data[: len(data) // 2], b"text"):
        with pytest.raises(DataError, match="not an n-gram model"):
            NgramModel.from_bytes(broken)
