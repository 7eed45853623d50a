"""The network's loss and gradients over a batch of running text, as matrix products.

The hidden layer's activation is the square, so what it makes of u' = m_u + c, a word's row and its context's vector,
multiplies out. With kernel K, bias b and beta, the difference of the output's two columns (and its bias's, o):

    d(u, c) = beta . (K^T (m_u + c) + b)^2 + o  =  m_u.(G m_u + g)  +  2 m_u.G c  +  c.(G c + g)  +  g0

    G = K diag(beta) K^T,    g = 2 K (beta * b),    g0 = beta . b^2 + o

Three parts: the word's, the pair's, the context's. The first is computed once for each different word of the batch, the
last once a position, and the pair's is a product of two matrices wherever words are shared: by the noise words of a
group, and by the whole vocabulary in the server. Contexts are a convolution of the text with the weights of the
distances (`ContextEmbedding`). Nothing is approximated: `trainer.model` is the same network row by row, and the tests
compare values and gradients with automatic differentiation of that.

Gradients are written out because TensorFlow's own would go over the large arrays two to three times as often.

    L = sum over positions of  -log sigmoid(d(true)) - sum over its group's K noise words of log sigmoid(-d(noise))

divided by the number of positions (Gutmann & Hyvarinen 2010; noise shared by a minibatch: Zoph et al. 2016).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

import tensorflow as tf

from trainer.runs import GROUP, RunBatch

FILLING = -1e4
"""The logit of positions that only fill a group: their probabilities, and with them all gradients, are zero."""
LEAST = 1e-30
SIGNATURE = tuple(
    tf.TensorSpec([] if entry.name == "positions" else [None], tf.int32, entry.name) for entry in fields(RunBatch)
)
"""Shapes and types of a batch's tensors, in the order of `RunBatch`."""


class Parameters(NamedTuple):
    """What is trained but the two tables: D dimensions, H hidden units."""

    position_weights: Any
    """(window, D): of a window's words, nearest first."""
    hidden_kernel: Any
    """(D, H)"""
    hidden_bias: Any
    """(H,)"""
    output_kernel: Any
    """(H, 2)"""
    output_bias: Any
    """(2,)"""


class Result(NamedTuple):
    """The loss, and its gradients."""

    loss: Any
    word_rows: Any
    """(U, D): of the rows of `RunBatch.word_ids`."""
    window_rows: Any
    """(W, D): of the rows of `RunBatch.window_ids`."""
    parameters: Parameters


class _Folded(NamedTuple):
    matrix: Any
    """G, (D, D)"""
    vector: Any
    """g, (D,)"""
    constant: Any
    """g0"""


def loss_and_gradients(
    batch: Any, word_rows: Any, window_rows: Any, parameters: Parameters, l2_penalty: float = 0.0, dropout: float = 0.0
) -> Result:
    """`batch`: the tensors of a `RunBatch` (their tuple, in its order). Rows: those of its `word_ids`, `window_ids`.

    The penalty, l2_penalty / positions times the squares of the rows used and of both kernels, acts on the gradients
    alone: it is a prior, which counts once a minibatch, and isn't part of the reported loss. Dropout leaves out
    dimensions of the contexts, the same ones for all positions of a group.
    """
    _, words, word_order, word_segments, _, text, text_order, text_segments, places, text_places, positions = batch
    dimension = word_rows.shape[1]
    total = tf.size(places)
    folded = _fold(parameters)
    own = tf.matmul(word_rows, folded.matrix)
    own_scores = tf.reduce_sum(word_rows * (own + folded.vector), 1)

    stream = tf.gather(window_rows, text)
    kernel = tf.reverse(parameters.position_weights, [0]) / float(parameters.position_weights.shape[0])
    contexts = tf.gather(_pooled(stream, kernel), places)
    kept = _kept(total // GROUP, dimension, dropout) if dropout else None
    if kept is not None:
        contexts = _by_group(contexts, kept)

    projected = tf.matmul(contexts, folded.matrix)
    shifted = projected + folded.vector
    real = tf.range(total) < positions
    context_scores = tf.where(real, tf.reduce_sum(contexts * shifted, 1) + folded.constant, FILLING)
    rows = tf.gather(word_rows, words)
    true_rows, noise_rows = rows[:total], rows[total:]
    scores = tf.gather(own_scores, words)

    true_logits = 2.0 * tf.reduce_sum(true_rows * projected, 1) + context_scores + scores[:total]
    true_errors = tf.where(real, -tf.sigmoid(-true_logits), 0.0)
    noise = _noise(projected, context_scores, noise_rows, scores[total:])

    # Back: of the pair's part, of the context's own, and through the folded matrix.
    errors = noise.contexts[:, dimension] + true_errors
    scaled_errors = (2.0 * true_errors)[:, tf.newaxis]
    projected_gradient = noise.contexts[:, :dimension] + scaled_errors * true_rows + errors[:, tf.newaxis] * contexts
    matrix = tf.matmul(contexts, projected_gradient, transpose_a=True)
    vector = tf.linalg.matvec(contexts, errors, transpose_a=True)
    context_gradient = tf.matmul(projected_gradient, folded.matrix) + errors[:, tf.newaxis] * shifted
    if kept is not None:
        context_gradient = _by_group(context_gradient, kept)
    pooled_gradient = tf.gather(context_gradient, text_places)
    stream_gradient, weights = _pooled_gradients(stream, kernel, pooled_gradient)

    scale = 1.0 / tf.cast(positions, tf.float32)
    window_gradient = tf.sparse.segment_sum(stream_gradient, text_order, text_segments)
    word_gradient = tf.sparse.segment_sum(
        tf.concat([scaled_errors * projected, 2.0 * noise.words[:, :dimension]], 0), word_order, word_segments
    )
    score_gradient = tf.math.unsorted_segment_sum(
        tf.concat([true_errors, noise.words[:, dimension + 1]], 0), words, tf.shape(word_rows)[0]
    )[:, tf.newaxis]
    weighted = score_gradient * word_rows
    matrix += tf.matmul(word_rows, weighted, transpose_a=True)
    vector += tf.reduce_sum(weighted, 0)
    word_gradient += score_gradient * (2.0 * own + folded.vector)
    decay = 2.0 * l2_penalty
    dense = _unfold(parameters, _Folded(matrix, vector, tf.reduce_sum(errors)))
    loss = tf.reduce_sum(tf.where(real, tf.nn.softplus(-true_logits), 0.0)) + noise.loss
    return Result(
        loss=loss * scale,
        word_rows=scale * (word_gradient + decay * word_rows),
        window_rows=scale * (window_gradient + decay * window_rows),
        parameters=Parameters(
            position_weights=scale * tf.reverse(weights, [0]) / float(parameters.position_weights.shape[0]),
            hidden_kernel=scale * (dense.hidden_kernel + decay * parameters.hidden_kernel),
            hidden_bias=scale * dense.hidden_bias,
            output_kernel=scale * (dense.output_kernel + decay * parameters.output_kernel),
            output_bias=scale * dense.output_bias,
        ),
    )


def _fold(parameters: Parameters) -> _Folded:
    beta = parameters.output_kernel[:, 1] - parameters.output_kernel[:, 0]
    weighted_bias = beta * parameters.hidden_bias
    kernel = parameters.hidden_kernel
    return _Folded(
        tf.matmul(kernel * beta, kernel, transpose_b=True),
        2.0 * tf.linalg.matvec(kernel, weighted_bias),
        tf.reduce_sum(weighted_bias * parameters.hidden_bias) + parameters.output_bias[1] - parameters.output_bias[0],
    )


def _unfold(parameters: Parameters, gradient: _Folded) -> Parameters:
    """From the gradients of G, g and g0 to those of the layers."""
    kernel, bias = parameters.hidden_kernel, parameters.hidden_bias
    beta = parameters.output_kernel[:, 1] - parameters.output_kernel[:, 0]
    symmetric = gradient.matrix + tf.transpose(gradient.matrix)
    product = tf.matmul(symmetric, kernel)
    of_weighted_bias = 2.0 * tf.linalg.matvec(kernel, gradient.vector, transpose_a=True)
    of_beta = 0.5 * tf.reduce_sum(kernel * product, 0) + of_weighted_bias * bias + gradient.constant * bias * bias
    return Parameters(
        position_weights=None,
        hidden_kernel=product * beta + 2.0 * gradient.vector[:, tf.newaxis] * (beta * bias),
        hidden_bias=of_weighted_bias * beta + 2.0 * gradient.constant * beta * bias,
        output_kernel=tf.stack([-of_beta, of_beta], 1),
        output_bias=tf.stack([-gradient.constant, gradient.constant]),
    )


class _Noise(NamedTuple):
    loss: Any
    contexts: Any
    """(T, D + 2): gradients of the projected contexts, and of the contexts' scores in the column after them."""
    words: Any
    """(groups * K, D + 2): half the gradients of the noise words' rows; those of their scores in the last column."""


def _noise(projected: Any, context_scores: Any, rows: Any, scores: Any) -> _Noise:
    """d of every position with each of its group's noise words. Scores are two more columns of the products, so that
    adding them, and summing their gradients, costs no pass over the pairs."""
    dimension = projected.shape[1]
    ones = tf.ones_like(context_scores)[:, tf.newaxis]
    left = tf.concat([projected, context_scores[:, tf.newaxis], ones], 1)
    right = tf.concat([2.0 * rows, tf.ones_like(scores)[:, tf.newaxis], scores[:, tf.newaxis]], 1)
    left = tf.reshape(left, [-1, GROUP, dimension + 2])
    right = tf.reshape(right, [tf.shape(left)[0], -1, dimension + 2])
    drawn = tf.sigmoid(tf.matmul(left, right, transpose_b=True))
    return _Noise(
        loss=-tf.reduce_sum(tf.math.log(tf.maximum(1.0 - drawn, LEAST))),
        contexts=tf.reshape(tf.matmul(drawn, right), [-1, dimension + 2]),
        words=tf.reshape(tf.matmul(drawn, left, transpose_a=True), [-1, dimension + 2]),
    )


def _pooled(stream: Any, kernel: Any) -> Any:
    """sum over j of kernel[j] * stream[t + j]: (S, D) and (window, D) -> (S - window + 1, D)."""
    image, weights = stream[tf.newaxis, tf.newaxis], kernel[tf.newaxis, :, :, tf.newaxis]
    return tf.nn.depthwise_conv2d(image, weights, [1, 1, 1, 1], "VALID")[0, 0]


def _pooled_gradients(stream: Any, kernel: Any, gradient: Any) -> tuple[Any, Any]:
    """Of the stream and of the kernel."""
    window, windows = kernel.shape[0], tf.shape(gradient)[0]
    of_stream = tf.nn.depthwise_conv2d_backprop_input(
        [1, 1, tf.shape(stream)[0], stream.shape[1]],
        kernel[tf.newaxis, :, :, tf.newaxis],
        gradient[tf.newaxis, tf.newaxis],
        [1, 1, 1, 1],
        "VALID",
    )[0, 0]
    # The library's own for the kernel takes twice as long as this.
    of_kernel = tf.stack([tf.reduce_sum(stream[j : j + windows] * gradient, 0) for j in range(window)])
    return of_stream, of_kernel


def _kept(groups: Any, dimension: int, dropout: float) -> Any:
    kept = tf.random.uniform([groups, 1, dimension]) >= dropout
    return tf.cast(kept, tf.float32) / (1.0 - dropout)


def _by_group(values: Any, factors: Any) -> Any:
    dimension = values.shape[1]
    return tf.reshape(tf.reshape(values, [-1, GROUP, dimension]) * factors, [-1, dimension])
