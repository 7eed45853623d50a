"""Windows and batches."""

from __future__ import annotations

import numpy as np

from trainer.network.examples import PADDING_LABEL, ExampleMaker, windows
from trainer.network.noise import NoiseDistribution, smoothed

FIRST, SECOND = np.array([5, 6, 7], dtype=np.int32), np.array([8, 9], dtype=np.int32)


def maker(round_to: int = 1) -> ExampleMaker:
    return ExampleMaker(2, 3, NoiseDistribution(smoothed(tuple(range(1, 11)), 0.01)), seed=7, round_to=round_to)


def test_windows_hold_the_words_to_the_left_nearest_first_and_never_another_sentence() -> None:
    assert windows([FIRST, SECOND], 2).tolist() == [
        [5, 1, 1],
        [6, 5, 1],
        [7, 6, 5],
        [1, 7, 6],
        [8, 1, 1],
        [9, 8, 1],
        [1, 9, 8],
    ]


def test_no_sentences_give_no_windows() -> None:
    assert windows([], 4).shape == (0, 5)
    assert maker(4).batch([]).context_ids.shape == (0, 3)


def test_noise_replaces_the_word_and_keeps_its_window() -> None:
    batch = maker().batch([FIRST, SECOND])
    assert batch.labels.tolist() == [1] * 7 + [0] * 21
    assert np.array_equal(batch.context_ids[7:, 1:], np.repeat(batch.context_ids[:7, 1:], 3, axis=0))


def test_batches_are_filled_up_with_rows_that_do_not_count() -> None:
    batch = maker(round_to=5).batch([FIRST, SECOND])
    assert len(batch.labels) == 10 * 4
    assert (batch.labels == PADDING_LABEL).sum() == 3 * 4


def test_the_same_sentences_give_the_same_batch_and_another_salt_other_noise() -> None:
    first, again, other = maker().batch([FIRST]), maker().batch([FIRST]), maker().batch([FIRST], salt=1)
    assert np.array_equal(first.context_ids, again.context_ids)
    assert not np.array_equal(first.context_ids, other.context_ids)
