"""Batches of running text against windows that are cut one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.vocabulary import BOUNDARY_ID, Ids
from trainer.network.examples import windows
from trainer.network.noise import NoiseDistribution, smoothed
from trainer.network.runs import GROUP, MULTIPLE, RunBatch, RunMaker, Text

SIZE = 40
sentences_of_text = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=60), max_size=12)


def arrays(lists: list[list[int]]) -> list[Ids]:
    return [np.array(entry, dtype=np.int32) for entry in lists]


def maker(window: int = 3, negative_samples: int = 4) -> RunMaker:
    return RunMaker(window, negative_samples, NoiseDistribution(smoothed(tuple(range(SIZE)), 0.01)), seed=7)


def positions_of(batch: RunBatch, window: int) -> Ids:
    """Each position's word and those before it, nearest first, read back from a batch."""
    total, count = len(batch.window_places), int(batch.positions)
    words = batch.word_ids[batch.words[:total]][:count]
    text = batch.window_ids[batch.text]
    before = [text[place : place + window][::-1] for place in batch.window_places[:count]]
    return np.column_stack([words, np.array(before, dtype=np.int32).reshape(-1, window)])


@given(sentences_of_text, st.integers(1, 6))
def test_a_batch_holds_the_windows_that_the_naive_loop_cuts(lists: list[list[int]], window: int) -> None:
    batch = maker(window).batch(Text(arrays(lists)))
    assert np.array_equal(positions_of(batch, window), windows(arrays(lists), window))


@given(sentences_of_text)
def test_words_are_numbered_in_rising_order_each_once(lists: list[list[int]]) -> None:
    batch = maker().batch(Text(arrays(lists)))
    for ids, places in ((batch.word_ids, batch.words), (batch.window_ids, batch.text)):
        assert np.all(np.diff(ids) > 0)
        assert np.array_equal(np.unique(places), np.arange(len(ids)))
    assert len(batch.text) % MULTIPLE == 0


@given(sentences_of_text)
def test_windows_of_no_position_point_to_one_that_only_fills(lists: list[list[int]]) -> None:
    batch = maker().batch(Text(arrays(lists)))
    total, count = len(batch.window_places), int(batch.positions)
    assert total % GROUP == 0
    assert count < total
    belongs = {int(place): number for number, place in enumerate(batch.window_places[:count])}
    assert batch.text_places.tolist() == [belongs.get(place, total - 1) for place in range(len(batch.text_places))]


def test_features_go_with_their_positions_in_whatever_order_sentences_come() -> None:
    lists = [[5, 6], [9], [7, 8, 7]]
    every = windows(arrays(lists), 3)
    features = every[:, :2].astype(np.float32)
    for batch in maker().batches(Text(arrays(lists), features), 2, epoch=1):
        count = int(batch.positions)
        assert batch.features is not None
        assert np.array_equal(batch.features[:count], positions_of(batch, 3)[:, :2])
        assert batch.features.shape == (len(batch.window_places), 2)
        assert not batch.features[count:].any()
        assert len(batch.arrays()) == 8
    assert len(maker().batch(Text(arrays(lists))).arrays()) == 7


def test_each_group_has_its_own_noise_and_the_salt_changes_it() -> None:
    text = Text([np.arange(30, dtype=np.int32)] * 10)
    batch, again, other = maker().batch(text), maker().batch(text), maker().batch(text, salt=1)
    total = len(batch.window_places)
    noise = batch.word_ids[batch.words[total:]].reshape(-1, 4)
    assert len(noise) == total // GROUP == 3
    assert not np.array_equal(noise[0], noise[1])
    assert all(np.array_equal(*pair) for pair in zip(batch.arrays(), again.arrays(), strict=True))
    assert not np.array_equal(noise, other.word_ids[other.words[total:]].reshape(-1, 4))


@given(sentences_of_text, st.integers(1, 5), st.integers(0, 3))
def test_an_epoch_has_every_sentence_once_in_an_order_of_chance(
    lists: list[list[int]], sentences: int, epoch: int
) -> None:
    text = Text(arrays(lists))
    found = [positions_of(batch, 3).tolist() for batch in maker().batches(text, sentences, epoch)]
    assert len(found) == -(-len(lists) // sentences)
    assert sorted(row for rows in found for row in rows) == sorted(windows(arrays(lists), 3).tolist())
    again = [positions_of(batch, 3).tolist() for batch in maker().batches(text, sentences, epoch)]
    assert found == again


def test_positions_of_a_text_are_its_words_and_ends() -> None:
    text = Text(arrays([[5, 6], [], [7]]))
    assert text.positions == 6
    assert text.chosen(np.array([2, 0])).ids.tolist() == [7, BOUNDARY_ID, 5, 6, BOUNDARY_ID]


@pytest.mark.parametrize("count", [0, 3])
def test_measuring_goes_through_the_text_in_order_with_the_same_noise(count: int) -> None:
    text = Text([np.arange(number, number + 3, dtype=np.int32) for number in range(count)])
    batches = list(maker().in_order(text, 2))
    assert len(batches) == -(-count // 2)
    assert all(
        np.array_equal(left.words, right.words) for left, right in zip(batches, maker().in_order(text, 2), strict=True)
    )
