"""A worker's batches are made in advance, in their order, and an error in making one is not lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.elasticdl.reader import in_advance

SECONDS = 10


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_items_come_in_their_order(items: list[int], count: int) -> None:
    assert list(in_advance(iter(items), count)) == items


def test_the_next_ones_are_made_before_they_are_asked_for() -> None:
    made = [threading.Event() for _ in range(10)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    ahead = in_advance(items(), 2)
    assert next(ahead) == 0
    assert made[2].wait(SECONDS)  # two wait to be asked for
    assert not made[5].is_set()  # and no more: one could be in the maker's hand besides
    assert list(ahead) == list(range(1, 10))


def test_an_error_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second can't be made")

    ahead = in_advance(items(), 4)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="second"):
        next(ahead)
