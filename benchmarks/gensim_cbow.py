"""Trains gensim's CBOW on a text file and prints words per second of processor time: the reference of
`benchmarks.training_speed`, which runs this file with the Python of an environment that has gensim and nothing of ours.

    PYTHON benchmarks/gensim_cbow.py TEXT DIMENSION NEGATIVES EPOCHS WINDOW

A sentence a line, words separated by spaces. WINDOW: words to each side, all of them at every position
(`shrink_windows` off). Processor time is the whole process's, threads included, of `train` alone: reading the text and
counting the vocabulary come before.

It runs as fast as gensim can: its compiled routines over BLAS (without them this is an error), no loss computed, the
largest batches of words (10,000, which is also what they are by default), frequent words first in the tables, sentences
as lists in memory (`corpus_file`, which reads from the disk, takes an eighth longer).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from gensim.models import Word2Vec
from gensim.models.word2vec_inner import FAST_VERSION, MAX_WORDS_IN_BATCH

BLAS = (0, 1)
"""What FAST_VERSION is with BLAS; 2 is compiled loops."""


def main() -> int:
    """Train twice, the second time for the figure."""
    path, dimension, negatives, epochs, window = sys.argv[1], *map(int, sys.argv[2:])
    if FAST_VERSION not in BLAS:
        print(f"gensim runs without BLAS (FAST_VERSION {FAST_VERSION}): no fair reference", file=sys.stderr)
        return 1
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
        batch_words=MAX_WORDS_IN_BATCH,
    )
    model.build_vocab(sentences)
    model.train(sentences, total_examples=len(sentences), epochs=1, compute_loss=False)
    begun = time.process_time()
    trained, _ = model.train(sentences, total_examples=len(sentences), epochs=epochs, compute_loss=False)
    seconds = time.process_time() - begun
    print(json.dumps({"words": trained, "seconds": seconds, "vocabulary": len(model.wv)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
