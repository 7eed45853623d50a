"""Runs the cloud's controllers beside each running cluster; they outlive its API server's absence."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial

from sandbox.cloud.controllers.services import ServiceController
from sandbox.cloud.controllers.volumes.controller import VolumeController
from sandbox.cloud.controllers.watching import ClusterController, ClusterWatch
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.vpc.model import Networks


@dataclass(frozen=True)
class ClusterZones:
    """Where a cluster's nodes are."""

    cluster: Cluster
    clusters: Clusters
    networks: Networks

    def of_node(self, name: str) -> str | None:
        """A node's zone; None when there is no such node."""
        node = self.clusters.nodes.get(name)
        return node.zone if node is not None and node.cluster_id == self.cluster.identifier else None

    def of_cluster(self) -> list[str]:
        """The zones of its nodes; of its switches, while it has none."""
        identifier = self.cluster.identifier
        nodes = {node.zone for node in self.clusters.nodes.list(self.cluster.region) if node.cluster_id == identifier}
        switches = (self.networks.vswitches.get(item) for item in self.cluster.vswitch_ids)
        return sorted(nodes or {switch.zone_id for switch in switches if switch is not None})


@dataclass
class ControllerManager:
    """The controllers of all clusters."""

    clusters: Clusters
    lifecycle: BalancerLifecycle
    networks: Networks
    _known: dict[str, list[ClusterWatch]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ensure(self, cluster: Cluster, backend: ClusterBackend) -> None:
        """Watch a cluster whose API server runs; no effect when it is watched."""
        with self._lock:
            if cluster.identifier in self._known:
                return
            context = self.lifecycle.context
            controllers: list[ClusterController] = [
                ServiceController(cluster, backend, self.lifecycle, self._instance_of),
                VolumeController(
                    cluster.region, backend.volumes, ClusterZones(cluster, self.clusters, self.networks), context.clock
                ),
            ]
            wanted = partial(self._is_wanted, cluster.identifier)
            forget = partial(self._forget, cluster.identifier)
            watches = [ClusterWatch(item, cluster, backend, context.log, wanted, forget) for item in controllers]
            self._known[cluster.identifier] = watches
        for watch in watches:
            watch.start()

    def start(self) -> None:
        """Delete the load balancers of clusters that went while nothing watched them; others wait for `ensure`."""
        for balancer in self.lifecycle.balancers.load_balancers.list():
            cluster, _, _ = balancer.manager.partition("/")
            if cluster and self.clusters.clusters.get(cluster) is None:
                self.lifecycle.delete(balancer)

    def stop(self) -> None:
        """Let every watch end; none acts after."""
        with self._lock:
            for watch in (watch for watches in self._known.values() for watch in watches):
                watch.stop()

    def _is_wanted(self, identifier: str) -> bool:
        cluster = self.clusters.clusters.get(identifier)
        return cluster is not None and cluster.state != "deleting"

    def _instance_of(self, node: str) -> str:
        found = self.clusters.nodes.get(node)
        return found.instance_id if found is not None else node

    def _forget(self, identifier: str) -> None:
        with self._lock:
            self._known.pop(identifier, None)
