"""Co-occurrence counts: what they count, and that shards add up."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.vocabulary import BOUNDARY_ID
from trainer.errors import DataError
from trainer.mixture.counts import CooccurrenceCounts

SIZE = 7
SENTENCES = st.lists(
    st.lists(st.integers(0, SIZE - 1).filter(lambda word: word != BOUNDARY_ID), max_size=8).map(
        lambda words: np.array(words, dtype=np.int32)
    ),
    max_size=12,
)


def by_hand(sentences: list[np.ndarray], window: int) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for sentence in sentences:
        words = [BOUNDARY_ID] * window + sentence.tolist() + [BOUNDARY_ID]
        for place in range(window, len(words)):
            found.update((words[place - distance], words[place]) for distance in range(1, window + 1))
    return found


@given(SENTENCES, st.integers(1, 4))
def test_every_pair_within_the_window_is_counted(sentences: list[np.ndarray], window: int) -> None:
    counts = CooccurrenceCounts.of(sentences, SIZE, window)
    expected = by_hand(sentences, window)
    before, word = np.array(list(itertools.product(range(SIZE), repeat=2)), dtype=np.int32).T
    assert counts.of_pairs(before, word).tolist() == [
        expected[pair] for pair in itertools.product(range(SIZE), repeat=2)
    ]
    assert counts.before.tolist() == [sum(expected[v, w] for w in range(SIZE)) for v in range(SIZE)]


@settings(max_examples=10)
@given(SENTENCES, st.integers(1, 3), st.lists(st.integers(0, 12), max_size=4), st.randoms(use_true_random=False))
def test_any_division_into_shards_gives_exactly_the_same_counts(
    sentences: list[np.ndarray], window: int, cuts: list[int], shuffled: object
) -> None:
    edges = [0, *sorted(cuts), len(sentences)]
    shards = [CooccurrenceCounts.of(sentences[start:end], SIZE, window) for start, end in itertools.pairwise(edges)]
    shuffled.shuffle(shards)  # type: ignore[attr-defined]
    merged = CooccurrenceCounts.merged(shards, SIZE, window)
    assert merged.to_bytes() == CooccurrenceCounts.of(sentences, SIZE, window).to_bytes()


def test_counts_over_other_words_are_not_merged() -> None:
    with pytest.raises(DataError, match="can't be merged"):
        CooccurrenceCounts.of([], 5, 1) + CooccurrenceCounts.of([], 6, 1)


def test_bytes_and_back_is_the_same_and_a_cut_file_is_refused() -> None:
    counts = CooccurrenceCounts.of([np.array([2, 3, 2], dtype=np.int32)], SIZE, 2)
    data = counts.to_bytes()
    assert CooccurrenceCounts.from_bytes(data).to_bytes() == data
    with pytest.raises(DataError, match="not co-occurrence counts"):
        CooccurrenceCounts.from_bytes(data[:-30])
