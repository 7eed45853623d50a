"""Fitting the hidden Markov model: Baum-Welch in closed form, and the gradient step that goes the same way.

M step: a probability is its expected count plus `smoothing`, divided by its row's sum: the mode under a Dirichlet prior
of 1 + smoothing (additive smoothing, and no probability of 0). In the gradient form the tables are softmaxes of logits;
the derivative of the smoothed log-likelihood by a row's logits is then its expected counts (with the smoothing) less
their sum times the row's probabilities, so it is 0 exactly where the M step changes nothing. One step of it is
generalised EM (Dempster et al. 1977).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from trainer.data.vocabulary import Ids
from trainer.errors import DataError
from trainer.hidden_markov.expectation import Expected, expected_counts
from trainer.hidden_markov.model import HiddenMarkovModel, Probabilities
from trainer.hidden_markov.streams import Block, blocks

TABLES = ("initial", "transition", "emission")
SMOOTHING = 0.01
ITERATIONS = 40
LEAST_GAIN = 1e-3
"""Nats a word on the validation part; less in an iteration, and training ends."""


@dataclass(frozen=True)
class Fitted:
    """The model, and the curve: nats a word of the training text before each iteration, and of the validation part
    after it (empty without one)."""

    model: HiddenMarkovModel
    training: list[float]
    validation: list[float]


def expected(model: HiddenMarkovModel, text: Sequence[Block]) -> Expected:
    """The E step over all blocks."""
    total = Expected.none(model)
    for block in text:
        total.add(expected_counts(model, block))
    return total


def maximised(counts: Expected, smoothing: float) -> HiddenMarkovModel:
    """The M step. Raises DataError without smoothing if a class was never used: its rows would be 0 / 0."""
    tables = []
    for name in TABLES:
        smoothed = getattr(counts, name) + smoothing
        sums = smoothed.sum(axis=-1, keepdims=True)
        if not (sums > 0).all():
            raise DataError(
                f"a class of the hidden Markov model is never used ({name}); use fewer classes or smoothing"
            )
        tables.append(smoothed / sums)
    return HiddenMarkovModel(*tables)


def logit_gradients(model: HiddenMarkovModel, counts: Expected, smoothing: float) -> list[Probabilities]:
    """Of the smoothed log-likelihood, by each table's logits."""
    found = []
    for name in TABLES:
        smoothed = getattr(counts, name) + smoothing
        found.append(smoothed - smoothed.sum(axis=-1, keepdims=True) * getattr(model, name))
    return found


def climbed(model: HiddenMarkovModel, counts: Expected, smoothing: float, rate: float = 1.0) -> HiddenMarkovModel:
    """One step of gradient ascent on the logits, each row's divided by its expected count. A row's curvature is at most
    half of that count, so no `rate` under 4 can step too far: the smoothed likelihood never falls."""
    tables = []
    for name, gradient in zip(TABLES, logit_gradients(model, counts, smoothing), strict=True):
        weight = (getattr(counts, name) + smoothing).sum(axis=-1, keepdims=True)
        moved = getattr(model, name) * np.exp(rate * gradient / weight)
        tables.append(moved / moved.sum(axis=-1, keepdims=True))
    return HiddenMarkovModel(*tables)


def fit(
    model: HiddenMarkovModel,
    sentences: Sequence[Ids],
    validation: Sequence[Ids] = (),
    smoothing: float = SMOOTHING,
    iterations: int = ITERATIONS,
    report: Callable[[int, float], None] = lambda _iteration, _nats: None,
) -> Fitted:
    """Baum-Welch until the validation part gains less than LEAST_GAIN, or for so many iterations. Without a validation
    part: exactly so many. The model returned is the best on the validation part, or else the last."""
    text = list(blocks(sentences))
    words = sum(len(sentence) + 1 for sentence in sentences)
    training: list[float] = []
    measured: list[float] = []
    best = model
    for iteration in range(1, iterations + 1):
        counts = expected(model, text)
        training.append(counts.log_likelihood / words)
        model = maximised(counts, smoothing)
        report(iteration, training[-1])
        if not len(validation):
            best = model
            continue
        measured.append(float(model.log_probabilities(validation).mean()))
        if measured[-1] == max(measured):
            best = model
        if len(measured) > 1 and measured[-1] - measured[-2] < LEAST_GAIN:
            break
    return Fitted(best, training, measured)


def difference(first: Expected, second: Expected) -> float:
    """The largest difference of two sets of expected counts."""
    return max(
        float(np.abs(getattr(first, field.name) - getattr(second, field.name)).max()) for field in fields(Expected)
    )
