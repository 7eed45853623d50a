"""Words and their ids."""

from __future__ import annotations

import pytest

from trainer.data.vocabulary import BOUNDARY, UNKNOWN, Vocabulary
from trainer.errors import DataError

LINES = ["甲 乙 甲", "甲 丙 丁", "乙 丙"]


def test_words_are_ranked_by_count_and_then_by_code() -> None:
    vocabulary = Vocabulary.count(LINES, 5)
    assert vocabulary.words == (UNKNOWN, BOUNDARY, "甲", "丙", "乙")
    assert vocabulary.counts == (1, 3, 3, 2, 2)


def test_counts_always_sum_to_the_words_and_ends_of_the_text() -> None:
    assert {sum(Vocabulary.count(LINES, size).counts) for size in (3, 4, 5, 50)} == {8 + 3}


def test_reducing_equals_counting_fewer() -> None:
    assert Vocabulary.count(LINES, 6).reduced(4) == Vocabulary.count(LINES, 4)


def test_an_unknown_word_becomes_the_symbol() -> None:
    assert Vocabulary.count(LINES, 4).encode("甲 龘 丙").tolist() == [2, 0, 3]


def test_json_and_back_is_the_same() -> None:
    vocabulary = Vocabulary.count(LINES, 5)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize("value", [{}, {"words": ["a"], "counts": [1]}, {"words": [UNKNOWN, BOUNDARY], "counts": [1]}])
def test_what_is_no_vocabulary_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(DataError):
        Vocabulary.from_json(value)
