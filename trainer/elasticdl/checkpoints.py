"""Checkpoints in the bucket, in ElasticDL's own format, written and read back by the workers.

The Go parameter server writes checkpoints to its pod's own disk, which is gone with the pod, and reads them back
without its optimizer's state (Adam then fails). A worker holds all dense parameters at every step anyway and can ask
for the rest, so the workers write them, in turns: a lost worker costs one turn. And when a parameter server is empty
(a new job, or one in the place of another that died), the worker that finds it so fills it from the last checkpoint.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import tensorflow as tf
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.dtypes import dtype_numpy_to_tensor
from elasticdl.python.common.tensor_utils import (
    Tensor,
    pb_to_indexed_slices,
    pb_to_ndarray,
    serialize_indexed_slices,
    serialize_ndarray,
)

from trainer.elasticdl import compatibility, context
from trainer.elasticdl.pointers import FINAL, LATEST, find
from trainer.errors import DataError, ObjectNotFoundError, StoreError
from trainer.network.model import WINDOW_TABLE, WORD_TABLE, build_model
from trainer.storage.object_store import ObjectStore, checksum, put_json

LOG = logging.getLogger("trainer.checkpoints")
KEPT = 3
INITIALIZER = "zeros"
"""Of rows that no worker has sent; above all of Adam's moments, which a parameter server makes in the same way."""
PULLED_ROWS = 4096
"""Rows of a table asked for at a time: a message of a megabyte."""


def save(store: ObjectStore, prefix: str, model: Any, pointer: str) -> None:
    """Write a model, then the pointer to it (never back to an older one), then remove what is too old."""
    data = model.SerializeToString()
    folder = "final" if pointer == FINAL else f"version-{model.version}"
    key = f"{prefix}{folder}/variables-0-of-1.ckpt"
    last = find(store, prefix, LATEST) if pointer == LATEST else None
    if last and last["version"] >= model.version:
        return
    store.put(key, data)
    entry: dict[str, Any] = {"version": model.version, "key": key, "sha256": checksum(data)}
    if last:
        entry["earlier"] = [{name: last[name] for name in tuple(entry)}, *last.get("earlier", [])][: KEPT - 1]
    put_json(store, prefix + pointer, entry)
    for version in sorted(versions(store, prefix))[:-KEPT]:
        for old in store.list(f"{prefix}version-{version}/"):
            store.delete(old)


def load(store: ObjectStore, entry: dict[str, Any]) -> Any:
    """The model that a pointer points to. Raises DataError if its checksum is another."""
    data = store.get(entry["key"])
    if checksum(data) != entry["sha256"]:
        raise DataError(f"{store.address}{entry['key']} does not have the checksum that was noted when it was written")
    model = elasticdl_pb2.Model()
    model.ParseFromString(data)
    return model


def load_whole(store: ObjectStore, entry: dict[str, Any]) -> Any:
    """As `load`; where what the pointer names is damaged or gone, the newest that it named before and that is whole."""
    earlier = list(entry.get("earlier", []))
    while True:
        try:
            return load(store, entry)
        except (DataError, ObjectNotFoundError) as error:
            if not earlier:
                raise
            LOG.error("%s; the checkpoint before it is taken", error)
            entry = earlier.pop(0)


def versions(store: ObjectStore, prefix: str) -> set[int]:
    """Steps at which there are checkpoints."""
    names = (key.removeprefix(prefix).split("/")[0] for key in store.list(f"{prefix}version-"))
    return {int(name.removeprefix("version-")) for name in names}


def weights(model: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Arrays by variable's name. Rows of a table that no worker ever asked for were never made: they stay zero."""
    arrays = {name: pb_to_ndarray(value) for name, value in model.dense_parameters.items()}
    for name, value in model.embedding_tables.items():
        slices = pb_to_indexed_slices(value)
        table = np.zeros(shapes.get(name, (int(slices.indices.max()) + 1, slices.values.shape[1])), dtype=np.float32)
        table[slices.indices] = slices.values
        arrays[name] = table
    return arrays


def gather(worker: Any) -> Any:
    """Everything that the parameter servers hold, as one ElasticDL model."""
    model = elasticdl_pb2.Model()
    model.version = max(0, *worker._model_versions_from_ps)
    for name, variable in worker._non_embed_vars.items():
        serialize_ndarray(variable.numpy(), model.dense_parameters[name])
    for layer in worker._embedding_layers:
        name = layer.embedding_weight_name
        ids = np.arange(layer.input_dim)
        blocks = [ids[start : start + PULLED_ROWS] for start in range(0, len(ids), PULLED_ROWS)]
        rows = np.concatenate([worker._ps_client.pull_embedding_vectors(name, block) for block in blocks])
        _add_table(model, name, rows)
    return model


def share(model: Any, client: Any, server: int) -> Any:
    """The part of a model that belongs on one of the parameter servers, as ElasticDL distributes it."""
    part = elasticdl_pb2.Model()
    part.version = model.version
    for name, value in model.dense_parameters.items():
        if client.parameter_to_ps.get(name) == server:
            part.dense_parameters[name].CopyFrom(value)
    part.embedding_table_infos.extend(model.embedding_table_infos)
    for name, value in model.embedding_tables.items():
        slices = pb_to_indexed_slices(value)
        mine = slices.indices % client.ps_num == server
        serialize_indexed_slices(Tensor(None, slices.values[mine], slices.indices[mine]), part.embedding_tables[name])
    return part


def restore(client: Any, server: int) -> bool:
    """Fill an empty parameter server from the run's last checkpoint. False if the run has none yet."""
    store, prefix = context.patient_store(), context.current().checkpoint_prefix
    entry = find(store, prefix, LATEST)
    if entry is None:
        return False
    model = load_whole(store, entry)
    client.ps_stubs[server].push_model(share(model, client, server))
    LOG.warning("parameter server %d was empty: it goes on from the checkpoint of step %d", server, model.version)
    return True


def begin(client: Any, server: int, variables: list[Any], version: int) -> None:
    """Fill an empty parameter server with an untrained model. The rows of its tables are those with which the training
    on one machine begins, whichever worker is the first."""
    job = context.current().job
    network = build_model(job.model, job.schedule.seed)
    model = elasticdl_pb2.Model()
    model.version = version
    for variable in variables:
        serialize_ndarray(variable.values, model.dense_parameters[variable.name])
    for name in (WORD_TABLE, WINDOW_TABLE):
        _add_table(model, f"{name}/embeddings:0", network.get_layer(name).embeddings.numpy())
    client.ps_stubs[server].push_model(share(model, client, server))


def _add_table(model: Any, name: str, rows: Any) -> None:
    info = model.embedding_table_infos.add()
    info.name, info.dim, info.initializer = name, rows.shape[1], INITIALIZER
    info.dtype = dtype_numpy_to_tensor(np.dtype("float32"))
    serialize_indexed_slices(Tensor(None, rows, np.arange(len(rows))), model.embedding_tables[name])


class CheckpointUploader(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a checkpoint every `checkpoint_steps` steps when it is this worker's turn. Idle in the master."""

    def __init__(self) -> None:
        super().__init__()
        self._turn: int | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """`batch` is the model's version: the number of steps of all workers together."""
        worker, job = compatibility.current_worker(), context.current().job
        if worker is None:
            return
        turn = batch // job.schedule.checkpoint_steps
        previous, self._turn = self._turn, turn
        if previous is None or turn == previous or (turn - worker._worker_id) % job.cluster.workers:
            return
        try:
            save(context.store(), context.current().own_prefix, gather(worker), LATEST)
        except StoreError as error:
            # Training is worth more than this checkpoint; the next turn tries again.
            LOG.warning("no checkpoint at step %d: %s", batch, error)


class FinalWeightsExporter(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """When all tasks are done, one worker writes what the parameter servers hold, from which the model is published.

    ElasticDL's own exporter reads a parameter server's checkpoint from a disk that the worker doesn't have, and then
    exports the untrained tables.
    """

    def on_train_end(self, logs: Any = None) -> None:
        worker = compatibility.current_worker()
        if worker is None:
            return
        worker.get_model()
        model = gather(worker)
        save(context.patient_store(), context.current().own_prefix, model, FINAL)
        LOG.warning("the trained model of step %d is in the bucket", model.version)
