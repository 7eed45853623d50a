"""Which part of the data a sentence belongs to, in memory and through the spool on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.partition import PARTS, Split, Spool, split
from trainer.errors import DataError

LINES = [f"句 子 {number}" for number in range(2000)]
TEXTS = st.lists(st.text(alphabet="甲乙丙 ", min_size=1, max_size=6).filter(str.strip), max_size=60)


def test_repeated_sentences_are_dropped_and_counted_and_the_parts_are_apart() -> None:
    found = split([*LINES, *LINES[:300]])
    assert sorted([*found.train, *found.valid, *found.test]) == sorted(LINES)
    assert found.repeated == 300
    assert 60 <= len(found.valid) <= 140
    assert 60 <= len(found.test) <= 140


def test_a_sentence_stays_on_its_side_when_text_is_added() -> None:
    before, after = split(LINES[:1000]), split([*LINES[:1000], *(f"新 {number}" for number in range(500))])
    for part in PARTS:
        assert set(before.lines(part)) <= set(after.lines(part))


def test_the_split_does_not_depend_on_the_order_of_the_text() -> None:
    assert split(LINES) == split(reversed(LINES))


def test_too_little_text_is_an_error_and_not_an_empty_part() -> None:
    with pytest.raises(DataError, match=r"0 valid.*too little text"):
        split(["只 有 一句"])


@settings(max_examples=4)
@given(TEXTS)
def test_the_spool_gives_what_the_split_in_memory_gives(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        spool.add(lines)
        counts = spool.count()
        try:
            expected = split(lines)
        except DataError:
            assert 0 in counts.values()
            return
        assert Split(*(list(spool.lines(part)) for part in PARTS), repeated=spool.repeated) == expected
        assert counts == {part: len(list(expected.lines(part))) for part in PARTS}


def test_a_spool_goes_on_after_the_last_whole_source(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    first.add(LINES[:500])
    first.finish_source("a.txt", {"sha256": "1"})
    first.add(LINES[500:700])  # and is killed here
    again = Spool(tmp_path)
    assert again.sources == {"a.txt": {"sha256": "1"}}
    again.add(LINES[500:])
    again.finish_source("b.txt", {})
    assert sum(again.count().values()) == len(LINES)
    assert again.repeated == 0


def test_a_spool_that_was_read_otherwise_begins_anew(tmp_path: Path) -> None:
    first = Spool(tmp_path, "one way")
    first.add(LINES)
    first.finish_source("a.txt", {})
    again = Spool(tmp_path, "another way")
    assert again.sources == {}
    assert sum(again.count().values()) == 0
