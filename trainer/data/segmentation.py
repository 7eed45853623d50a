"""Untouched Chinese text -> sentences of words, as the training text has them.

The training text was segmented by hand, so its vocabulary and counts say how its words are cut: of all ways to cut a
text into words, the one with the highest product of the words' probabilities is taken (unigram segmentation; Sproat et
al. 1996), found by dynamic programming. `python -m benchmarks.serving` compares it with the hand's segmentation.
"""

from __future__ import annotations

import math
import re
import unicodedata

from trainer.data.corpus import ENDS, NUMBER, normalised
from trainer.data.vocabulary import Vocabulary

LONGEST_WORD = 8
"""Characters; longer words of the vocabulary (names, mostly) are left whole only if no shorter cut exists."""
_RUN = re.compile(r"[0-9][0-9.,:%/\-]*|[a-z][a-z0-9.&'\-]*")
"""Numerals and Latin words, which are never cut inside."""
_CLOSING = "”’）)》」"
_SPACES = re.compile(r"\s+")


class Segmenter:
    """Cuts text into the words of one vocabulary; what it doesn't know is cut into single characters."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        total = float(sum(vocabulary.counts) + len(vocabulary))
        self._log_probabilities = {
            word: math.log((count + 1) / total)
            for word, count in zip(vocabulary.words[2:], vocabulary.counts[2:], strict=True)
        }
        self._longest = min(LONGEST_WORD, max((len(word) for word in self._log_probabilities), default=1))
        # A character that no word is made of costs more than any known word, so known words win where they can.
        self._unknown = math.log(0.1 / total)

    def words(self, text: str) -> list[str]:
        """The words of a text, normalised as the training text's; spaces separate and are no words."""
        found: list[str] = []
        # Once for the whole text and before it is cut, as full-width forms stand for the words of the vocabulary.
        for part in _SPACES.split(unicodedata.normalize("NFKC", text).lower()):
            found.extend(self._normalised(self._cut(part)))
        return found

    def _normalised(self, words: list[str]) -> list[str]:
        """As the training text's; known words are so already."""
        known = self._log_probabilities
        return [made for word in words if (made := word if word in known else normalised(word))]

    def sentences(self, text: str) -> list[tuple[str, list[str]]]:
        """A text's sentences: as written, and as words. A line's end ends a sentence too."""
        found = []
        for line in text.splitlines():
            for sentence in _split(line):
                words = self.words(sentence)
                if words:
                    found.append((sentence.strip(), words))
        return found

    def _cut(self, text: str) -> list[str]:
        """The best path through the text, from its end: best[i] is the score of text[i:], step[i] its first word."""
        size, known = len(text), self._log_probabilities
        best = [0.0] * (size + 1)
        step = [1] * (size + 1)
        runs = {match.start(): match.end() - match.start() for match in _RUN.finditer(text)}
        for start in range(size - 1, -1, -1):
            run = runs.get(start, 1)
            first = NUMBER if text[start].isascii() and text[start].isdigit() else text[start : start + run]
            score, length = known.get(first, self._unknown) + best[start + run], run
            for end in range(start + 2, min(start + self._longest, size) + 1):
                found = known.get(text[start:end])
                if found is not None and found + best[end] > score:
                    score, length = found + best[end], end - start
            best[start], step[start] = score, length
        return _follow(text, step)


def _follow(text: str, step: list[int]) -> list[str]:
    words, place = [], 0
    while place < len(text):
        words.append(text[place : place + step[place]])
        place += step[place]
    return words


def _split(line: str) -> list[str]:
    """Cut after the marks that end a sentence; a closing quotation mark or bracket goes with them."""
    found, start, place = [], 0, 0
    while place < len(line):
        place += 1
        if line[place - 1] in ENDS:
            while place < len(line) and (line[place] in ENDS or line[place] in _CLOSING):
                place += 1
            found.append(line[start:place])
            start = place
    found.append(line[start:])
    return [sentence for sentence in found if sentence.strip()]
