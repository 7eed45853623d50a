"""Runs the cloud's controllers beside each running cluster: watches its objects, and outlives its API server's absence.

A thread for each kind watched; both act under the cluster's lock. A break of any sort (a restarted API server, a
Service that cannot be served yet) is followed by a new listing after a pause that doubles up to half a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.cloud.controllers.services import Json, ServiceController
from sandbox.cloud.controllers.watching import LONGEST_PAUSE, SHORTEST_PAUSE, collections
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.errors import SandboxError

SERVICES = "/api/v1/services"
NODES = "/api/v1/nodes"


@dataclass
class ControllerManager:
    """The controllers of all clusters."""

    clusters: Clusters
    lifecycle: BalancerLifecycle
    _known: dict[str, threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ensure(self, cluster: Cluster, backend: ClusterBackend) -> None:
        """Watch a cluster whose API server runs; no effect when it is watched."""
        with self._lock:
            if cluster.identifier in self._known:
                return
            ended = self._known[cluster.identifier] = threading.Event()
        controller = ServiceController(cluster, backend, self.lifecycle, self._instance_of)
        watch = ClusterWatch(controller, ended, lambda: self._is_wanted(cluster.identifier), self._forget)
        watch.start()

    def start(self) -> None:
        """Delete the load balancers of clusters that went while nothing watched them; others wait for `ensure`."""
        for balancer in self.lifecycle.balancers.load_balancers.list():
            cluster, _, _ = balancer.manager.partition("/")
            if cluster and self.clusters.clusters.get(cluster) is None:
                self.lifecycle.delete(balancer)

    def stop(self) -> None:
        """Let every watch end; none writes after."""
        with self._lock:
            for ended in self._known.values():
                ended.set()

    def _is_wanted(self, identifier: str) -> bool:
        cluster = self.clusters.clusters.get(identifier)
        return cluster is not None and cluster.state != "deleting"

    def _instance_of(self, node: str) -> str:
        found = self.clusters.nodes.get(node)
        return found.instance_id if found is not None else node

    def _forget(self, identifier: str) -> None:
        with self._lock:
            self._known.pop(identifier, None)


@dataclass
class ClusterWatch:
    """The threads of one cluster."""

    controller: ServiceController
    ended: threading.Event
    is_wanted: Callable[[], bool]
    when_gone: Callable[[str], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start watching."""
        for path, handle in ((NODES, self._nodes_changed), (SERVICES, self._services_changed)):
            name = f"watch-{self.controller.cluster.region}-{path.rpartition('/')[2]}"
            threading.Thread(target=self._follow, args=(path, handle), name=name, daemon=True).start()

    def _follow(self, path: str, changed: Callable[[KubernetesClient, dict[str, Json]], None]) -> None:
        pause = SHORTEST_PAUSE
        while not self.ended.is_set():
            client = None
            try:
                if not self.is_wanted():
                    self._end()
                    return
                client = KubernetesClient(self.controller.backend.kubeconfig())
                for objects in collections(client, path):
                    with self._lock:
                        if self.ended.is_set():
                            return
                        changed(client, objects)
                    pause = SHORTEST_PAUSE
            except (CloudError, SandboxError, OSError) as error:
                if not self.ended.is_set():
                    log, region = self.controller.lifecycle.context.log, self.controller.cluster.region
                    log.event("warning", "a controller starts again", region=region, path=path, error=str(error))
                self.ended.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            finally:
                if client is not None:
                    client.close()

    def _nodes_changed(self, client: KubernetesClient, nodes: dict[str, Json]) -> None:
        named = {node["metadata"]["name"]: node for node in nodes.values()}
        if self.controller.replace_nodes(named):
            self._reconcile(client, self.controller.services)

    def _services_changed(self, client: KubernetesClient, services: dict[str, Json]) -> None:
        before = self.controller.services
        self.controller.services = dict(services)
        self._reconcile(client, {key: item for key, item in services.items() if before.get(key) is not item})

    def _reconcile(self, client: KubernetesClient, services: dict[str, Json]) -> None:
        failure: Exception | None = None
        for service in services.values():
            try:
                self.controller.reconcile(client, service)
            except (CloudError, SandboxError) as error:
                failure = error
        if failure is not None:
            raise failure

    def _end(self) -> None:
        """Once, when the cluster is gone: its load balancers go with it."""
        with self._lock:
            if not self.ended.is_set():
                self.ended.set()
                self.controller.forget_cluster()
                self.when_gone(self.controller.cluster.identifier)
