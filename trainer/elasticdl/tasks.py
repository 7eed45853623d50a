"""Corrections of ElasticDL's task dispatcher, without which a job that loses workers trains less than it should; and
what it has in its queue."""

from __future__ import annotations

import math
from typing import Any

from elasticdl.python.master.task_dispatcher import _TaskDispatcher

_original_recover_tasks = _TaskDispatcher.recover_tasks
_original_finished = _TaskDispatcher.finished


def recover_tasks(self: Any, worker: int) -> None:
    """Give a lost worker's tasks to others. ElasticDL's own counts that as the task's failure, and drops a task whose
    workers were lost three times, without a word to anybody. A loss says nothing of the task: only what a worker itself
    reports as failed counts."""
    with self._lock:
        for owner, task, _ in self._doing.values():
            if owner == worker:
                self._task_retry_count.pop(task, None)
    _original_recover_tasks(self, worker)


def finished(self: Any) -> bool:
    """Whether all epochs are done. ElasticDL's own forgets those to come: they are made when a worker asks for a task
    and there is none, and between an epoch's last task and that question it takes the job for done."""
    to_come = bool(self._training_shards) and self._epoch < self._num_epochs - 1
    stopped = self._callbacks_list.model.stop_training
    return (stopped or not to_come) and bool(_original_finished(self))


def queue(dispatcher: Any) -> tuple[int, int]:
    """How many tasks nobody has begun, those of all epochs to come too; and how many somebody is at."""
    with dispatcher._lock:
        waiting, begun = len(dispatcher._todo), len(dispatcher._doing)
        epochs = dispatcher._num_epochs - 1 - dispatcher._epoch
        if dispatcher._callbacks_list.model.stop_training:
            epochs = 0
    records = [count for _, count in (dispatcher._training_shards or {}).values()]
    return waiting + max(0, epochs) * sum(math.ceil(count / dispatcher._records_per_task) for count in records), begun


def owners(dispatcher: Any) -> set[int]:
    """The workers that are at a task."""
    with dispatcher._lock:
        return {worker for worker, _, _ in dispatcher._doing.values()}
