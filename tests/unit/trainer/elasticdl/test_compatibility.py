"""Corrections that need no worker; those of the worker are in test_worker.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common.model_utils import get_optimizer_info
from google.protobuf.internal import api_implementation

from tests.unit.trainer.small_data import job
from trainer.elasticdl import compatibility, context, zoo
from trainer.elasticdl import master as master_corrections
from trainer.elasticdl.context import RunContext


def test_rows_of_the_same_index_are_summed() -> None:
    draw = np.random.default_rng(0)
    values, indices = draw.normal(size=(500, 3)).astype(np.float32), draw.integers(0, 40, 500)
    summed, unique = compatibility.deduplicate_indexed_slices(values, indices)
    expected = np.zeros((40, 3))
    np.add.at(expected, indices, values)
    assert sorted(unique) == sorted(set(indices.tolist()))
    assert summed == pytest.approx(expected[unique], abs=1e-4)


def test_no_rows_stay_none() -> None:
    values, indices = compatibility.deduplicate_indexed_slices(np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert values.shape == (0, 3)
    assert indices.size == 0


def test_the_servers_are_told_the_optimizers_configuration() -> None:
    compatibility.use_legacy_optimizers()
    kind, arguments = get_optimizer_info(tf.keras.optimizers.Adam(learning_rate=0.25))
    assert kind == "Adam"
    assert arguments == "learning_rate=0.25;beta_1=0.9;beta_2=0.999;epsilon=1e-07;amsgrad=False;"


AS_A_WORKER = """
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(8)  # as ElasticDL's worker does before it loads the model
tf.config.threading.set_inter_op_parallelism_threads(8)
from trainer.elasticdl import compatibility
compatibility.apply()
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
"""


def test_a_worker_computes_with_the_threads_that_it_is_granted_and_not_with_one_for_each_core() -> None:
    granted = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    assert as_a_worker(AS_A_WORKER, granted).split() == ["1", "1"]


def as_a_worker(code: str, more: dict[str, str] | None = None) -> str:
    """What code prints in a process of its own, with the path that a worker's pod has."""
    folder = Path(zoo.__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'stand_ins'}:{folder.parents[1]}", **(more or {})}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout


class Tasks:
    """A dispatcher whose last task, the export, is made only when somebody asks for more."""

    def __init__(self) -> None:
        self.export_made = False
        self.looks_left = 3

    def finished(self) -> bool:
        if self.export_made:
            self.looks_left -= 1
        return not self.export_made or self.looks_left <= 0

    def invoke_deferred_callback(self) -> bool:
        made, self.export_made = not self.export_made, True
        return made


def master(tasks: Any, *, all_failed: bool = False) -> Any:
    made = SimpleNamespace(
        task_d=tasks,
        instance_manager=SimpleNamespace(
            all_failed=lambda: all_failed, adjust=lambda: None, update_status=lambda _status: None, closing=False
        ),
        _should_stop=False,
        _exit_code=0,
        _stop=lambda: None,
    )

    def request_stop(message: str) -> None:
        made._should_stop, made._exit_code, made.message = True, -1, message

    made.request_stop = request_stop
    return made


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the launcher tells the pods of a job; its bucket is an empty directory."""
    monkeypatch.setenv(context.VARIABLE, RunContext(job=job(), data_version="1", address=str(tmp_path)).encode())
    for cached in (context.current, context.store):
        cached.cache_clear()
    yield
    for cached in (context.current, context.store):
        cached.cache_clear()


def test_the_master_does_not_end_before_the_export_was_made_and_done(
    monkeypatch: pytest.MonkeyPatch, a_run: None
) -> None:
    monkeypatch.setattr(master_corrections, "POLL_SECONDS", 0.001)
    tasks = Tasks()
    made = master(tasks)
    assert master_corrections._run_master(made) == 0
    assert made.instance_manager.closing
    assert tasks.export_made
    assert tasks.looks_left == 0


def test_the_master_fails_when_all_workers_failed(a_run: None) -> None:
    made = master(Tasks(), all_failed=True)
    assert master_corrections._run_master(made) == 1
    assert made.message == "all workers failed"


def test_a_worker_starts_without_the_masters_modules_and_without_pyodps() -> None:
    code = "import sys, elasticdl.python.worker.main, trainer.elasticdl.zoo; print(*sorted(sys.modules))"
    loaded = set(as_a_worker(code).split())
    assert not {"kubernetes", "elasticdl.python.master.master", "odps.core", "odps.tunnel"} & loaded


def test_messages_are_written_and_read_by_the_compiled_protobuf() -> None:
    assert api_implementation.Type() == "upb"
    request = elasticdl_pb2.PullEmbeddingVectorRequest(name="words", ids=[1, 300])
    assert request.SerializeToString() == b"\n\x05words\x12\x03\x01\xac\x02"
