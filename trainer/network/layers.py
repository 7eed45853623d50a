"""Keras layers of the context-embedding network. Each keeps its arguments and has a complete get_config."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

PACKAGE = "language_model_clusters"


@tf.keras.utils.register_keras_serializable(package=PACKAGE)  # type: ignore[untyped-decorator]
def square(values: Any) -> Any:
    """The hidden layer's activation, element by element.

    Of a sum, the square holds the products of its parts, so beta . (K^T (m_u + c) + b)^2 says how well a word and a
    context go together with one hidden layer; and it multiplies out into matrix products, see `gradients`.
    Reference: Chen & Manning 2014, whose cube does the same for three parts; Livni et al. 2014 on quadratic units.
    """
    return values * values


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
    """u' = M_u^T [u; v], averaged over the window's words v, each weighted by its distance.

    With u and v as indicator vectors and M = [M_u; M_v], the product is the word's row of M_u plus the window word's
    row of M_v; the rows are looked up before (by two Embedding layers, which ElasticDL can move to its parameter
    servers), so what is left to do is to average and to add. The weights of a distance, one a dimension, are trained;
    they begin as ones, which is the plain mean.

    A third input, class features, is what a model of the whole sentence says of the next word (the hidden Markov
    model's distribution over its K classes). Its product with a trained kernel is added to the average. The kernel
    begins as zeros: a network with class features starts as the one without.

    Args:
        dropout: share of the context's dimensions that training leaves out.
    Input: shapes (batch, 1, dimension) and (batch, window, dimension), the nearest word first; with class features
        (batch, K) too.
    Output: (batch, dimension).
    Reference: Mikolov et al. 2013, the continuous bag of words; Mnih & Kavukcuoglu 2013, vLBL, for the weights.
    """

    def __init__(self, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        _, window, *classes = input_shape
        self.position_weights = self.add_weight("position_weights", tuple(window[1:]), initializer="ones")
        self.class_kernel = None
        if classes:
            shape = (classes[0][-1], window[-1])
            self.class_kernel = self.add_weight("class_kernel", shape, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tuple[Any, ...], training: bool | None = None) -> Any:
        word, window, *classes = inputs
        context = tf.reduce_mean(window * self.position_weights, axis=1)
        if classes:
            context += tf.matmul(classes[0], self.class_kernel)
        if training and self.dropout:
            context = tf.nn.dropout(context, self.dropout)
        return tf.squeeze(word, axis=1) + context

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0][0], input_shape[0][2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}
