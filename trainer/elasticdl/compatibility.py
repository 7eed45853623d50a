"""Corrections of ElasticDL 0.2.0rc3, made before its master or worker uses what they correct.

ElasticDL loads the zoo module, which calls `apply`, in the middle of making either; so what they do until then can't be
corrected. Each correction names its defect, and the tests show the defect without it. What pins cure (numpy 1.23 for
`numpy.bool`) or arguments (keep_checkpoint_max for the parameter server's own checkpoints) isn't here.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from elasticdl.python.common import model_handler, tensor_utils
from elasticdl.python.worker import ps_client
from elasticdl.python.worker.worker import Worker
from elasticdl_client.common.constants import DistributionStrategy

from trainer.elasticdl import patience, questions, steps
from trainer.errors import SettingsError

_original_run_worker = Worker.run


class _Current:
    """The worker of this process, which callbacks need and ElasticDL does not give them."""

    worker: Any = None


def current_worker() -> Any:
    """None in the master and outside of a job."""
    return _Current.worker


def apply() -> None:
    """Make all corrections. Calling it again changes nothing."""
    use_granted_threads()
    use_legacy_optimizers()
    questions.apply()
    tensor_utils.deduplicate_indexed_slices = deduplicate_indexed_slices
    ps_client.deduplicate_indexed_slices = deduplicate_indexed_slices
    ps_client.scatter_embedding_vector = steps.scatter_embedding_vector
    ps_client.PSClient.pull_embedding_vectors = steps.pull_embedding_vectors
    model_handler._need_partition_embedding_from_shape_info = all_tables_on_servers
    Worker._process_minibatch = steps.process_minibatch
    Worker.report_gradient_to_ps = steps.report_gradient_to_ps
    Worker.run = _run_worker
    ps_client.PSClient.push_dense_parameters = _push_dense_parameters
    if "elasticdl.python.master.master" in sys.modules:  # a worker does without the second that importing it takes
        from trainer.elasticdl import master  # noqa: PLC0415

        master.apply()


def use_granted_threads() -> None:
    """ElasticDL's worker takes as many threads as the machine has cores, whatever the environment says. Threads that
    wait are busy, and take from a pod its share of the processor."""
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["TF_NUM_INTRAOP_THREADS"]))
        tf.config.threading.set_inter_op_parallelism_threads(int(os.environ["TF_NUM_INTEROP_THREADS"]))


def all_tables_on_servers(*_: Any) -> bool:
    """ElasticDL leaves tables of up to 2 MiB with the variables, which every step pulls as a whole: four times what the
    rows of a minibatch's words are."""
    return True


def use_legacy_optimizers() -> None:
    """Keras 2.11 gave `tf.keras.optimizers.Adam` another base class, without the configuration that ElasticDL passes on
    to its parameter servers (`'SGD' object has no attribute '_momentum'`)."""
    for name in ("SGD", "Adam", "Adagrad"):
        setattr(tf.keras.optimizers, name, getattr(tf.keras.optimizers.legacy, name))


def deduplicate_indexed_slices(values: Any, indices: Any) -> tuple[Any, Any]:
    """Sum rows of the same index. ElasticDL's own hands dictionary views to numpy, which numpy 1.24 refuses; and it
    loops over rows in Python: 20,000 rows of 64 take it 30 ms, this 5 ms, and nothing if they differ and rise."""
    if len(indices) and np.all(indices[1:] > indices[:-1]):
        return values, indices
    unique, position = np.unique(indices, return_inverse=True)
    order = np.argsort(position, kind="stable")
    starts = np.searchsorted(position[order], np.arange(len(unique)))
    return np.add.reduceat(values[order], starts, axis=0) if len(unique) else values[:0], unique


def _run_worker(self: Any) -> None:
    """Refuse what would silently train wrongly, then make the variables before the first task and warm up, then work.

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
    for server in range(self._ps_client.ps_num):  # those without a variable have rows, and are to be filled too
        self._ps_client.ps_to_parameter.setdefault(server, [])
    steps.warm_up(self)
    _original_run_worker(self)


def _push_dense_parameters(self: Any, parameters: list[Any], ps_id: int, version: int) -> None:
    """Called for a parameter server that holds nothing. ElasticDL's own sends a worker's variables and no rows: the Go
    server makes these when they are asked for, and knows no initializer but `uniform`, with which it fills Adam's
    moments too (the roots of negative ones are no numbers). With Keras' own names all rows are zeros, from which the
    square of their sum learns nothing. And if the server stands in for one that died, the last checkpoint goes first.
    """
    from trainer.elasticdl import checkpoints  # noqa: PLC0415 - it needs this module

    if not checkpoints.restore(self, ps_id):
        checkpoints.begin(self, ps_id, parameters, version)
