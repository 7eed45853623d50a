"""A worker's questions for evaluations, fewer than ElasticDL asks.

ElasticDL's worker asks the master before every step whether the model is to be evaluated: a round trip of a
millisecond, where the step itself takes five. Here it asks ten times a second at most, and says with the question how
many batches it has begun since the one before, which the master's heartbeat counts.
"""

from __future__ import annotations

import time
from typing import Any

from elasticdl.proto import elasticdl_pb2
from elasticdl.python.worker.master_client import MasterClient
from elasticdl.python.worker.task_data_service import TaskDataService
from elasticdl.python.worker.worker import Worker

from trainer.elasticdl.reader import Records

SECONDS = 0.1
KEY = "batches"
"""In the question's metadata."""

_original_evaluate_only = Worker._evaluate_only
_original_get_dataset = TaskDataService.get_dataset


def get_dataset(self: Any) -> Records | None:
    """For a worker's task data service: `Records` in the place of a TensorFlow dataset. None if there is no task."""
    self.records = Records(self._gen) if _original_get_dataset(self) is not None else None
    found: Records | None = self.records
    return found


def evaluate_if_asked(self: Any) -> bool:
    """For a worker: do the evaluations that the master wants, if it is time to ask; whether there were any.

    Where there is nothing left to train it asks at once: what is wanted has to be done before the job ends.
    """
    self.begun = getattr(self, "begun", 0) + 1
    records = getattr(self._task_data_service, "records", None)
    if records is not None and not records.ended and time.monotonic() < getattr(self, "asks_at", 0.0):
        return False
    self.asks_at = time.monotonic() + SECONDS
    self._mc.begun, self.begun = self.begun, 0
    return bool(_original_evaluate_only(self))


def get_task(self: Any, task_type: int | None = None) -> Any:
    """For a worker's client of the master. A master that doesn't answer has no task, as with ElasticDL's own."""
    request = elasticdl_pb2.GetTaskRequest(worker_id=self._worker_id)
    metadata = []
    if task_type is not None:
        request.task_type = task_type
        metadata = [(KEY, str(getattr(self, "begun", 0)))]
        self.begun = 0
    try:
        return self._stub.get_task(request, metadata=metadata)
    except Exception:  # whatever it is, the worker then ends, or asks again
        return elasticdl_pb2.Task()


def begun_batches(call: Any) -> int:
    """Those that a question's metadata tell of; one where it has none."""
    told = dict(call.invocation_metadata()) if call is not None else {}
    return int(told.get(KEY, 1))


def apply() -> None:
    """Make the worker's part of these corrections."""
    TaskDataService.get_dataset = get_dataset
    Worker._evaluate_only = evaluate_if_asked
    MasterClient.get_task = get_task
