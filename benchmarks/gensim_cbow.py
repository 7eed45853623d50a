"""Trains gensim's CBOW on a text file and prints words per second of processor time: the reference of
`benchmarks.training_speed`, which runs this file with the Python of an environment that has gensim and nothing of ours.

    PYTHON benchmarks/gensim_cbow.py TEXT DIMENSION NEGATIVES EPOCHS WINDOW

A sentence a line, words separated by spaces. Processor time is the whole process's, threads included, of `train` alone:
reading the text and counting the vocabulary come before.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from gensim.models import Word2Vec


def main() -> int:
    """Train twice, the second time for the figure."""
    path, dimension, negatives, epochs, window = sys.argv[1], *map(int, sys.argv[2:])
    sentences = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    model = Word2Vec(
        vector_size=dimension,
        window=window,
        shrink_windows=False,
        negative=negatives,
        sg=0,
        sample=0,
        min_count=1,
        ns_exponent=1.0,
        workers=1,
    )
    model.build_vocab(sentences)
    model.train(sentences, total_examples=len(sentences), epochs=1)
    begun = time.process_time()
    model.train(sentences, total_examples=len(sentences), epochs=epochs)
    words = sum(map(len, sentences)) * epochs
    print(json.dumps({"words": words, "seconds": time.process_time() - begun}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
