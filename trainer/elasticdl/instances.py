"""The job's pods as the master keeps them: ElasticDL's instance manager, corrected, and with standbys.

Who replaces what. The master makes every worker and parameter server, and only it can; so it is the one that starts
replacements. It does so by itself when a worker's process was killed from outside (exit code 137, not for memory), and
whenever a pod is deleted. Whether any other end deserves a replacement (a crash may come again at once, memory may be
too little) is decided outside, by the status monitor: it deletes the pod, and the deletion is what the master answers.

ElasticDL's own manager
- ignores the deletion of a pod that had failed before, so nobody can have such a worker replaced;
- forgets to give a deleted worker's tasks to others, until a timeout of 900 s;
- makes a killed parameter server's replacement while the dead pod still has its name, which fails, and loses the
  parameter server's Service with its pod;
- loses a replacement for good when the API server refuses it once (a quota that the dead pod still fills);
- misses deletions while its watch reconnects.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from elasticdl.proto import elasticdl_pb2
from elasticdl.python.common import k8s_client
from elasticdl.python.master.k8s_instance_manager import InstanceManager
from elasticdl.python.master.servicer import MasterServicer
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import SharedInformer
from urllib3.exceptions import HTTPError

from trainer.elasticdl import context
from trainer.elasticdl.placement import placement

LOG = logging.getLogger("trainer.instances")
KILLED = 137
ALL_FAILED_SECONDS = 60.0
"""How long every worker may have failed, for the monitor to replace one, before the master gives the job up."""
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits between attempts to make a pod; the last one again and again."""
WORKER_MEMORY_ANNOTATION = "language-models/worker-memory-mebibytes"
"""On the master's pod, set by the status monitor: memory of the workers from now on."""

AVOIDED_NODES_ANNOTATION = "language-models/avoided-nodes"
"""On the master's pod, set by the status monitor: nodes that have gone silent, by commas. New pods go elsewhere."""

_original_get_task = MasterServicer.get_task


class Instances(InstanceManager):  # type: ignore[misc]
    """Workers, standbys and parameter servers.

    A standby is a worker that has started, imported TensorFlow and built its model, and waits for its first task. It
    gets one at the moment when a worker is lost, so the loss costs a second and not a start.
    """

    def __init__(self, task_d: Any, num_workers: int = 1, **options: Any) -> None:
        self._wanted = num_workers
        self._active: set[int] = set()
        self._lost: set[int] = set()
        self._batches: Counter[int] = Counter()
        self._ended: set[str] = set()
        self._turn = threading.Condition()
        self._all_failed_at: float | None = None
        self.closing = False
        """Set when the job is done: from then on nothing is replaced."""
        super().__init__(task_d, num_workers=num_workers + context.current().job.cluster.standby_workers, **options)

    # ---- whose turn it is

    def admit(self, worker: int, finished: Callable[[], bool], seconds: float) -> bool:
        """Whether a worker may have tasks; a standby waits here for its turn, at most so long."""
        deadline = time.monotonic() + seconds
        with self._turn:
            while True:
                if worker in self._active or finished():
                    return True
                if worker in self._lost:
                    return False
                if len(self._active) < self._wanted:
                    self._active.add(worker)
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._turn.wait(min(left, 1.0))

    def is_standby(self, worker: int) -> bool:
        with self._turn:
            return worker not in self._active

    def batches(self, worker: int) -> int:
        """How many batches a worker has begun."""
        with self._turn:
            return self._batches[worker]

    @property
    def all_batches(self) -> int:
        """How many batches all workers have begun, those that are lost too."""
        with self._turn:
            return self._batches.total()

    def begins_batch(self, worker: int) -> None:
        with self._turn:
            self._batches[worker] += 1

    @property
    def lost(self) -> frozenset[int]:
        """Workers that are no more."""
        with self._turn:
            return frozenset(self._lost)

    def _retire(self, worker: int) -> None:
        with self._turn:
            self._active.discard(worker)
            self._lost.add(worker)
            self._turn.notify_all()

    # ---- what happens to pods

    def all_failed(self) -> bool:
        """Whether every worker has failed, for so long that nobody will replace one."""
        at = self._all_failed_at
        return at is not None and time.monotonic() - at > ALL_FAILED_SECONDS

    def _event_cb(self, event: dict[str, Any]) -> None:
        pod, gone = event["object"], event["type"] == "DELETED"
        with self._lock:  # held while a pod is being made, so its name is known here
            worker = self._worker_pod_name_to_id.get(pod.metadata.name)
            server = self._ps_pod_name_to_id.get(pod.metadata.name)
        if worker is not None:
            self._worker_event(worker, pod, gone=gone)
        elif server is not None:
            self._server_event(server, pod, gone=gone)

    def _worker_event(self, worker: int, pod: Any, *, gone: bool) -> None:
        name, phase = pod.metadata.name, pod.status.phase
        if phase in ("Failed", "Succeeded") or gone:
            self._retire(worker)
            self._task_d.recover_tasks(worker)
        replace = gone or (phase == "Failed" and _was_killed(pod))
        with self._lock:
            self._worker_pods_phase[worker] = (name, phase)
            if replace:
                del self._worker_pods_phase[worker]
                del self._worker_pod_name_to_id[name]
            phases = [state for _, state in self._worker_pods_phase.values()]
        failed = bool(phases) and all(state == "Failed" for state in phases) and not replace
        self._all_failed_at = (self._all_failed_at or time.monotonic()) if failed else None
        done = phase == "Succeeded" and self._task_d.finished()
        if replace and self._relaunch_deleted_live_worker and not self.closing and not done:
            new = self._next_worker_id()
            LOG.warning("worker %d is lost (%s); worker %d takes its place", worker, phase, new)
            with self._lock:
                self._worker_pod_priority[new] = self._worker_pod_priority[worker]
            persist(f"worker {new}", lambda: self._start_worker(new))

    def _server_event(self, server: int, pod: Any, *, gone: bool) -> None:
        with self._lock:
            self._ps_pods_phase[server] = (pod.metadata.name, pod.status.phase)
            again = gone and pod.metadata.uid not in self._ended
            if gone:
                self._ended.add(pod.metadata.uid)
        if again and self._relaunch_deleted_live_ps and not self.closing:
            LOG.warning("parameter server %d is lost; another takes its place", server)
            persist(f"parameter server {server}", lambda: self._start_ps(server))

    def _start_worker(self, worker_id: int) -> None:
        told = self._told()
        memory = told.get(WORKER_MEMORY_ANNOTATION)
        if memory and memory.isdigit():
            for name in ("_worker_resource_request", "_worker_resource_limit"):
                setattr(self, name, with_memory(getattr(self, name), int(memory)))
        self._avoid(told)
        super()._start_worker(worker_id)

    def _start_ps(self, ps_id: int) -> None:
        self._avoid(self._told())
        super()._start_ps(ps_id)

    def _told(self) -> dict[str, str]:
        """What the monitor has written on the master's pod."""
        master = self._k8s_client.get_master_pod()
        return (master.metadata.annotations if master else None) or {}

    def _avoid(self, told: dict[str, str]) -> None:
        placement.avoid(tuple(filter(None, told.get(AVOIDED_NODES_ANNOTATION, "").split(","))))


def with_memory(request: str, mebibytes: int) -> str:
    """ElasticDL's `cpu=1000m,memory=4096Mi,gpu=1` with another memory."""
    parts = [part for part in (request or "").split(",") if part and not part.startswith("memory=")]
    return ",".join([*parts, f"memory={mebibytes}Mi"]) if request else request


def _was_killed(pod: Any) -> bool:
    """By a signal from outside: not by the kernel for memory, not by kubelet for its node's sake."""
    if pod.status.reason == "Evicted":
        return False
    ends = [status.state.terminated for status in pod.status.container_statuses or []]
    return any(end and end.exit_code == KILLED and end.reason != "OOMKilled" for end in ends)


def persist(what: str, make: Callable[[], None]) -> None:
    """Make a pod in the background, as often as it takes."""

    def attempt() -> None:
        for number in range(10_000):
            try:
                make()
                return
            except ApiException as error:
                if error.status == 409:  # it is there: an earlier attempt made it and lost the answer
                    return
                reason = str(error.reason)
            except HTTPError as error:
                reason = str(error)
            wait = RETRY_SECONDS[min(number, len(RETRY_SECONDS) - 1)]
            LOG.warning("%s could not be made: %s; trying again in %.1f s", what, reason, wait)
            time.sleep(wait)

    threading.Thread(target=attempt, name=what, daemon=True).start()


def watch(self: Any) -> None:
    """For ElasticDL's Kubernetes client: an informer, which notices also what was deleted while it reconnected."""
    informer = SharedInformer(
        self.client.list_namespaced_pod,
        namespace=self.namespace,
        label_selector=f"{k8s_client.ELASTICDL_JOB_KEY}={self.job_name}",
    )

    def hand_on(kind: str) -> Callable[[Any], None]:
        return lambda pod: self._event_cb({"type": kind, "object": pod})

    for kind in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(kind, hand_on(kind))
    informer.start()


def create_ps_service(self: Any, ps_id: int) -> None:
    """A parameter server's Service lives as long as the master: its replacement has the same address."""
    try:
        self._create_service(
            name=self.get_ps_service_name(ps_id),
            port=k8s_client._PS_SERVICE_PORT,
            target_port=k8s_client._PS_SERVICE_PORT,
            replica_type="ps",
            replica_index=ps_id,
            owner=self.get_master_pod(),
        )
    except ApiException as error:
        if error.status != 409:
            raise


STANDBY_SECONDS = 300.0


def get_task(self: Any, request: Any, call: Any) -> Any:
    """A worker's question for a task: a standby's waits until it is needed."""
    manager = self._master.instance_manager
    if not isinstance(manager, Instances):
        return _original_get_task(self, request, call)
    if request.task_type == elasticdl_pb2.EVALUATION:  # asked before every batch
        manager.begins_batch(request.worker_id)
    else:
        with self._lock:
            self._worker_liveness_time[request.worker_id] = time.time()
        if not manager.admit(request.worker_id, self._task_d.finished, STANDBY_SECONDS):
            return elasticdl_pb2.Task(type=elasticdl_pb2.WAIT)
    return _original_get_task(self, request, call)
