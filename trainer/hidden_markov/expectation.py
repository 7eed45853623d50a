"""The E step: forward-backward over a block of text, compiled by XLA.

Why scaled probabilities and not logarithms: each step's vector is divided by its sum, which is P(w_i | w_<i), and the
log-likelihood is the sum of their logarithms (Rabiner 1989, section V.A). That is the same number as in log space as
long as nothing underflows, and nothing does: smoothed tables hold no value under about 1e-12, so no sum is under 1e-24,
and a class 1e-300 less likely than another adds nothing that a 53-bit number could hold in log space either. A matrix
product then does what log space needs K^2 exponentials a word for. A test holds both forms to 1e-9.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.hidden_markov.model import HiddenMarkovModel
from trainer.hidden_markov.streams import Block


@dataclass
class Expected:
    """Expected counts under the model, and the text's log-likelihood: the sufficient statistics of Baum-Welch.

    initial (K,), transition (K, K), emission (K, V).
    """

    initial: NDArray[np.float64]
    transition: NDArray[np.float64]
    emission: NDArray[np.float64]
    log_likelihood: float

    @classmethod
    def none(cls, model: HiddenMarkovModel) -> Expected:
        return cls(np.zeros_like(model.initial), np.zeros_like(model.transition), np.zeros_like(model.emission), 0.0)

    def add(self, other: Expected) -> None:
        """Counts of different text add up."""
        self.initial += other.initial
        self.transition += other.transition
        self.emission += other.emission
        self.log_likelihood += other.log_likelihood


def expected_counts(model: HiddenMarkovModel, block: Block) -> Expected:
    """By forward-backward. Raises DataError if the model holds a sentence for impossible."""
    initial, transition, emission, log_likelihood = _forward_backward()(*_tensors(model), *_text(block))
    return _checked(initial, transition, tf.transpose(emission), log_likelihood)


def expected_counts_by_gradient(model: HiddenMarkovModel, block: Block) -> Expected:
    """The same numbers another way: a probability times the log-likelihood's derivative by it is its expected count."""
    tables = _tensors(model)
    log_likelihood, gradients = _gradient()(*tables, *_text(block))
    initial, transition, emission = (table * gradient for table, gradient in zip(tables, gradients, strict=True))
    return _checked(initial, transition, tf.transpose(emission), log_likelihood)


def _checked(initial: Any, transition: Any, emission: Any, log_likelihood: Any) -> Expected:
    found = float(log_likelihood)
    if not np.isfinite(found):
        raise DataError(
            "the hidden Markov model holds a sentence for impossible, as no class emits one of its words; smooth it"
        )
    return Expected(initial.numpy(), transition.numpy(), emission.numpy(), found)


def _tensors(model: HiddenMarkovModel) -> tuple[Any, Any, Any]:
    return (
        tf.constant(model.initial),
        tf.constant(model.transition),
        tf.constant(np.ascontiguousarray(model.emission.T)),
    )


def _text(block: Block) -> tuple[Any, Any, Any]:
    return tf.constant(block.words), tf.constant(block.begins), tf.constant(block.weights)


def _forward(initial: Any, transition: Any, emitted: Any, begins: Any) -> tuple[Any, Any, Any]:
    """emitted: P(word | z), (steps, streams, K). -> P(z | words so far), the scales, and the log-likelihood by step."""

    def step(carried: tuple[Any, Any], inputs: tuple[Any, Any]) -> tuple[Any, Any]:
        now, starts = inputs
        predicted = tf.where(starts[:, tf.newaxis], initial[tf.newaxis], carried[0] @ transition)
        joint = predicted * now
        scale = tf.reduce_sum(joint, axis=1)
        return joint / scale[:, tf.newaxis], scale

    streams, classes = emitted.shape[1], emitted.shape[2]
    first = (tf.zeros((streams, classes), tf.float64), tf.ones((streams,), tf.float64))
    filtered, scales = tf.scan(step, (emitted, begins), first)
    return filtered, scales, tf.math.log(scales)


@lru_cache(maxsize=1)
def _forward_backward() -> Any:
    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def compute(initial: Any, transition: Any, by_word: Any, words: Any, begins: Any, weights: Any) -> Any:
        steps, streams, classes = words.shape[0], words.shape[1], transition.shape[0]
        emitted = tf.gather(by_word, words)
        filtered, scales, logs = _forward(initial, transition, emitted, begins)
        # What each word says of the class before it: P(w_i | z_i) / P(w_i | w_<i) times what comes after says.
        evidence = emitted / scales[:, :, tf.newaxis]

        def step(after: Any, inputs: tuple[Any, Any]) -> Any:
            says, next_begins = inputs
            return tf.where(next_begins[:, tf.newaxis], tf.ones_like(after), (says * after) @ tf.transpose(transition))

        # Of the last step nothing comes after; of the others, what the next step's word and its own future say.
        ones = tf.ones((streams, classes), tf.float64)
        earlier = tf.scan(step, (evidence[1:], begins[1:]), ones, reverse=True)
        future = tf.concat([earlier, ones[tf.newaxis]], axis=0)
        posterior = filtered * future * weights[:, :, tf.newaxis]
        inside = (weights * tf.cast(~begins, tf.float64))[1:, :, tf.newaxis]
        before = tf.reshape(filtered[:-1] * inside, (-1, classes))
        now = tf.reshape(evidence[1:] * future[1:], (-1, classes))
        transitions = transition * tf.matmul(before, now, transpose_a=True)
        starts = tf.reduce_sum(posterior * tf.cast(begins, tf.float64)[:, :, tf.newaxis], axis=(0, 1))
        flat = tf.reshape(posterior, (steps * streams, classes))
        emissions = tf.math.unsorted_segment_sum(flat, tf.reshape(words, (-1,)), by_word.shape[0])
        return starts, transitions, emissions, tf.reduce_sum(logs * weights)

    return compute


@lru_cache(maxsize=1)
def _gradient() -> Any:
    @tf.function  # type: ignore[untyped-decorator]
    def compute(initial: Any, transition: Any, by_word: Any, words: Any, begins: Any, weights: Any) -> Any:
        tables = (initial, transition, by_word)
        with tf.GradientTape() as tape:
            tape.watch(tables)
            *_, logs = _forward(initial, transition, tf.gather(by_word, words), begins)
            log_likelihood = tf.reduce_sum(logs * weights)
        gradients = tape.gradient(log_likelihood, tables)
        return log_likelihood, tuple(tf.convert_to_tensor(gradient) for gradient in gradients)

    return compute
