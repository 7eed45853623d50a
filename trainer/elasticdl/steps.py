"""A worker's training step over running text: rows from the parameter servers, gradients, and back to them.

ElasticDL's own step calls the model on every row of a minibatch and asks TensorFlow for gradients. Here the model is
the same, and so are what is pulled and pushed; between them stands `trainer.network.gradients`, which computes the
same numbers from a batch of text (`trainer.network.runs`) as matrix products, as the training on one machine does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.tensor_utils import Tensor, pb_to_ndarray
from elasticdl.python.worker.worker import Worker

from trainer.elasticdl import context
from trainer.network.gradients import SIGNATURE, Parameters, loss_and_gradients
from trainer.network.model import WINDOW_TABLE, WORD_TABLE, parameters_of
from trainer.network.runs import Text
from trainer.network.schedule import learning_rate_at

_original_process_minibatch = Worker._process_minibatch
TABLES = (WORD_TABLE, WINDOW_TABLE)


class Gradients(NamedTuple):
    """What a step sends: gradients of variables, and of rows of the tables."""

    variables: list[Any]
    rows: list[Any]


def process_minibatch(
    self: Any, task_type: int, features: Any, labels: Any, min_model_version: int, *_: Any, **__: Any
) -> int | None:
    """A worker's step. ElasticDL's own asks for the variables, then for one table's rows, then for the other's, and
    waits for each answer; here all three are on their way at once. `features`: the arrays of a `RunBatch`."""
    if task_type != elasticdl_pb2.TRAINING:
        found: int | None = _original_process_minibatch(self, task_type, features, labels, min_model_version)
        return found
    ids = (features[0], features[2])
    wanted = [(self._model.get_layer(name).embedding_weight_name, of) for name, of in zip(TABLES, ids, strict=True)]
    rows = ask_for_rows(self._ps_client, wanted)
    if not pull_variables(self):
        rows = ask_for_rows(self._ps_client, wanted)
    self._callbacks_list.on_train_batch_begin(self._model_version)
    loss, gradients = compute(self, features, wanted, rows())
    accepted, version = self.report_gradient_to_ps(gradients)
    if not accepted:
        raise RuntimeError(f"the parameter servers did not take the gradient of step {version}")
    if self._model_version >= self._log_loss_count * self._log_loss_steps:
        self.logger.info("Loss = %s, steps = %s", loss.numpy(), self._model_version)
        self._log_loss_count = self._model_version // self._log_loss_steps + 1
    return int(version)


def pull_variables(worker: Any) -> bool:
    """Take the variables' values from the parameter servers. False if one was empty: it has been filled then, and what
    it has answered of rows is of no use."""
    client = worker._ps_client
    found, empty = client.pull_dense_parameters(range(client.ps_num), worker._model_versions_from_ps)
    if empty:
        worker.get_model()
        return False
    for name, value in found.items():
        worker._non_embed_vars[name].assign(value)
    worker._model_version = max(worker._model_versions_from_ps)
    return True


def compute(worker: Any, batch: Any, tables: list[tuple[str, Any]], rows: list[Any]) -> tuple[Any, Gradients]:
    """Loss and gradients of the arrays of a `RunBatch`. `tables`: names of the two, and ids of the rows."""
    parameters = parameters_of(worker._model)
    found = worker._computation(
        tuple(map(tf.constant, batch)), *map(tf.constant, rows), *map(tf.convert_to_tensor, parameters)
    )
    made = Gradients([], [])
    for variable, gradient in zip(parameters, found.parameters, strict=True):
        made.variables.append(Tensor(variable.name, gradient.numpy(), None))
    for (name, ids), gradient in zip(tables, (found.word_rows, found.window_rows), strict=True):
        made.rows.append(Tensor(name, gradient.numpy(), ids))
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


def ask_for_rows(client: Any, wanted: list[tuple[str, Any]]) -> Callable[[], list[Any]]:
    """Ask for rows of several tables by ids, all at once; what is returned waits for them, each (ids, dimension).
    ElasticDL's own asks for one table after another and sorts ids to servers in a loop of Python."""
    asked = []
    for name, ids in wanted:
        for server in range(client.ps_num):
            places = slice(None) if client.ps_num == 1 else np.flatnonzero(ids % client.ps_num == server)
            mine = ids[places].tolist()
            if mine:
                request = elasticdl_pb2.PullEmbeddingVectorRequest(name=name, ids=mine)
                stub = client.ps_stubs[server]
                asked.append((name, places, stub, request, stub.pull_embedding_vectors.future(request)))

    def answered() -> list[Any]:
        answers: dict[str, list[tuple[Any, Any]]] = {}
        for name, places, stub, request, future in asked:
            answers.setdefault(name, []).append((places, pb_to_ndarray(_answer(stub, request, future))))
        return [_joined(answers[name], len(ids)) for name, ids in wanted]

    return answered


def _answer(stub: Any, request: Any, future: Any) -> Any:
    try:
        return future.result()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNKNOWN:
            raise
    # The server stands in another's place and did not have the table yet; it has been filled since.
    return stub.pull_embedding_vectors(request)


def _joined(parts: list[tuple[Any, Any]], count: int) -> Any:
    if len(parts) == 1:
        return parts[0][1]
    rows = np.empty((count, parts[0][1].shape[1]), dtype=np.float32)
    for places, values in parts:
        rows[places] = values
    return rows


def pull_embedding_vectors(self: Any, layer_name: str, embedding_ids: Any) -> Any:
    """One table's rows, for ElasticDL's own layers."""
    return ask_for_rows(self, [(layer_name, np.asarray(embedding_ids))])()[0]


def scatter_embedding_vector(values: Any, indices: Any, servers: int) -> dict[int, tuple[Any, Any]]:
    """Rows by the server that keeps them, without ElasticDL's loop over rows."""
    found = {}
    for server in range(servers):
        mine = slice(None) if servers == 1 else np.flatnonzero(indices % servers == server)
        if len(indices[mine]):
            found[server] = (values[mine], indices[mine])
    return found
