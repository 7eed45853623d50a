"""From the package's files to sentences. What the real files give is measured by `python -m trainer prepare`."""

from __future__ import annotations

import pytest

from trainer.data import corpus
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


def test_untouched_text_loses_web_addresses_and_is_cut_into_words_and_sentences() -> None:
    found = list(corpus.text_sentences("这本书很好看！见http://www.example.com/a?b=1 推荐你们阅读１２页"))
    assert ["".join(words) for words in found] == ["这本书很好看!", "见推荐你们阅读<number>页"]
    assert found[1][1:4] == ["推荐", "你们", "阅读"]
    assert list(corpus.text_sentences("嗯")) == []


def test_text_that_is_cut_into_words_already_keeps_its_words() -> None:
    assert list(corpus.segmented_sentences("ＡＢ 中文字 。 下 一 句")) == [["ab", "中文字", "。"], ["下", "一", "句"]]
