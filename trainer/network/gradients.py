"""The network's loss and gradients over a batch of running text, as matrix products.

The hidden layer's activation is the square, so what it makes of u' = m_u + c, a word's row and its context's vector,
multiplies out. With kernel K, bias b and beta, the difference of the output's two columns (and its bias's, o):

    d(u, c) = beta . (K^T (m_u + c) + b)^2 + o  =  m_u.(H m_u / 2 + g)  +  (H m_u).c  +  c.(H c / 2 + g)  +  g0

    H = 2 K diag(beta) K^T,    g = 2 K (beta * b),    g0 = beta . b^2 + o

Three parts: the word's, the pair's, the context's. The first and H m_u are computed once for each different word of the
batch, the last once a position, and the pair's is a product of two matrices wherever words are shared: by the noise
words of a group, and by the whole vocabulary in the server. Contexts are a convolution of the text with the weights of
the distances (`ContextEmbedding`), plus the class features times their kernel in a network that takes them. Nothing is
approximated: `model` beside it is the same network row by row, and the tests compare values and gradients with
automatic differentiation of that.

Gradients are written out because TensorFlow's own would go over the large arrays two to three times as often.

    L = sum over positions of  -log sigmoid(d(true)) - sum over its group's K noise words of log sigmoid(-d(noise))

divided by the number of positions (Gutmann & Hyvarinen 2010; noise shared by a minibatch: Zoph et al. 2016).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

import tensorflow as tf

from trainer.network.runs import GROUP, RunBatch

FILLING = -1e4
"""The logit of positions that only fill a group: their probabilities, and with them all gradients, are zero."""
LEAST = 1e-30
SIGNATURE = tuple(
    tf.TensorSpec([] if entry.name == "positions" else [None], tf.int32, entry.name)
    for entry in fields(RunBatch)
    if entry.name != "features"
)
"""Shapes and types of a batch's tensors, in the order of `RunBatch`, without class features."""


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
    class_kernel: Any = None
    """(K, D), with class features."""


class _Folded(NamedTuple):
    """The hidden layer and the output, multiplied out."""

    matrix: Any
    """H, (D, D), symmetric."""
    vector: Any
    """g, (D,)"""
    constant: Any
    """g0"""


def loss_and_gradients(
    batch: Any,
    word_rows: Any,
    window_rows: Any,
    parameters: Parameters,
    l2_penalty: float = 0.0,
    dropout: float = 0.0,
    class_kernel: Any = None,
) -> Result:
    """`batch`: the tensors of a `RunBatch` (their tuple, in its order). Rows: those of its `word_ids`, `window_ids`.
    `class_kernel`: (K, D), with which the batch's class features enter the contexts; None without them.

    The penalty, l2_penalty / positions times the squares of the rows used and of all kernels, acts on the gradients
    alone: it is a prior, which counts once a minibatch, and isn't part of the reported loss. Dropout leaves out
    dimensions of the contexts, the same ones for all positions of a group.
    """
    _, words, _, text, places, text_places, positions, *features = batch
    dimension, window = word_rows.shape[1], parameters.position_weights.shape[0]
    total, real = tf.size(places), tf.range(tf.size(places)) < positions
    true, noise = words[:total], words[total:]
    folded = _fold(parameters)
    own = tf.matmul(word_rows, folded.matrix)
    own_halves = 0.5 * own + folded.vector
    own_scores = tf.reduce_sum(word_rows * own_halves, 1)

    stream = tf.gather(window_rows, text)
    kernel = tf.reverse(parameters.position_weights, [0]) / float(window)
    contexts = tf.gather(_pooled(stream, kernel), places)
    if class_kernel is not None:
        contexts += tf.matmul(features[0], class_kernel)
    kept = _kept(total // GROUP, dimension, dropout) if dropout else None
    if kept is not None:
        contexts = _by_group(contexts, kept)
    projected = tf.nn.bias_add(tf.matmul(contexts, folded.matrix), folded.vector)
    halves = tf.reduce_sum(contexts * projected, 1) + tf.linalg.matvec(contexts, folded.vector)
    context_scores = tf.where(real, 0.5 * halves + folded.constant, FILLING)

    true_own = tf.gather(own, true)
    true_logits = tf.reduce_sum(contexts * true_own, 1) + context_scores + tf.gather(own_scores, true)
    true_errors = tf.where(real, -tf.sigmoid(-true_logits), 0.0)
    pairs = _pairs(contexts, context_scores, tf.gather(own, noise), tf.gather(own_scores, noise))

    # Back, to the contexts and from them to the text. The mean over positions is taken where arrays are small.
    scale = 1.0 / tf.cast(positions, tf.float32)
    errors = pairs.context_scores + true_errors
    context_gradient = pairs.contexts + true_errors[:, tf.newaxis] * true_own + errors[:, tf.newaxis] * projected
    if kept is not None:
        context_gradient = _by_group(context_gradient, kept)
    of_classes = None
    if class_kernel is not None:
        of_classes = scale * tf.matmul(features[0], context_gradient, transpose_a=True)
    stream_gradient, weights = _pooled_gradients(stream, scale * kernel, tf.gather(context_gradient, text_places))
    window_gradient = _sums(tf.ones_like(text, tf.float32), text, stream_gradient, tf.shape(window_rows)[0])

    # To the words.
    count = tf.shape(word_rows)[0]
    own_gradient = _sums(true_errors, true, contexts, count) + tf.math.unsorted_segment_sum(pairs.rows, noise, count)
    score_gradient = tf.math.unsorted_segment_sum(tf.concat([true_errors, pairs.scores], 0), words, count)
    own_gradient += (0.5 * score_gradient)[:, tf.newaxis] * word_rows
    word_gradient = tf.matmul(own_gradient, scale * folded.matrix)
    word_gradient += (scale * score_gradient)[:, tf.newaxis] * own_halves

    # To the hidden layer and the output.
    matrix = 0.5 * tf.matmul(contexts, errors[:, tf.newaxis] * contexts, transpose_a=True)
    matrix += tf.matmul(word_rows, own_gradient, transpose_a=True)
    vector = tf.linalg.matvec(contexts, errors, transpose_a=True)
    vector += tf.linalg.matvec(word_rows, score_gradient, transpose_a=True)
    dense = _unfold(parameters, _Folded(scale * matrix, scale * vector, scale * tf.reduce_sum(errors)))
    loss = tf.reduce_sum(tf.where(real, tf.nn.softplus(-true_logits), 0.0)) + pairs.loss
    found = Result(
        loss=loss * scale,
        word_rows=word_gradient,
        window_rows=window_gradient,
        parameters=dense._replace(position_weights=scale * tf.reverse(weights, [0]) / float(window)),
        class_kernel=of_classes,
    )
    if not l2_penalty:
        return found
    return _penalised(found, word_rows, window_rows, parameters, class_kernel, 2.0 * l2_penalty * scale)


def _penalised(
    found: Result, word_rows: Any, window_rows: Any, parameters: Parameters, class_kernel: Any, decay: Any
) -> Result:
    dense = found.parameters
    return found._replace(
        word_rows=found.word_rows + decay * word_rows,
        window_rows=found.window_rows + decay * window_rows,
        parameters=dense._replace(
            hidden_kernel=dense.hidden_kernel + decay * parameters.hidden_kernel,
            output_kernel=dense.output_kernel + decay * parameters.output_kernel,
        ),
        class_kernel=None if class_kernel is None else found.class_kernel + decay * class_kernel,
    )


def _fold(parameters: Parameters) -> _Folded:
    beta = parameters.output_kernel[:, 1] - parameters.output_kernel[:, 0]
    weighted_bias = beta * parameters.hidden_bias
    kernel = parameters.hidden_kernel
    return _Folded(
        tf.matmul(kernel * (2.0 * beta), kernel, transpose_b=True),
        2.0 * tf.linalg.matvec(kernel, weighted_bias),
        tf.reduce_sum(weighted_bias * parameters.hidden_bias) + parameters.output_bias[1] - parameters.output_bias[0],
    )


def _unfold(parameters: Parameters, gradient: _Folded) -> Parameters:
    """From the gradients of H, g and g0 to those of the layers."""
    kernel, bias = parameters.hidden_kernel, parameters.hidden_bias
    beta = parameters.output_kernel[:, 1] - parameters.output_kernel[:, 0]
    product = 2.0 * tf.matmul(gradient.matrix + tf.transpose(gradient.matrix), kernel)
    of_weighted_bias = 2.0 * tf.linalg.matvec(kernel, gradient.vector, transpose_a=True)
    of_beta = 0.5 * tf.reduce_sum(kernel * product, 0) + of_weighted_bias * bias + gradient.constant * bias * bias
    return Parameters(
        position_weights=None,
        hidden_kernel=product * beta + 2.0 * gradient.vector[:, tf.newaxis] * (beta * bias),
        hidden_bias=of_weighted_bias * beta + 2.0 * gradient.constant * beta * bias,
        output_kernel=tf.stack([-of_beta, of_beta], 1),
        output_bias=tf.stack([-gradient.constant, gradient.constant]),
    )


class _Pairs(NamedTuple):
    """Positions and their groups' noise words: the loss, and its gradients."""

    loss: Any
    contexts: Any
    """(T, D)"""
    context_scores: Any
    """(T,)"""
    rows: Any
    """(groups * K, D)"""
    scores: Any
    """(groups * K,)"""


def _pairs(contexts: Any, context_scores: Any, rows: Any, scores: Any) -> _Pairs:
    """d of every position with each of its group's noise words, whose rows (H m) and scores are given."""
    dimension = contexts.shape[1]
    left = tf.reshape(contexts, [-1, GROUP, dimension])
    groups = tf.shape(left)[0]
    right = tf.reshape(rows, [groups, -1, dimension])
    logits = tf.matmul(left, right, transpose_b=True)
    logits += tf.reshape(context_scores, [groups, GROUP, 1])
    drawn = tf.sigmoid(logits + tf.reshape(scores, [groups, 1, -1]))
    return _Pairs(
        loss=-tf.reduce_sum(tf.math.log(tf.maximum(1.0 - drawn, LEAST))),
        contexts=tf.reshape(tf.matmul(drawn, right), [-1, dimension]),
        context_scores=tf.reshape(tf.reduce_sum(drawn, 2), [-1]),
        rows=tf.reshape(tf.matmul(drawn, left, transpose_a=True), [-1, dimension]),
        scores=tf.reshape(tf.reduce_sum(drawn, 1), [-1]),
    )


def _sums(factors: Any, places: Any, rows: Any, count: Any) -> Any:
    """sum over i with places[i] = u of factors[i] * rows[i], for each u below `count`: (n,), (n,), (n, D) ->
    (count, D). As a sparse matrix's product: one pass, where multiplying and a segment sum take two to three."""
    size = tf.size(places, tf.int64)
    return tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.stack([tf.cast(places, tf.int64), tf.range(size)], 1),
        a_values=factors,
        a_shape=tf.stack([tf.cast(count, tf.int64), size]),
        b=rows,
    )


def _pooled(stream: Any, kernel: Any) -> Any:
    """sum over j of kernel[j] * stream[t + j]: (S, D) and (window, D) -> (S - window + 1, D)."""
    image, weights = stream[tf.newaxis, tf.newaxis], kernel[tf.newaxis, :, :, tf.newaxis]
    return tf.nn.depthwise_conv2d(image, weights, [1, 1, 1, 1], "VALID")[0, 0]


def _pooled_gradients(stream: Any, kernel: Any, gradient: Any) -> tuple[Any, Any]:
    """Of the stream and of the kernel."""
    size, dimension = tf.shape(stream)[0], stream.shape[1]
    of_stream = tf.nn.depthwise_conv2d_backprop_input(
        [1, 1, size, dimension],
        kernel[tf.newaxis, :, :, tf.newaxis],
        gradient[tf.newaxis, tf.newaxis],
        [1, 1, 1, 1],
        "VALID",
    )[0, 0]
    # The text as an image's height and not its width: a seventh of the time, for this one.
    of_kernel = tf.nn.depthwise_conv2d_backprop_filter(
        stream[tf.newaxis, :, tf.newaxis],
        [kernel.shape[0], 1, dimension, 1],
        gradient[tf.newaxis, :, tf.newaxis],
        [1, 1, 1, 1],
        "VALID",
    )[:, 0, :, 0]
    return of_stream, of_kernel


def _kept(groups: Any, dimension: int, dropout: float) -> Any:
    kept = tf.random.uniform([groups, 1, dimension]) >= dropout
    return tf.cast(kept, tf.float32) / (1.0 - dropout)


def _by_group(values: Any, factors: Any) -> Any:
    dimension = values.shape[1]
    return tf.reshape(tf.reshape(values, [-1, GROUP, dimension]) * factors, [-1, dimension])
