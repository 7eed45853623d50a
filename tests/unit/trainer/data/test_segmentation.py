"""Untouched text becomes the vocabulary's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.models import numpy_model
from trainer.data.corpus import normalised
from trainer.data.segmentation import Segmenter

SEGMENTER = Segmenter(numpy_model().vocabulary)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("今天天气很好。", "今天 天气 很 好 。"),
        ("北京大学学生", "北京 大学 学生"),
        ("我喜欢ＡＢＣ和苹果！", "我 喜欢 abc 和 苹果 !"),
        ("1998年，３．５％", "<number> 年 , <number>"),
        ("我  你\t他", "我 你 他"),
        ("龘靐", "龘 靐"),
        ("  \n\t ", ""),
        ("\x00\x07\ue000", ""),
    ],
)
def test_words_are_cut_as_the_training_text_has_them(text: str, words: str) -> None:
    assert SEGMENTER.words(text) == words.split()


def test_sentences_end_at_their_marks_and_at_line_ends() -> None:
    found = SEGMENTER.sentences("他喜欢我。”“你好！？\n我很好")
    assert [text for text, _ in found] == ["他喜欢我。”", "“你好！？", "我很好"]


@given(st.text(max_size=80))
def test_no_text_breaks_it_and_no_word_is_empty_or_holds_a_space(text: str) -> None:
    words = SEGMENTER.words(text)
    assert all(word and not word.isspace() and " " not in word for word in words)
    joined = [word for _, sentence in SEGMENTER.sentences(text) for word in sentence]
    assert "".join(joined).replace("<number>", "") == "".join(words).replace("<number>", "") or "\n" not in text


@given(st.lists(st.sampled_from(["今天", "天气", "北京", "大学", "学生", "喜欢", "苹果"]), max_size=8))
def test_what_is_cut_is_all_there(words: list[str]) -> None:
    assert "".join(SEGMENTER.words("".join(words))) == normalised("".join(words))
