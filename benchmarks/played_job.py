"""A job's master with workers that are played, for `benchmarks.workers_lost`; runs in the trainer's environment.

    KUBECONFIG=FILE python -m benchmarks.played_job WORKERS START_SECONDS

The master's parts are ElasticDL's with our corrections: instance manager, task dispatcher, servicer and heartbeat, on
a real API server. A worker is played from START_SECONDS after its pod has become Running: it asks for tasks and
reports them, and trains nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

from trainer.config import ClusterSettings, TrainingJob
from trainer.elasticdl import context

TASKS, RECORDS = 1_000_000, 10
TURN_SECONDS = 0.25
REQUEST = "cpu=1,memory=1024Mi,gpu=1"


def begin(workers: int) -> Any:
    """The master, whose workers' pods are being made."""
    job = TrainingJob(
        business="benchmark",
        namespace="default",
        region="",
        image="none",
        bucket="none",
        cluster=ClusterSettings(workers=workers),
    )
    os.environ[context.VARIABLE] = context.RunContext(job=job, data_version="none").encode()
    from elasticdl.python.master.servicer import MasterServicer  # noqa: PLC0415 - what runs after reads the variable
    from elasticdl.python.master.task_dispatcher import _TaskDispatcher  # noqa: PLC0415

    from trainer.elasticdl import heartbeat, instances, master  # noqa: PLC0415

    master.apply()
    dispatcher = _TaskDispatcher({"text": (0, TASKS * RECORDS)}, {}, {}, RECORDS, 1)
    manager = instances.Instances(
        dispatcher,
        num_workers=workers,
        worker_command=["/bin/bash"],
        worker_args=["-c", "none"],
        worker_resource_request=REQUEST,
        worker_resource_limit=REQUEST,
        image_pull_policy="IfNotPresent",
        image_name=job.image,
        namespace=job.namespace,
        job_name=job.job_name,
    )
    servicer = MasterServicer(RECORDS, dispatcher, None, SimpleNamespace(instance_manager=manager))
    made = SimpleNamespace(task_d=dispatcher, master_servicer=servicer, instance_manager=manager)
    heartbeat.start(made, threading.Event())
    manager.start_workers()
    return made


def play(master: Any, start_seconds: float) -> None:
    """Until the process is ended: each worker that runs does a task a turn."""
    from elasticdl.proto import elasticdl_pb2  # noqa: PLC0415 - as above

    servicer, manager = master.master_servicer, master.instance_manager
    running_since: dict[int, float] = {}
    while True:
        now = time.monotonic()
        with manager._lock:
            running = {worker for worker, (_, phase) in manager._worker_pods_phase.items() if phase == "Running"}
        for worker in sorted(running):
            if now - running_since.setdefault(worker, now) < start_seconds:
                continue
            task = servicer.get_task(elasticdl_pb2.GetTaskRequest(worker_id=worker), None)
            if task.shard_name:
                manager.crew.begins_batches(worker, 1)
                servicer.report_task_result(elasticdl_pb2.ReportTaskResultRequest(task_id=task.task_id), None)
        time.sleep(TURN_SECONDS)


if __name__ == "__main__":
    play(begin(int(sys.argv[1])), float(sys.argv[2]))
