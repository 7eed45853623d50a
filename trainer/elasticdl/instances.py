"""The job's pods as the master keeps them: ElasticDL's instance manager, corrected, elastic, and with standbys.

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

import functools
import logging
import time
from typing import Any

from elasticdl.proto import elasticdl_pb2
from elasticdl.python.master.k8s_instance_manager import InstanceManager
from elasticdl.python.master.servicer import MasterServicer
from kubernetes.client.exceptions import ApiException

from trainer.elasticdl import context, heartbeat, pods, tasks
from trainer.elasticdl.crew import Crew, Turn
from trainer.elasticdl.elasticity import Elasticity, Look
from trainer.elasticdl.placement import placement
from trainer.elasticdl.questions import begun_batches

LOG = logging.getLogger("trainer.instances")
KILLED = 137
CONFLICT = 409
ALL_FAILED_SECONDS = 60.0
"""How long every worker may have failed, for the monitor to replace one, before the master gives the job up."""
LEAVING_SECONDS = 300.0
"""A worker that is to leave finishes its task first; one that takes longer is deleted, and another does its task."""
WORKER_MEMORY_ANNOTATION = "language-models/worker-memory-mebibytes"
"""On the master's pod, set by the status monitor: memory of the workers from now on."""

AVOIDED_NODES_ANNOTATION = "language-models/avoided-nodes"
"""On the master's pod, set by the status monitor: nodes that have gone silent, by commas. New pods go elsewhere."""

_original_get_task = MasterServicer.get_task


class Instances(InstanceManager):  # type: ignore[misc]
    """Workers, standbys and parameter servers.

    A standby is a worker that has started, imported TensorFlow and built its model, and waits for its first task. It
    gets one at the moment when a worker is lost, so the loss costs a second and not a start.

    Between its least and its most workers the job follows its queue of tasks (`elasticity`).
    """

    def __init__(self, task_d: Any, num_workers: int = 1, **options: Any) -> None:
        cluster = context.current().job.cluster
        self.crew = Crew(num_workers, cluster.standby_workers)
        self._elasticity = Elasticity(num_workers, cluster.maximum_workers or num_workers)
        self._ended: set[str] = set()
        self._all_failed_at: float | None = None
        self.closing = False
        """Set when the job is done: from then on nothing is replaced."""
        super().__init__(task_d, num_workers=num_workers + cluster.standby_workers, **options)

    def start_workers(self) -> None:
        """All hold their places before the first one is made, so that one lost meanwhile is replaced once."""
        for worker in self.crew.fill(self._next_worker_id):
            self._start_worker(worker)

    # ---- how many there are

    def adjust(self) -> None:
        """Grow or shrink with the queue of tasks. Called every few seconds while the job runs."""
        now, before = time.monotonic(), self.crew.wanted
        waiting, begun = tasks.queue(self._task_d)
        pace = heartbeat.record_of(self._task_d).pace(self.crew.lost)
        look = Look(waiting, begun, pace, self.crew.unplaced(now), self.crew.starting)
        wanted = self._elasticity.decide(look, now)
        if wanted != before:
            LOG.warning("%d workers wanted instead of %d: %s", wanted, before, look)
            self.crew.want(wanted)
        self._fill()
        self._let_go(now)

    def _fill(self) -> None:
        for worker in self.crew.fill(self._next_worker_id):
            pods.persist(f"worker {worker}", functools.partial(self._make_worker, worker))

    def _make_worker(self, worker: int) -> None:
        if not self.crew.is_expected(worker):  # it was to leave before it came
            self.crew.remove(worker)
            return
        with self._lock:
            self._worker_pod_priority.setdefault(worker, self._worker_pod_priority[0])
        try:
            self._start_worker(worker)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            with self._lock:  # an earlier attempt made it and lost the answer
                self._worker_pod_name_to_id[self._k8s_client.get_worker_pod_name(worker)] = worker

    def _let_go(self, now: float) -> None:
        """Have those leave who are too many. Each round asks anew for what the API server did not do."""
        for worker in self.crew.surplus(tasks.owners(self._task_d)):
            if pods.announce(self._k8s_client, self._k8s_client.get_worker_pod_name(worker)):
                LOG.warning("worker %d is to leave", worker)
                self.crew.leave(worker)
        for worker, member in self.crew.leaving().items():
            overdue = now - (member.leaves_since or now) >= LEAVING_SECONDS
            if member.ended or not member.heard or overdue:
                pods.delete(self._k8s_client, self._k8s_client.get_worker_pod_name(worker))

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
        if pod.spec.node_name:
            self.crew.place(worker)
        if phase in ("Failed", "Succeeded") or gone:
            self.crew.end(worker)
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
            LOG.warning("worker %d is gone (%s)", worker, phase)
            self.crew.remove(worker)
            self._fill()

    def _server_event(self, server: int, pod: Any, *, gone: bool) -> None:
        with self._lock:
            self._ps_pods_phase[server] = (pod.metadata.name, pod.status.phase)
            again = gone and pod.metadata.uid not in self._ended
            if gone:
                self._ended.add(pod.metadata.uid)
        if again and self._relaunch_deleted_live_ps and not self.closing:
            LOG.warning("parameter server %d is lost; another takes its place", server)
            pods.persist(f"parameter server {server}", lambda: self._start_ps(server))

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


STANDBY_SECONDS = 300.0


def get_task(self: Any, request: Any, call: Any) -> Any:
    """A worker's question for a task: a standby's waits until it is needed."""
    manager = self._master.instance_manager
    if not isinstance(manager, Instances):
        return _original_get_task(self, request, call)
    if request.task_type == elasticdl_pb2.EVALUATION:  # asked now and then, between batches
        manager.crew.begins_batches(request.worker_id, begun_batches(call))
    else:
        with self._lock:
            self._worker_liveness_time[request.worker_id] = time.time()
        turn = manager.crew.turn(request.worker_id, self._task_d.finished, STANDBY_SECONDS)
        if turn is Turn.WAIT:
            return elasticdl_pb2.Task(type=elasticdl_pb2.WAIT)
        if turn is Turn.LEAVE:
            return elasticdl_pb2.Task()  # none: a worker then reports what it still holds, and ends well
    return _original_get_task(self, request, call)
