"""Corrections of ElasticDL's master. Those of its pods are in `instances`, those of its heartbeat in `heartbeat`."""

from __future__ import annotations

import threading
import time
from typing import Any

from elasticdl.python.common import k8s_client
from elasticdl.python.common.constants import InstanceManagerStatus
from elasticdl.python.master import master as master_module
from elasticdl.python.master.master import Master
from elasticdl.python.master.servicer import MasterServicer
from elasticdl.python.master.task_dispatcher import _TaskDispatcher

from trainer.elasticdl import context, heartbeat, instances, pods, tasks, turn
from trainer.elasticdl.pointers import LATEST, find
from trainer.errors import StoreError

POLL_SECONDS = 2.0


def apply() -> None:
    """Make all corrections. Calling it again changes nothing."""
    Master._get_image_cluster_spec = _cluster_spec_as_given
    Master._check_timeout_tasks = _leave_timeouts_to_the_monitor
    Master.run = _run_master
    master_module.InstanceManager = instances.Instances
    k8s_client.Client._watch = pods.watch
    k8s_client.Client.create_ps_service = pods.create_ps_service
    MasterServicer.get_task = instances.get_task
    _TaskDispatcher.report = heartbeat.report
    _TaskDispatcher.recover_tasks = tasks.recover_tasks
    _TaskDispatcher.finished = tasks.finished


def _cluster_spec_as_given(_self: Any, cluster_spec: str) -> str:
    """ElasticDL looks for the file in /cluster_spec of the image, which only its own image builder makes."""
    return cluster_spec


def _leave_timeouts_to_the_monitor(_self: Any) -> None:
    """ElasticDL's own replaces a worker after three times the mean time of a task, which it takes for 300 s until 20
    kinds of task are known (there are two), and ends with a KeyError when it meets a worker that never asked."""


def _first_step(run: context.RunContext) -> int:
    """That of the checkpoint that the job goes on from."""
    try:
        found = find(context.store(), run.checkpoint_prefix, LATEST)
    except StoreError:  # only the heartbeat's step would be a little low
        return 0
    return int(found["version"]) if found else 0


def _run_master(self: Any) -> int:
    """The master's loop. ElasticDL's own looks every 30 s, which a finished job then waits for; it ends without the
    export when it looks between the last task's end and a worker's question for more, which is what makes the export's
    task; and it loses its exit code when all workers failed."""
    ended = threading.Event()
    run = context.current()
    heartbeat.start(self, ended, _first_step(run))
    turn.watch(run.job, run.term, ended, lambda: self.request_stop("it is not this region's turn to train"))
    try:
        while not self._should_stop:
            if self.instance_manager.all_failed():
                self.request_stop("all workers failed")
            elif self.task_d.finished() and not self.task_d.invoke_deferred_callback():
                self.instance_manager.closing = True
                self.instance_manager.update_status(InstanceManagerStatus.FINISHED)
                break
            else:
                self.instance_manager.adjust()
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        self.request_stop("interrupted")
    finally:
        ended.set()
        self._stop()
    return 1 if self._exit_code else 0
