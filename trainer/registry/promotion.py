"""Whether a new version is better than the one in use, on text that neither was trained on.

Perplexities compare only over one vocabulary: who knows fewer words has an easier guess. So where vocabularies or data
differ, every word is charged its spelling too: a word outside the vocabulary costs what <unknown> costs plus
log(CHARACTERS) for each of its characters, a uniform spelling, and the total is given by character. The held-out part
is the same for both: a sentence's own hash sends it there, whatever data set it is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.vocabulary import UNKNOWN_ID
from trainer.mixture.interpolation import Scoring
from trainer.network.examples import windows

CHARACTERS = 20_992
"""CJK unified ideographs of the Unicode block U+4E00 to U+9FFF."""


@dataclass(frozen=True)
class Comparison:
    """Nats a character of the held-out text, lower is better; the error is that of their difference, by sentence."""

    candidate: float
    current: float
    standard_error: float
    sentences: int

    @property
    def is_better(self) -> bool:
        return self.candidate < self.current

    def __str__(self) -> str:
        sign = "better" if self.is_better else "no better"
        return (
            f"{sign} on {self.sentences:,} held-out sentences: {self.candidate:.4f} nats a character, the current "
            f"version has {self.current:.4f} (difference ± {self.standard_error:.4f})"
        )


def compare(candidate: Scoring, current: Scoring, lines: Sequence[str], positions: int) -> Comparison:
    """Score held-out lines (words with spaces between) with both, up to about so many words in all."""
    chosen = _spread(lines, positions)
    characters = np.array([len(line.replace(" ", "")) + 1 for line in chosen], dtype=np.float64)
    costs = {name: sentence_costs(model, chosen) for name, model in (("candidate", candidate), ("current", current))}
    difference = (costs["candidate"] - costs["current"]) / characters.mean()
    return Comparison(
        candidate=float(costs["candidate"].sum() / characters.sum()),
        current=float(costs["current"].sum() / characters.sum()),
        standard_error=float(difference.std() / np.sqrt(len(chosen))),
        sentences=len(chosen),
    )


def sentence_costs(model: Scoring, lines: Sequence[str]) -> NDArray[np.float64]:
    """-log P of each line, words outside the vocabulary spelt out; nats, shape (lines,)."""
    encoded = [model.vocabulary.encode(line) for line in lines]
    positions = windows(encoded, model.history)
    scorer = model.scorer()
    found = -scorer.exact(positions[:, 0], scorer.contexts(positions[:, 1:]))
    ends = np.cumsum([len(sentence) + 1 for sentence in encoded])
    totals = np.add.reduceat(found, np.concatenate([[0], ends[:-1]]))
    return np.asarray(totals + [_spelling(line, ids) for line, ids in zip(lines, encoded, strict=True)])


def _spelling(line: str, ids: NDArray[np.int32]) -> float:
    unknown = (word for word, index in zip(line.split(), ids, strict=True) if index == UNKNOWN_ID)
    return float(np.log(CHARACTERS)) * sum(map(len, unknown))


def _spread(lines: Sequence[str], positions: int) -> list[str]:
    """Lines at equal distances that hold about so many words."""
    words = sum(line.count(" ") + 2 for line in lines)
    count = len(lines) if words <= positions else max(1, len(lines) * positions // words)
    return [lines[int(place)] for place in np.linspace(0, len(lines) - 1, count)]
