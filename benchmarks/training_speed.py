"""Words per second of processor time in training: the network beside gensim's CBOW, on the same text, in one run.

    .venv-trainer/bin/python -m benchmarks.training_speed

The text is the corpus's training part, words outside the vocabulary written as one symbol, so that both have the same
words. Both have the same dimension and the same number of words in a window: gensim's window goes half to each side,
ours to the left. Neither drops frequent words. gensim draws 5 noise words for each word and has no hidden layer; the
network has its hidden layer and 32 noise words, shared by 128 neighbours. Words of text are counted: that ours predicts
the ends of sentences too is not credited.

Processor time is the whole process's, threads included. What comes once is left out for both: reading the text and
counting its words; for ours also the first epoch, in which TensorFlow builds its graph (printed beside).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import tensorflow as tf

from trainer.config import ModelSettings, ScheduleSettings
from trainer.data import corpus
from trainer.data.partition import split
from trainer.data.vocabulary import Vocabulary
from trainer.network.training import Conveniences, train, use_threads

ENVIRONMENT = Path("build/gensim")
REQUIREMENTS = Path(__file__).parent / "requirements-gensim.txt"
REFERENCE = Path(__file__).parent / "gensim_cbow.py"
GENSIM_NEGATIVES = 5


def gensim_python() -> Path:
    """The Python of gensim's own environment, made if it is not there: gensim wants another NumPy than ElasticDL."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".ready").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
        (ENVIRONMENT / ".ready").touch()
    return python


def reference(text: list[str], settings: ModelSettings, epochs: int) -> float:
    """gensim's words a second."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(text))
        file.flush()
        numbers = (settings.embedding_dimension, GENSIM_NEGATIVES, epochs, settings.window // 2)
        command = [str(gensim_python()), str(REFERENCE), file.name, *map(str, numbers)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(found["words"] / found["seconds"])


def ours(
    text: list[str], vocabulary: Vocabulary, settings: ModelSettings, epochs: int, minibatch: int
) -> tuple[float, float]:
    """The network's words a second, and what it took to start (the first epoch's time less another's)."""
    sentences = [vocabulary.encode(line) for line in text]
    ends: list[float] = []
    begun = time.process_time()
    each_epoch = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.process_time()))
    train(
        settings,
        ScheduleSettings(epochs=epochs + 1, minibatch_size=minibatch),
        vocabulary,
        sentences,
        conveniences=Conveniences(callbacks=(each_epoch,)),
    )
    seconds = ends[-1] - ends[0]
    return sum(map(len, sentences)) * epochs / seconds, ends[0] - begun - seconds / epochs


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Training speed beside gensim's CBOW.")
    parser.add_argument("--epochs", type=int, default=4, help="measured, of each (4)")
    parser.add_argument("--vocabulary", type=int, default=30_000, help="words (30000)")
    parser.add_argument("--rounds", type=int, default=2, help="of both, the best counts (2)")
    parser.add_argument("--minibatch", type=int, default=128, help="sentences (128, as the stacks have it)")
    parser.add_argument("--learning-rate", type=float, default=0.02, help="(0.02, as the stacks have it)")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # read when the libraries are loaded, so begin again
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.training_speed", *sys.argv[1:]])  # noqa: S606 - us
    use_threads(1)  # as `python -m trainer train` does
    lines = split(corpus.read_sentences()).train
    vocabulary = Vocabulary.count(lines, options.vocabulary)
    text = [" ".join(vocabulary.words[word] for word in vocabulary.encode(line)) for line in lines]
    settings = ModelSettings(vocabulary_size=len(vocabulary), dropout=0.0, learning_rate=options.learning_rate)
    print(
        f"{len(text):,} sentences, {sum(line.count(' ') + 1 for line in text):,} words, {len(vocabulary):,} different, "
        f"dimension {settings.embedding_dimension}, {settings.window} words in a window",
        flush=True,
    )
    theirs, found = 0.0, 0.0
    for _ in range(options.rounds):
        theirs = max(theirs, reference(text, settings, options.epochs))
        speed, start = ours(lines, vocabulary, settings, options.epochs, options.minibatch)
        found = max(found, speed)
    print(f"gensim CBOW, {GENSIM_NEGATIVES} noise words:{theirs:>40,.0f} words per second of processor")
    print(
        f"network, hidden layer of {settings.hidden_dimension}, {settings.negative_samples} noise words:"
        f"{found:>26,.0f} words per second of processor; {start:.1f} s to start"
    )
    print(f"ratio {found / theirs:.2f} (goal 1.0, at least 0.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
