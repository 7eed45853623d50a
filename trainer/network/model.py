"""The two-layer context-embedding network: is this word its window's, or noise's?"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from trainer.config import ModelSettings
from trainer.network.gradients import Parameters
from trainer.network.layers import ContextEmbedding, SplitContext, square

WORD_TABLE, WINDOW_TABLE = "word_embedding", "window_embedding"
CONTEXT, HIDDEN, OUTPUT = "context", "hidden", "label"
INITIAL_RANGE = 0.05
"""Embeddings begin uniform within +-0.05 (Keras' and the parameter server's own default)."""


def build_model(settings: ModelSettings, seed: int = 0, classes: int = 0) -> Any:
    """`context_ids` (batch, 1 + window): a word, then the words before it -> logits (batch, 2): noise's, the window's.

    `classes`: with so many class features the model has a second input, `class_features` (batch, classes): see
    `ContextEmbedding`. They sum up the whole sentence, of which the window is the end.

    Trained by noise-contrastive estimation (Gutmann & Hyvarinen 2010; Mnih & Teh 2012) with k noise words for each true
    one, the difference of the two logits, d(w, c), learns log P(w | c) - log(k q(w)); so log P(w | c) is estimated
    by d(w, c) + log(k q(w)). The difference begins at -log k for every word, which is the unigram model exactly.

    This is the network row by row. It is trained over running text, where rows share most of their work:
    `trainer.network.gradients`, which reads and writes this model's variables.
    """
    size, dimension = settings.vocabulary_size, settings.embedding_dimension
    context_ids = tf.keras.Input(shape=(1 + settings.window,), dtype=tf.int32, name="context_ids")
    word, window = SplitContext(name="split")(context_ids)
    word_vector = tf.keras.layers.Embedding(size, dimension, _uniform(seed), name=WORD_TABLE)(word)
    window_vectors = tf.keras.layers.Embedding(size, dimension, _uniform(seed + 1), name=WINDOW_TABLE)(window)
    features = [tf.keras.Input(shape=(classes,), name="class_features")] if classes else []
    combined = ContextEmbedding(settings.dropout, name=CONTEXT)((word_vector, window_vectors, *features))
    hidden = tf.keras.layers.Dense(
        settings.hidden_dimension,
        activation=square,
        kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed + 2),
        name=HIDDEN,
    )(combined)
    logits = tf.keras.layers.Dense(
        2,
        kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed + 3),
        bias_initializer=tf.keras.initializers.Constant([math.log(settings.negative_samples), 0.0]),
        name=OUTPUT,
    )(hidden)
    inputs = [context_ids, *features] if features else context_ids
    return tf.keras.Model(inputs, logits, name="context_embedding")


def parameters_of(model: Any) -> Parameters:
    """The variables that are not a table."""
    hidden, output = model.get_layer(HIDDEN), model.get_layer(OUTPUT)
    weights = model.get_layer(CONTEXT).position_weights
    return Parameters(weights, hidden.kernel, hidden.bias, output.kernel, output.bias)


def _uniform(seed: int) -> Any:
    return tf.keras.initializers.RandomUniform(-INITIAL_RANGE, INITIAL_RANGE, seed=seed)
