"""The two forms in which a trained network leaves TensorFlow: a SavedModel, and arrays for a server without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.config import ModelSettings
from trainer.data.vocabulary import Vocabulary
from trainer.network.model import CONTEXT, HIDDEN, OUTPUT, WINDOW_TABLE, WORD_TABLE
from trainer.network.numpy_form import NumpyModel
from trainer.network.scorer import Weights

PROBES = 16
"""Rows whose logits go into the manifest; a server compares its own with them when it loads the model."""


def export(model: Any, folder: Path) -> None:
    """A SavedModel without anything of training: `context_ids` (batch, 1 + window), and `class_features` (batch, K)
    where the network takes them -> logits (batch, 2)."""
    inputs = [tf.TensorSpec((None, *entry.shape[1:]), entry.dtype, name=entry.name) for entry in model.inputs]

    @tf.function(input_signature=inputs)  # type: ignore[untyped-decorator]
    def logits(*given: Any) -> dict[str, Any]:
        return {"logits": model(given if len(given) > 1 else given[0], training=False)}

    module = tf.Module()
    module.model = model
    module.logits = logits
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": logits}, options=options)


def numpy_model(model: Any, settings: ModelSettings, vocabulary: Vocabulary) -> NumpyModel:
    """The Keras model's weights with the vocabulary that they belong to."""
    kernel, hidden_bias = model.get_layer(HIDDEN).get_weights()
    output, output_bias = model.get_layer(OUTPUT).get_weights()
    words = model.get_layer(WORD_TABLE).get_weights()[0]
    window = model.get_layer(WINDOW_TABLE).get_weights()[0]
    positions, *classes = model.get_layer(CONTEXT).get_weights()
    weights = Weights(words, window, positions, kernel, hidden_bias, output, output_bias, *classes)
    return NumpyModel(weights, vocabulary, settings)


def probe(model: Any, settings: ModelSettings, seed: int = 0) -> dict[str, Any]:
    """Some inputs and what the Keras model answers to them, for the manifest."""
    size = (PROBES, 1 + settings.window)
    ids = np.random.default_rng(seed).integers(0, settings.vocabulary_size, size, dtype=np.int32)
    logits = model(tf.constant(ids), training=False).numpy()
    return {"context_ids": ids.tolist(), "logits": [[float(value) for value in row] for row in logits]}
