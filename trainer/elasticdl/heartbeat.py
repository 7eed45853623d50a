"""The master's heartbeat: every few seconds it notes on its own pod how far the job is and which worker was last heard.

An annotation, so that whoever watches the job's pods is told without asking: the status monitor reads nothing else.
Times are ages in seconds, not moments, so clocks need not agree.
"""

from __future__ import annotations

import json
import logging
import statistics
import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection
from typing import Any

from elasticdl.proto import elasticdl_pb2
from elasticdl.python.master.task_dispatcher import _TaskDispatcher

LOG = logging.getLogger("trainer.heartbeat")
ANNOTATION = "language-models/progress"
SECONDS = 3.0
PROMPT_SECONDS = 0.5
"""How soon a worker's coming or going is noted."""
RECENT_TASKS = 8
TASKS_TO_JUDGE = 2
"""The first one of a worker is no measure."""

_original_report = _TaskDispatcher.report


class Record:
    """What the task dispatcher does not count: tasks done and given again, and each worker's time for them."""

    def __init__(self) -> None:
        self.done = 0
        self.given_again = 0
        self.trained = 0
        self.tasks: dict[int, int] = defaultdict(int)
        self.seconds: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT_TASKS))

    def add(self, worker: int, seconds: float, *, training: bool) -> None:
        self.done += 1
        if training:
            self.trained += 1
            self.tasks[worker] += 1
            self.seconds[worker].append(seconds)

    def pace(self, lost: Collection[int]) -> float:
        """Seconds that a worker takes for a task: the median of those that are there; 0 while none has done enough."""
        paces = [
            statistics.fmean(seconds)
            for worker, seconds in list(self.seconds.items())
            if worker not in lost and len(seconds) >= TASKS_TO_JUDGE
        ]
        return statistics.median(paces) if paces else 0.0


def report(self: Any, request: Any, success: bool) -> Any:
    """Count what ElasticDL's dispatcher is told."""
    seconds, task, worker = _original_report(self, request, success)
    record = record_of(self)
    if task is not None and success:
        record.add(worker, seconds, training=task.type == elasticdl_pb2.TRAINING)
    elif task is not None:
        record.given_again += 1
    return seconds, task, worker


def record_of(dispatcher: Any) -> Record:
    """The dispatcher's record, made when first asked for."""
    found: Record = dispatcher.__dict__.setdefault("record", Record())
    return found


def progress(master: Any, now: float, first_step: int = 0) -> dict[str, Any]:
    """The job as the master knows it; `now` by the clock of `time.time`.

    The step is that of the checkpoint that the job began from, and the batches that workers have begun since: the
    master itself is told the model's version only when the job is evaluated.
    """
    dispatcher, servicer, crew = master.task_d, master.master_servicer, master.instance_manager.crew
    record = record_of(dispatcher)
    heard = dict(servicer._worker_liveness_time)
    lost = crew.lost
    workers = {
        str(worker): {
            "quiet": round(now - at, 1),
            "tasks": record.tasks[worker],
            "batches": crew.batches(worker),
            "seconds": round(sum(record.seconds[worker]) / max(1, len(record.seconds[worker])), 3),
            "standby": crew.is_standby(worker),
        }
        for worker, at in sorted(heard.items())
        if worker not in lost
    }
    return {
        "step": max(servicer.get_model_version(), first_step + crew.all_batches),
        "epoch": dispatcher._epoch,
        "done": record.done,
        "left": len(dispatcher._todo) + len(dispatcher._doing),
        "given_again": record.given_again,
        "trained": record.trained,
        "wanted": crew.wanted,
        "workers": workers,
    }


def start(master: Any, stop: threading.Event, first_step: int = 0) -> None:
    """Note the progress until told to stop; a refusal is tried again with the next note."""

    def beat() -> None:
        noted: tuple[Any, ...] = ()
        last = 0.0
        while not stop.wait(PROMPT_SECONDS):
            found = progress(master, time.time(), first_step)
            present = (
                found["wanted"],
                *((worker, entry["standby"], min(entry["batches"], 2)) for worker, entry in found["workers"].items()),
            )
            if present == noted and time.monotonic() - last < SECONDS:
                continue
            noted, last = present, time.monotonic()
            _note(master.instance_manager._k8s_client, found)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def _note(client: Any, found: dict[str, Any]) -> None:
    body = {"metadata": {"annotations": {ANNOTATION: json.dumps(found, separators=(",", ":"))}}}
    try:
        client.client.patch_namespaced_pod(
            client.get_master_pod_name(), client.namespace, body, _request_timeout=SECONDS * 2
        )
    except Exception as error:  # a heartbeat must not end for whatever a connection does
        LOG.warning("progress not noted: %s", " ".join(str(error).split())[:200])
