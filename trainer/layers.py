"""Keras layers of the context-embedding network. Each keeps its arguments and has a complete get_config."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

PACKAGE = "language_model_clusters"


@tf.keras.utils.register_keras_serializable(package=PACKAGE)
class SplitContext(tf.keras.layers.Layer):  # type: ignore[misc]
    """Separates the word from its window.

    Input: integers of shape (batch, 1 + window). Output: shapes (batch, 1) and (batch, window).
    """

    def call(self, inputs: Any) -> tuple[Any, Any]:
        return inputs[:, :1], inputs[:, 1:]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, Any]:
        return (input_shape[0], 1), (input_shape[0], input_shape[1] - 1)


@tf.keras.utils.register_keras_serializable(package=PACKAGE)
class ContextEmbedding(tf.keras.layers.Layer):  # type: ignore[misc]
    """u' = M_u^T [u; v], averaged over the window's words v.

    With u and v as indicator vectors and M = [M_u; M_v], the product is the word's row of M_u plus the window word's
    row of M_v; the rows are looked up before (by two Embedding layers, which ElasticDL can move to its parameter
    servers), so what is left to do is to average and to add.

    Args:
        l2_penalty: lambda of the L2 penalty on the vectors. It acts on the gradient alone (weight decay of the rows
            that a step uses): a penalty on whole tables would make every step's gradient as large as the tables.
    Input: shapes (batch, 1, dimension) and (batch, window, dimension). Output: (batch, dimension).
    Reference: Mikolov et al. 2013, the continuous bag of words.
    """

    def __init__(self, l2_penalty: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.l2_penalty = l2_penalty

    def call(self, inputs: tuple[Any, Any]) -> Any:
        word, window = inputs
        combined = tf.squeeze(word, axis=1) + tf.reduce_mean(window, axis=1)
        return with_decay(combined, self.l2_penalty) if self.l2_penalty else combined

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0][0], input_shape[0][2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l2_penalty": self.l2_penalty}


def with_decay(vectors: Any, penalty: float) -> Any:
    """The same vectors, with the gradient of penalty * mean(||vector||^2) added on the way back."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def pass_through(values: Any) -> tuple[Any, Any]:
        rows = tf.cast(tf.maximum(tf.shape(values)[0], 1), values.dtype)
        return tf.identity(values), lambda upstream: upstream + (2.0 * penalty / rows) * values

    return pass_through(vectors)
