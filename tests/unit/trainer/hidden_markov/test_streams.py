"""Packing sentences into streams."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.vocabulary import BOUNDARY_ID
from trainer.hidden_markov.streams import blocks

SENTENCES = st.lists(
    st.lists(st.integers(2, 9), max_size=12).map(lambda words: np.array(words, dtype=np.int32)), max_size=40
)


@given(SENTENCES, st.integers(1, 20), st.integers(1, 5))
def test_every_position_is_in_one_place_and_sentences_stay_whole(
    sentences: list[np.ndarray], steps: int, streams: int
) -> None:
    text = [word for sentence in sentences for word in [*sentence.tolist(), BOUNDARY_ID]]
    first = {0, *np.cumsum([len(sentence) + 1 for sentence in sentences]).tolist()}
    seen: list[int] = []
    shapes = set()
    for block in blocks(sentences, steps, streams):
        assert block.words.shape == block.begins.shape == block.weights.shape == block.places.shape
        assert block.words.shape[1] <= streams
        shapes.add(block.words.shape)
        for stream in range(block.words.shape[1]):
            places = block.places[:, stream]
            for step, place in enumerate(places.tolist()):
                assert (place >= 0) == (block.weights[step, stream] == 1.0)
                if place < 0:
                    assert block.begins[step, stream]
                    continue
                seen.append(place)
                assert block.words[step, stream] == text[place]
                assert block.begins[step, stream] == (place in first)
                assert block.begins[step, stream] or places[step - 1] == place - 1
    assert sorted(seen) == list(range(len(text)))
    assert len(shapes) <= 1, "one program reads them all"


def test_streams_of_ordinary_sentences_are_nearly_full() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 2000)
    sentences = [np.full(length, 2, dtype=np.int32) for length in lengths]
    assert np.mean([block.weights.mean() for block in blocks(sentences, 256, 100)]) > 0.97
