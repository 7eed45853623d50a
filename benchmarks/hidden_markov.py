"""Baum-Welch beside hmmlearn's: the same start, the same text, one core, in one run; log-likelihoods and speed.

    .venv-trainer/bin/python -m pip install -r benchmarks/requirements-trainer.txt
    .venv-trainer/bin/python -m benchmarks.hidden_markov [--classes 64] [--sentences 2500] [--iterations 2]

The text is the corpus's training part. hmmlearn's `CategoricalHMM` knows two ways: "log" (its default, the E step in
log space) and "scaling"; the goal is held against both. Its Dirichlet priors are set to 1 + smoothing, which makes its
M step ours. Times are processor seconds of whole iterations; what compiling takes is told by itself.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

from trainer.data import corpus
from trainer.data.partition import split
from trainer.data.vocabulary import BOUNDARY_ID, Ids, Vocabulary
from trainer.hidden_markov.expectation import expected_counts, expected_counts_by_gradient
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.hidden_markov.streams import blocks
from trainer.hidden_markov.training import SMOOTHING, difference, expected, maximised

EQUAL = 1e-6
"""Relative, of a log-likelihood."""
GOAL = 5.0


@dataclass(frozen=True)
class Run:
    """Log-likelihoods before each iteration, and processor seconds of all of them."""

    log_likelihoods: list[float]
    seconds: float


def ours(start: HiddenMarkovModel, sentences: list[Ids], iterations: int) -> Run:
    """So many iterations of EM, packing included."""
    found, model, begun = [], start, time.process_time()
    text = list(blocks(sentences))
    for _ in range(iterations):
        counts = expected(model, text)
        found.append(counts.log_likelihood)
        model = maximised(counts, SMOOTHING)
    return Run(found, time.process_time() - begun)


def hmmlearns(start: HiddenMarkovModel, sentences: list[Ids], iterations: int, implementation: str) -> Run:
    """The same with hmmlearn."""
    from hmmlearn.hmm import CategoricalHMM  # noqa: PLC0415 - told below how to get it

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it warns of little text
    prior = 1.0 + SMOOTHING
    model: Any = CategoricalHMM(
        start.classes,
        startprob_prior=prior,
        transmat_prior=prior,
        emissionprob_prior=prior,
        n_iter=iterations,
        tol=-np.inf,
        init_params="",
        implementation=implementation,
    )
    model.n_features = start.size
    model.startprob_, model.transmat_, model.emissionprob_ = start.initial, start.transition, start.emission
    text = np.concatenate([np.append(sentence, BOUNDARY_ID) for sentence in sentences])[:, np.newaxis]
    lengths = [len(sentence) + 1 for sentence in sentences]
    begun = time.process_time()
    model.fit(text, lengths)
    return Run([float(value) for value in model.monitor_.history], time.process_time() - begun)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Baum-Welch beside hmmlearn's: log-likelihood and speed.")
    parser.add_argument("--classes", type=int, default=64, help="of the hidden variable (64)")
    parser.add_argument("--sentences", type=int, default=2500, help="of the training part (2500)")
    parser.add_argument("--iterations", type=int, default=2, help="of EM (2)")
    parser.add_argument("--vocabulary", type=int, default=8000, help="words (8000)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    lines = split(corpus.read_sentences()).train
    vocabulary = Vocabulary.count(lines, options.vocabulary)
    sentences = [vocabulary.encode(line) for line in lines[: options.sentences]]
    words = sum(len(sentence) + 1 for sentence in sentences)
    start = HiddenMarkovModel.start(vocabulary.counts, options.classes, seed=0)
    block = next(blocks(sentences))
    begun = time.process_time()
    counts = expected_counts(start, block)
    compiled = time.process_time() - begun
    agreement = difference(counts, expected_counts_by_gradient(start, block))
    print(f"{words:,} words, {len(vocabulary):,} different, {options.classes} classes, {options.iterations} iterations")
    print(
        f"EM and gradient form: expected counts differ by {agreement:.1e} at the most; compiling took {compiled:.1f} s"
    )
    mine = ours(start, sentences, options.iterations)
    print(f"{'':<22}{'words a second':>16}{'ours is':>10}{'log-likelihood':>20}{'differs by':>12}")
    print(f"{'ours':<22}{words * options.iterations / mine.seconds:>16,.0f}{'':>10}{mine.log_likelihoods[-1]:>20,.6f}")
    met = True
    for implementation in ("log", "scaling"):
        try:
            theirs = hmmlearns(start, sentences, options.iterations, implementation)
        except ImportError:
            print("error: hmmlearn is missing; pip install -r benchmarks/requirements-trainer.txt", file=sys.stderr)
            return 2
        pairs = zip(mine.log_likelihoods, theirs.log_likelihoods, strict=True)
        furthest = max(abs(one - other) / abs(other) for one, other in pairs)
        ratio = theirs.seconds / mine.seconds
        speed = words * options.iterations / theirs.seconds
        print(
            f"{'hmmlearn, ' + implementation:<22}{speed:>16,.0f}{ratio:>9.1f}x{theirs.log_likelihoods[-1]:>20,.6f}"
            f"{furthest:>12.1e}"
        )
        met = met and furthest < EQUAL and ratio >= GOAL
    print(f"goal: equal to {EQUAL:.0e}, at least {GOAL:.0f} times as fast: {'met' if met else 'not met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
