"""What takes time: booting and ending clusters, adding and removing nodes. One thread a region, so steps never cross.

Each step brings reality in line with the store and may be repeated, which is how a restarted emulator goes on.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.regions import new_identifier
from sandbox.cloud.cs.backend import BackendFactory, ClusterBackend
from sandbox.cloud.cs.model import Cluster, Clusters, Task
from sandbox.cloud.cs.node_editor import NodeEditor
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.cloud.cs.pool_nodes import PoolNodes
from sandbox.cloud.cs.validation import limits

AUTOSCALER = "cluster-autoscaler"
"""The target of steps that no task stands for."""

ReadyHook = Callable[[Cluster, ClusterBackend], None]
"""What is installed in a cluster once its API server answers (the identity webhook)."""


@dataclass
class Operations:
    """Runs the container service's steps in the background."""

    context: Context
    clusters: Clusters
    factory: BackendFactory
    when_ready: ReadyHook
    planner: NodePlanner
    editor: NodeEditor
    _backends: dict[str, ClusterBackend] = field(default_factory=dict)
    _executors: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _recovery: list[Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._nodes = PoolNodes(
            self.context, self.clusters, self.planner, self.editor, self.backend, self._stopping.is_set
        )

    def backend(self, region: str) -> ClusterBackend:
        """The region's real cluster, running or not."""
        with self._lock:
            if region not in self._backends:
                self._backends[region] = self.factory(region, self.context.slots.slot(region))
            return self._backends[region]

    def new_task(self, cluster_id: str, target: str, kind: str) -> Task:
        """Note that something was started."""
        now = self.context.clock.now()
        identifier = new_identifier("T", "").replace("-xxx", "-")
        task = Task(identifier=identifier, cluster_id=cluster_id, target=target, kind=kind, created=now, updated=now)
        return self.clusters.tasks.put(identifier, task)

    def submit(self, region: str, target: str, step: Callable[[], None]) -> Future[None]:
        """Run a step after those before it; every unfinished task of its target ends with it."""
        with self._lock:
            executor = self._executors.get(region)
            if executor is None:
                executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"cluster-{region}")
                self._executors[region] = executor
        return executor.submit(self._run, target, step)

    def resume(self) -> None:
        """After a restart: go on with what the store says should be there."""
        for cluster in self.clusters.clusters.list():
            if cluster.state == "deleting":
                self._recover(cluster.region, cluster.identifier, partial(self.delete_cluster, cluster.identifier))
                continue
            self._recover(cluster.region, cluster.identifier, partial(self.boot_cluster, cluster.identifier))
            for pool in self.clusters.pools_of(cluster.identifier):
                step = self.delete_pool if pool.state == "deleting" else self.converge_pool
                self._recover(cluster.region, pool.identifier, partial(step, pool.identifier))

    def is_recovered(self, seconds: float = 0.0) -> bool:
        """Whether all that `resume` began has ended, waiting for it this long."""
        return not wait(self._recovery, timeout=seconds).not_done

    def _recover(self, region: str, target: str, step: Callable[[], None]) -> None:
        self._recovery.append(self.submit(region, target, step))

    def stop(self) -> None:
        """Begin no further step; the one that runs is let finish."""
        self._stopping.set()
        with self._lock:
            executors = list(self._executors.values())
        for executor in executors:
            executor.shutdown(wait=True, cancel_futures=True)

    def boot_cluster(self, identifier: str) -> None:
        """Bring a cluster up (again), with what is installed in it."""
        cluster = self.clusters.clusters.get(identifier)
        if cluster is None or cluster.state == "deleting":
            return
        backend = self.backend(cluster.region)
        try:
            if not backend.is_running():
                backend.start()
            self.when_ready(cluster, backend)
        except Exception as error:
            self.clusters.update_cluster(
                identifier, state="failed", reason=str(error), updated=self.context.clock.now()
            )
            raise
        self._finish_upgrade(cluster)
        self.clusters.update_cluster(identifier, state="running", reason="", updated=self.context.clock.now())
        self.context.log.event("info", "cluster is running", cluster=identifier, region=cluster.region)

    def upgrade_cluster(self, identifier: str) -> None:
        """Restart a cluster's API server, and note the version to which it was to be brought."""
        cluster = self.clusters.clusters.get(identifier)
        if cluster is None or not cluster.upgrades_to:
            return
        try:
            self.backend(cluster.region).restart_api_server()
        except Exception:
            now = self.context.clock.now()
            self.clusters.update_cluster(identifier, state="running", upgrades_to="", updated=now)
            raise
        self._finish_upgrade(cluster)
        self.context.log.event("info", "cluster is upgraded", cluster=identifier, version=cluster.upgrades_to)

    def _finish_upgrade(self, cluster: Cluster) -> None:
        if not cluster.upgrades_to:
            return
        self.clusters.update_cluster(
            cluster.identifier,
            state="running",
            version=cluster.upgrades_to,
            upgrades_to="",
            first_version=cluster.first_version or cluster.version,
            updated=self.context.clock.now(),
        )

    def replace_nodes(self, pool_id: str, names: list[str]) -> None:
        """Make nodes of a pool anew, one after the other."""
        for name in names:
            node = self.clusters.nodes.get(name)
            if node is not None and node.pool_id == pool_id:
                self._nodes.remove(node.region, [node])
                self.converge_pool(pool_id)
        self.converge_pool(pool_id)

    def delete_cluster(self, identifier: str) -> None:
        """End a cluster with all its nodes and forget it."""
        cluster = self.clusters.clusters.get(identifier)
        if cluster is None:
            return
        self.backend(cluster.region).purge()
        with self.context.store.transaction():
            for pool in self.clusters.pools_of(identifier):
                for node in self.clusters.nodes_of(pool.identifier):
                    self.clusters.nodes.delete(node.name)
                self.clusters.pools.delete(pool.identifier)
            self.clusters.clusters.delete(identifier)
        self.context.log.event("info", "cluster is deleted", cluster=identifier, region=cluster.region)

    def converge_pool(self, identifier: str) -> None:
        """Add or remove nodes until a pool has its size, and bring back those that a restart lost."""
        pool = self.clusters.pools.get(identifier)
        cluster = self.clusters.clusters.get(pool.cluster_id) if pool is not None else None
        if pool is None or cluster is None or pool.state == "deleting":
            return
        if not cluster.answers:
            raise RuntimeError(f"cluster {cluster.identifier} is {cluster.state}: {cluster.reason or 'not running'}")
        try:
            self._nodes.match(pool)
        except Exception as error:
            self.clusters.update_pool(identifier, reason=str(error), updated=self.context.clock.now())
            raise
        self.clusters.update_pool(identifier, state="active", reason="", updated=self.context.clock.now())

    def delete_pool(self, identifier: str) -> None:
        """Remove a pool's nodes and forget it."""
        pool = self.clusters.pools.get(identifier)
        if pool is None:
            return
        self._nodes.remove(pool.region, self.clusters.nodes_of(identifier))
        self.clusters.pools.delete(identifier)

    def remove_node(self, name: str) -> None:
        """Remove one node and make its pool one smaller."""
        node = self.clusters.nodes.get(name)
        if node is None:
            return
        self._nodes.remove(node.region, [node])
        with self.context.store.transaction():
            pool = self.clusters.pools.get(node.pool_id)
            if pool is not None and pool.state != "deleting":
                self.clusters.update_pool(pool.identifier, size=max(0, pool.size - 1))

    def grow_pool(self, identifier: str, more: int) -> Future[None] | None:
        """Make an autoscaled pool larger, up to its maximum; None when it has that or is gone.

        Nodes that do not come up within the step are given up again, so that another pool may be tried.

        Raises:
            CloudError: when the region cannot have so many nodes.
        """
        with self.context.store.transaction():
            pool = self.clusters.pools.get(identifier)
            if pool is None or pool.state == "deleting" or not pool.scales:
                return None
            size = min(pool.size + more, limits(pool.auto_scaling)[1])
            if size <= pool.size:
                return None
            self.planner.check_room(pool.region, identifier, size)
            self.clusters.update_pool(identifier, size=size, state="scaling", updated=self.context.clock.now())
        return self.submit(pool.region, AUTOSCALER, partial(self._grow, identifier))

    def shrink_pool(self, node: str, region: str) -> Future[None]:
        """Remove a node of an autoscaled pool, unless the pool has its minimum meanwhile."""
        return self.submit(region, AUTOSCALER, partial(self._shrink, node))

    def _shrink(self, name: str) -> None:
        node = self.clusters.nodes.get(name)
        pool = self.clusters.pools.get(node.pool_id) if node is not None else None
        if pool is not None and pool.scales and pool.size > limits(pool.auto_scaling)[0]:
            self.remove_node(name)

    def _grow(self, identifier: str) -> None:
        try:
            self.converge_pool(identifier)
        except Exception:
            if self._stopping.is_set():
                raise
            for node in self.clusters.nodes_of(identifier):
                if not node.ready:
                    self.remove_node(node.name)
            with self.context.store.transaction():
                there = len(self.clusters.nodes_of(identifier))
                self.clusters.update_pool(identifier, size=there, state="active", updated=self.context.clock.now())
            raise

    def _run(self, target: str, step: Callable[[], None]) -> None:
        if self._stopping.is_set():
            return
        error = ""
        try:
            step()
        except Exception as failure:
            if self._stopping.is_set():
                return
            error = str(failure) or type(failure).__name__
            self.context.log.event("error", "a cluster step failed", target=target, trace=traceback.format_exc())
        for task in self.clusters.unfinished_tasks(target):
            ended = task.model_copy(
                update={"state": "failed" if error else "success", "error": error, "updated": self.context.clock.now()}
            )
            self.clusters.tasks.put(task.identifier, ended)
