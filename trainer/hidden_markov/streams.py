"""Sentences packed into streams of equal length, so that one compiled program of one shape reads text of any length.

A block is a matrix of words, steps down and streams across. A stream holds whole sentences, each with its end, one
after another; a mark says where a sentence begins, and there the recursions begin anew. What is left over at a
stream's end is filled up and has the weight 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import BOUNDARY_ID, Ids

STEPS, STREAMS = 256, 256
"""65,536 words a block: 32 MiB an array for 64 classes."""


@dataclass(frozen=True)
class Block:
    """All arrays have the shape (steps, streams)."""

    words: Ids
    begins: NDArray[np.bool_]
    weights: NDArray[np.float64]
    """1, or 0 where a stream is filled up."""
    places: NDArray[np.int64]
    """Where the word stands among all positions of the text, in the sentences' order; -1 where filled up."""


def blocks(sentences: Sequence[Ids], steps: int = STEPS, streams: int = STREAMS) -> Iterator[Block]:
    """All sentences in as few blocks as a quick packing finds, all of one shape: at least `steps` long, longer if the
    longest sentence is, and at most `streams` wide, as wide as fills all of them equally."""
    if not len(sentences):
        return
    lengths = np.fromiter((len(sentence) + 1 for sentence in sentences), dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    steps = max(steps, int(lengths.max()))
    flat = np.empty(int(lengths.sum()), dtype=np.int32)
    for sentence, start in zip(sentences, starts, strict=True):
        flat[start : start + len(sentence)] = sentence
    flat[starts + lengths - 1] = BOUNDARY_ID
    chosen = _streams(lengths, steps)
    width = -(-len(chosen) // -(-len(chosen) // streams))
    for first in range(0, len(chosen), width):
        yield _block(chosen[first : first + width], lengths, starts, flat, steps, width)


def _streams(lengths: NDArray[np.int64], steps: int) -> list[list[int]]:
    """Which sentences each stream holds: the longest that still fits is put next, so that little is left over."""
    by_length: dict[int, list[int]] = {}
    for number in np.argsort(lengths, kind="stable")[::-1].tolist():
        by_length.setdefault(int(lengths[number]), []).append(number)
    waiting = sorted(by_length)
    found: list[list[int]] = []
    while waiting:
        stream, left = [], steps
        while True:
            place = int(np.searchsorted(waiting, left, side="right")) - 1
            if place < 0:
                break
            length = waiting[place]
            stream.append(by_length[length].pop())
            left -= length
            if not by_length[length]:
                del by_length[length]
                waiting.pop(place)
        found.append(stream)
    return found


def _block(
    chosen: list[list[int]],
    lengths: NDArray[np.int64],
    starts: NDArray[np.int64],
    flat: Ids,
    steps: int,
    streams: int,
) -> Block:
    places = np.full((streams, steps), -1, dtype=np.int64)
    begins = np.zeros((streams, steps), dtype=bool)
    for row, stream in enumerate(chosen):
        at = 0
        for number in stream:
            length = int(lengths[number])
            places[row, at : at + length] = np.arange(starts[number], starts[number] + length)
            begins[row, at] = True
            at += length
        begins[row, at:] = True
    begins[len(chosen) :] = True
    filled = places < 0
    words = np.where(filled, BOUNDARY_ID, flat[places]).astype(np.int32)
    return Block(
        np.ascontiguousarray(words.T),
        np.ascontiguousarray(begins.T),
        np.ascontiguousarray(~filled.T).astype(np.float64),
        np.ascontiguousarray(places.T),
    )
