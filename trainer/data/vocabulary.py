"""The words that the model knows, by how often the training text has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

UNKNOWN, BOUNDARY = "<unknown>", "<boundary>"
UNKNOWN_ID, BOUNDARY_ID = 0, 1
SMALLEST = 3
"""Both symbols and a word."""
Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their ids, and how often each stands in the training text.

    Id 0 stands for every word outside; id 1 for a sentence's edge: it fills the window before the first word and is
    itself predicted after the last, so that a sentence's probability includes its end.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.words[:2] != (UNKNOWN, BOUNDARY) or len(self.words) != len(self.counts):
            raise DataError("a vocabulary begins with <unknown> and <boundary> and has a count for every word")
        object.__setattr__(self, "_ids", {word: index for index, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def count(cls, lines: Iterable[str], size: int) -> Vocabulary:
        """The `size` most frequent words (both symbols included); equally frequent ones in the order of their code."""
        if size < SMALLEST:
            raise DataError(f"a vocabulary of {size}: at least {SMALLEST} (two symbols and a word)")
        counter: Counter[str] = Counter()
        sentences = 0
        for line in lines:
            counter.update(line.split())
            sentences += 1
        ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        kept = ranked[: size - 2]
        outside = sum(count for _, count in ranked[size - 2 :])
        return cls(
            (UNKNOWN, BOUNDARY, *(word for word, _ in kept)), (outside, sentences, *(count for _, count in kept))
        )

    def reduced(self, size: int) -> Vocabulary:
        """The most frequent `size` of these; the others' counts go to <unknown>."""
        if size >= len(self):
            return self
        outside = self.counts[0] + sum(self.counts[size:])
        return Vocabulary(self.words[:size], (outside, *self.counts[1:size]))

    def encode(self, line: str) -> Ids:
        """Ids of a line's words."""
        get = self._ids.get
        return np.fromiter((get(word, UNKNOWN_ID) for word in line.split()), dtype=np.int32)

    def to_json(self) -> dict[str, Any]:
        return {"words": list(self.words), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Vocabulary:
        try:
            return cls(tuple(map(str, value["words"])), tuple(map(int, value["counts"])))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a vocabulary: {error!r}; `python -m trainer prepare` writes a new one") from error
