"""Words per second of processor time in training: the network beside gensim's CBOW, on the same text, in one run.

    .venv-trainer/bin/python -m benchmarks.training_speed

The text is the corpus's training part, words outside the vocabulary written as one symbol, so that both have the same
words. Both have the same dimension and the same number of words in a window: gensim's window goes half to each side,
ours to the left. Neither drops frequent words. Words of text are counted: that ours predicts the ends of sentences
too is not credited, nor is its hidden layer, which gensim lacks.

Both are measured with 32 noise words for each word, as the product has them, and with 5, gensim's default. "For each
word" is the objective, and the same for both; what is drawn is not. gensim draws every word its own. Ours draws them
for 128 neighbours at once, and each of these is told from all of them: that turns most of the work into products of
matrices, and is where the speed comes from. Perplexity suffers if too many share (docs/decisions/0004).

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
from trainer.data.vocabulary import BOUNDARY, Vocabulary
from trainer.network.training import Conveniences, train, use_threads

ENVIRONMENT = Path("build/gensim")
REQUIREMENTS = Path(__file__).parent / "requirements-gensim.txt"
REFERENCE = Path(__file__).parent / "gensim_cbow.py"
GENSIM_NEGATIVES = 5
"""gensim's default."""
GOAL, LEAST = 1.0, 0.5
"""Of gensim's speed with as many noise words as the product has."""


def gensim_python() -> Path:
    """The Python of gensim's own environment, made if it is not there: gensim wants another NumPy than ElasticDL."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".ready").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
        (ENVIRONMENT / ".ready").touch()
    return python


def reference(text: list[str], settings: ModelSettings, vocabulary: int, epochs: int) -> float:
    """gensim's words a second. It must find every word of the text, and as many different ones as are said."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(text))
        file.flush()
        numbers = (settings.embedding_dimension, settings.negative_samples, epochs, settings.window // 2)
        command = [str(gensim_python()), str(REFERENCE), file.name, *map(str, numbers)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    expected = (words_of(text) * epochs, vocabulary)
    if (found["words"], found["vocabulary"]) != expected:
        raise SystemExit(f"gensim trained on other words than ours: {found}, expected {expected}")
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


def words_of(text: list[str]) -> int:
    """Words of all sentences."""
    return sum(line.count(" ") + 1 for line in text)


def main() -> int:
    """Measure and print; 0 if the goal is met."""
    parser = argparse.ArgumentParser(description="Training speed beside gensim's CBOW.")
    parser.add_argument("--epochs", type=int, default=4, help="measured, of each (4)")
    parser.add_argument("--vocabulary", type=int, default=30_000, help="words (30000)")
    parser.add_argument("--rounds", type=int, default=2, help="of all, the best counts (2)")
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
    base = ModelSettings(vocabulary_size=len(vocabulary), dropout=0.0, learning_rate=options.learning_rate)
    print(
        f"{len(text):,} sentences, {words_of(text):,} words, {len(vocabulary):,} different, "
        f"dimension {base.embedding_dimension}, {base.window} words in a window",
        flush=True,
    )
    theirs: dict[int, float] = {}
    found: dict[int, float] = {}
    start = 0.0
    for _ in range(options.rounds):
        for negatives in (GENSIM_NEGATIVES, base.negative_samples):
            settings = base.model_copy(update={"negative_samples": negatives})
            speed = reference(text, settings, len(set(vocabulary.words) - {BOUNDARY}), options.epochs)
            theirs[negatives] = max(theirs.get(negatives, 0.0), speed)
            speed, start = ours(lines, vocabulary, settings, options.epochs, options.minibatch)
            found[negatives] = max(found.get(negatives, 0.0), speed)
    return table(theirs, found, f"network, hidden layer of {base.hidden_dimension}", start)


def table(theirs: dict[int, float], found: dict[int, float], name: str, start: float) -> int:
    """Print words a second by noise words, and their ratios; 0 if the goal is met."""
    few, many = sorted(found)
    print(f"{'':<30}{'noise words':>12}{'words per second of processor':>32}{'of gensim with as many':>25}")
    for negatives in (few, many):
        print(f"{'gensim CBOW':<30}{negatives:>12}{theirs[negatives]:>32,.0f}")
    for negatives in (few, many):
        ratio = found[negatives] / theirs[negatives]
        print(f"{name:<30}{negatives:>12}{found[negatives]:>32,.0f}{ratio:>25.2f}")
    ratio = found[many] / theirs[many]
    verdict = "met" if ratio >= GOAL else "not met" if ratio >= LEAST else "not done"
    print(
        f"ours with {many} beside gensim with {few}: {found[many] / theirs[few]:.2f}; {start:.1f} s for ours to start"
    )
    print(f"at equal dimension, window and noise words ({many}, as the product has them): {ratio:.2f}")
    print(f"goal {GOAL}, at least {LEAST}: {verdict}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
