"""A worker's training step over running text: rows from the parameter servers, gradients, and back to them.

ElasticDL's own step calls the model on every row of a minibatch and asks TensorFlow for gradients. Here the model is
the same, and so are what is pulled and pushed; between them stands `trainer.network.gradients`, which computes the
same numbers from a batch of text (`trainer.network.runs`) as matrix products, as the training on one machine does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.tensor_utils import Tensor, pb_to_ndarray
from elasticdl.python.elasticdl.layers.embedding import Embedding

from trainer.elasticdl import context
from trainer.network.gradients import SIGNATURE, Parameters, loss_and_gradients
from trainer.network.model import WINDOW_TABLE, WORD_TABLE, parameters_of
from trainer.network.runs import Text
from trainer.network.schedule import learning_rate_at


class Gradients(NamedTuple):
    """What a step sends: gradients of variables, and of rows of tables that are on the parameter servers."""

    variables: list[Any]
    rows: list[Any]


def training_process(self: Any, features: Any, _labels: Any) -> tuple[Any, Gradients]:
    """In the place of the worker's own: `features` are the arrays of a `RunBatch`. Returns the loss and `Gradients`."""
    layers = [self._model.get_layer(name) for name in (WORD_TABLE, WINDOW_TABLE)]
    ids = [features[0].numpy(), features[2].numpy()]
    on_servers = [
        (layer.embedding_weight_name, wanted)
        for layer, wanted in zip(layers, ids, strict=True)
        if isinstance(layer, Embedding)
    ]
    pulled = iter(pull_rows(self._ps_client, on_servers))
    rows = [
        tf.constant(next(pulled)) if isinstance(layer, Embedding) else tf.gather(layer.embeddings, wanted)
        for layer, wanted in zip(layers, ids, strict=True)
    ]
    parameters = parameters_of(self._model)
    found = self._computation(features, *rows, *map(tf.convert_to_tensor, parameters))
    made = Gradients([], [])
    for variable, gradient in zip(parameters, found.parameters, strict=True):
        made.variables.append(Tensor(variable.name, gradient.numpy(), None))
    for layer, wanted, gradient in zip(layers, ids, (found.word_rows, found.window_rows), strict=True):
        if isinstance(layer, Embedding):
            made.rows.append(Tensor(layer.embedding_weight_name, gradient.numpy(), wanted))
        else:
            made.variables.append(Tensor(layer.embeddings.name, gradient.numpy(), wanted))
    return found.loss, made


def warm_up(worker: Any) -> None:
    """Do before the first task what its first step would wait for: read vocabulary and noise, trace the computation
    (once, for batches of every size), and run it on a made-up sentence, which changes nothing. A worker that stands by
    then trains a second earlier when it is needed, and one that starts traces once and not twice."""
    job = context.current().job
    parameters = parameters_of(worker._model)
    rows = tf.TensorSpec([None, job.model.embedding_dimension], tf.float32)
    values = [tf.TensorSpec(part.shape, part.dtype) for part in parameters]

    def compute(batch: Any, word_rows: Any, window_rows: Any, *values: Any) -> Any:
        return loss_and_gradients(
            batch, word_rows, window_rows, Parameters(*values), job.model.l2_penalty, job.model.dropout
        )

    worker._computation = tf.function(compute, input_signature=[SIGNATURE, rows, rows, *values])
    batch = context.run_maker().batch(Text([np.zeros(1, dtype=np.int32)]))
    zeros = [tf.zeros((len(ids), job.model.embedding_dimension)) for ids in (batch.word_ids, batch.window_ids)]
    worker._computation(tuple(map(tf.constant, batch.arrays())), *zeros, *map(tf.convert_to_tensor, parameters))


def report_gradient_to_ps(self: Any, gradients: Gradients) -> tuple[bool, int]:
    """Send a step's gradients.

    ElasticDL's own never sends the gradient of the first embedding layer that it moved to the parameter servers, and
    sends the later ones' with row numbers of the batch in place of words' ids, so the wrong rows are trained: silently.
    The learning rate goes with them: it falls with the model's version, which counts the steps of all workers.
    """
    self._timing.start_record_time("report_gradient")
    rate = learning_rate_at(context.current().job.model.learning_rate, self._model_version, context.total_steps())
    accepted, version = self._ps_client.push_gradients(
        gradients.variables, gradients.rows, rate, self._model_versions_from_ps
    )
    self._timing.end_record_time("report_gradient")
    return accepted, version


def pull_rows(client: Any, wanted: list[tuple[str, Any]]) -> list[Any]:
    """Rows of several tables by ids, all asked for at once; each (ids, dimension). ElasticDL's own asks for one table
    after another and sorts ids to servers in a loop of Python."""
    asked = []
    for name, ids in wanted:
        for server in range(client.ps_num):
            places = np.flatnonzero(ids % client.ps_num == server)
            if len(places):
                request = elasticdl_pb2.PullEmbeddingVectorRequest(name=name, ids=ids[places].tolist())
                asked.append((name, places, client.ps_stubs[server].pull_embedding_vectors.future(request)))
    answers: dict[str, list[tuple[Any, Any]]] = {}
    for name, places, future in asked:
        answers.setdefault(name, []).append((places, pb_to_ndarray(future.result())))
    return [_joined(answers[name], len(ids)) for name, ids in wanted]


def _joined(parts: list[tuple[Any, Any]], count: int) -> Any:
    if len(parts) == 1:
        return parts[0][1]
    rows = np.empty((count, parts[0][1].shape[1]), dtype=np.float32)
    for places, values in parts:
        rows[places] = values
    return rows


def pull_embedding_vectors(self: Any, layer_name: str, embedding_ids: Any) -> Any:
    """One table's rows, for ElasticDL's own layers."""
    return pull_rows(self, [(layer_name, np.asarray(embedding_ids))])[0]


def scatter_embedding_vector(values: Any, indices: Any, servers: int) -> dict[int, tuple[Any, Any]]:
    """Rows by the server that keeps them, without ElasticDL's loop over rows."""
    found = {}
    for server in range(servers):
        mine = slice(None) if servers == 1 else np.flatnonzero(indices % servers == server)
        if len(indices[mine]):
            found[server] = (values[mine], indices[mine])
    return found
