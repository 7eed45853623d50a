"""Corrections of ElasticDL 0.2.0rc3, made before its master or worker uses what they correct.

ElasticDL loads the zoo module, which calls `apply`, in the middle of making either; so what they do until then can't be
corrected. Each correction names its defect, and the tests show the defect without it. What pins cure (numpy 1.23 for
`numpy.bool`) or arguments (keep_checkpoint_max for the parameter server's own checkpoints) isn't here.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import tensorflow as tf
from elasticdl.python.common import tensor_utils
from elasticdl.python.worker import ps_client
from elasticdl.python.worker.worker import Worker
from elasticdl_client.common.constants import DistributionStrategy

from trainer.elasticdl import patience
from trainer.errors import SettingsError

_original_run_worker = Worker.run
_original_push_dense_parameters = ps_client.PSClient.push_dense_parameters


class _Current:
    """The worker of this process, which callbacks need and ElasticDL does not give them."""

    worker: Any = None


def current_worker() -> Any:
    """None in the master and outside of a job."""
    return _Current.worker


def apply() -> None:
    """Make all corrections. Calling it again changes nothing."""
    use_legacy_optimizers()
    tensor_utils.deduplicate_indexed_slices = deduplicate_indexed_slices
    ps_client.deduplicate_indexed_slices = deduplicate_indexed_slices
    Worker.report_gradient_to_ps = report_gradient_to_ps
    Worker.run = _run_worker
    ps_client.PSClient.push_dense_parameters = _push_dense_parameters
    if "elasticdl.python.master.master" in sys.modules:  # a worker does without the second that importing it takes
        from trainer.elasticdl import master  # noqa: PLC0415

        master.apply()


def use_legacy_optimizers() -> None:
    """Keras 2.11 gave `tf.keras.optimizers.Adam` another base class, without the configuration that ElasticDL passes on
    to its parameter servers (`'SGD' object has no attribute '_momentum'`)."""
    for name in ("SGD", "Adam", "Adagrad"):
        setattr(tf.keras.optimizers, name, getattr(tf.keras.optimizers.legacy, name))


def deduplicate_indexed_slices(values: Any, indices: Any) -> tuple[Any, Any]:
    """Sum rows of the same index. ElasticDL's own hands dictionary views to numpy, which numpy 1.24 refuses; and it
    loops over rows in Python: 20,000 rows of 64 take it 30 ms, this 5 ms."""
    unique, position = np.unique(indices, return_inverse=True)
    order = np.argsort(position, kind="stable")
    starts = np.searchsorted(position[order], np.arange(len(unique)))
    return np.add.reduceat(values[order], starts, axis=0) if len(unique) else values[:0], unique


def report_gradient_to_ps(self: Any, gradients: list[Any]) -> tuple[bool, int]:
    """Send a step's gradients.

    ElasticDL's own never sends the gradient of the first embedding layer that it moved to the parameter servers, and
    sends the later ones' with row numbers of the batch in place of words' ids, so the wrong rows are trained: silently.
    Here every such gradient is sent, under the ids whose rows the layer looked up (in tf.unique's order).
    """
    self._timing.start_record_time("report_gradient")
    variables = list(self._non_embed_vars.values())
    dense = [_as_tensor(variable.name, gradient) for variable, gradient in zip(variables, gradients, strict=False)]
    lookups = [
        (name, lookup)
        for name, lookups_of_layer in self._collect_edl_embedding_name_values()
        for lookup in lookups_of_layer
    ]
    of_lookups = gradients[len(variables) :]
    if len(of_lookups) != len(lookups):
        raise ValueError(f"{len(of_lookups)} gradients for {len(lookups)} embedding look-ups")
    sparse = []
    for (name, lookup), gradient in zip(lookups, of_lookups, strict=True):
        ids = tf.unique(tf.reshape(tf.convert_to_tensor(lookup.batch_ids), [-1])).y.numpy()
        slices = _as_tensor(name, gradient)
        rows = np.arange(len(slices.values)) if slices.indices is None else slices.indices
        sparse.append(tensor_utils.Tensor(name, slices.values, ids[rows]))
    learning_rate = float(tf.keras.backend.get_value(self._model.optimizer.learning_rate))
    accepted, version = self._ps_client.push_gradients(dense, sparse, learning_rate, self._model_versions_from_ps)
    self._timing.end_record_time("report_gradient")
    return accepted, version


def _as_tensor(name: str, gradient: Any) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        return tensor_utils.Tensor(name, gradient.values.numpy(), gradient.indices.numpy())
    return tensor_utils.Tensor(name, gradient.numpy(), None)


def _run_worker(self: Any) -> None:
    """Refuse what would silently train wrongly, then make the variables before the first task, then work.

    - Without ftlib (which has no wheel) AllReduce trains every worker's own model and never averages.
    - A worker whose first task is an evaluation (any replaced one) would evaluate its own random model, and one whose
      first task is the last, the export, would have nothing to export.
    """
    if self._distribution_strategy != DistributionStrategy.PARAMETER_SERVER:
        raise SettingsError(
            f"distribution strategy {self._distribution_strategy!r}: only {DistributionStrategy.PARAMETER_SERVER} "
            "works with this ElasticDL; the others do not average gradients"
        )
    _Current.worker = self
    patience.make_patient(self)
    if not self._var_created:
        self._run_model_call_before_training(tf.zeros((1, self._model.inputs[0].shape[1]), tf.int32))
    _original_run_worker(self)


def _push_dense_parameters(self: Any, parameters: list[Any], ps_id: int, version: int) -> None:
    """Called for a parameter server that holds nothing. ElasticDL's own sends this worker's own random values even if
    the server stands in for one that died; the last checkpoint goes first."""
    from trainer.elasticdl import checkpoints  # noqa: PLC0415 - it needs this module

    if not checkpoints.restore(self, ps_id):
        _original_push_dense_parameters(self, parameters, ps_id, version)
