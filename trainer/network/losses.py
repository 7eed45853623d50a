"""The objective and what is measured beside it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.network.examples import PADDING_LABEL


def noise_contrastive_loss(labels: Any, logits: Any) -> Any:
    """Mean over the true words of: -log P(true | word, window) - sum over its noise words of log P(noise | ...).

    Labels: integers of shape (rows,), 1 for true, 0 for noise, -1 for padding. Logits: (rows, 2).
    """
    flat = tf.reshape(tf.cast(labels, tf.int32), [-1])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(flat, 0), logits=logits)
    real = tf.cast(tf.not_equal(flat, PADDING_LABEL), losses.dtype)
    positions = tf.reduce_sum(tf.cast(tf.equal(flat, 1), losses.dtype))
    return tf.reduce_sum(losses * real) / tf.maximum(positions, 1.0)


def cross_entropy_by_row(labels: Any, logits: Any) -> Any:
    """Cross entropy of each real row, in nats; its mean is the loss divided by 1 + noise words."""
    flat = tf.reshape(tf.cast(labels, tf.int32), [-1])
    real = tf.not_equal(flat, PADDING_LABEL)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.boolean_mask(flat, real), logits=tf.boolean_mask(tf.cast(logits, tf.float32), real)
    )


def accuracy_by_row(labels: Any, logits: Any) -> Any:
    """1 where the larger logit is the label's, else 0, for each real row."""
    flat = tf.reshape(tf.cast(labels, tf.int32), [-1])
    real = tf.not_equal(flat, PADDING_LABEL)
    chosen = tf.argmax(tf.boolean_mask(logits, real), axis=-1, output_type=tf.int32)
    return tf.cast(tf.equal(chosen, tf.boolean_mask(flat, real)), tf.float32)
