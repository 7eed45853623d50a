"""Runs an autoscaler beside each running cluster."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from functools import partial

from sandbox.cloud.controllers.autoscaling.autoscaler import Autoscaler, is_unschedulable
from sandbox.cloud.controllers.reports import ClusterApi
from sandbox.cloud.controllers.watching import FAILURES, Json, follow
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.cloud.cs.operations import Operations

UNASSIGNED = "/api/v1/pods?fieldSelector=spec.nodeName%3D"
LOOK_SECONDS = 1.0
"""How often the cloud's clock is looked at, which may have been moved."""
GATHER_SECONDS = 0.5
"""How long further pods are waited for when one finds no node, so that they are counted together."""
STOP_SECONDS = 15.0


@dataclass
class AutoscalerManager:
    """The autoscalers of all clusters."""

    context: Context
    clusters: Clusters
    operations: Operations
    _loops: dict[str, _Loop] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ensure(self, cluster: Cluster, backend: ClusterBackend) -> None:
        """Scale a cluster whose API server runs; no effect when that is done already."""
        with self._lock:
            if cluster.identifier in self._loops:
                return
            autoscaler = Autoscaler(cluster.identifier, self.context, self.clusters, self.operations)
            loop = self._loops[cluster.identifier] = _Loop(self, cluster, backend, autoscaler)
            loop.start()

    def stop(self) -> None:
        """Let every autoscaler end; none acts after."""
        with self._lock:
            loops = list(self._loops.values())
        for loop in loops:
            loop.stop()

    def is_wanted(self, identifier: str) -> bool:
        """Whether the cluster is still there."""
        cluster = self.clusters.clusters.get(identifier)
        return cluster is not None and cluster.state != "deleting"

    def forget(self, identifier: str) -> None:
        """Drop an autoscaler that has ended."""
        with self._lock:
            self._loops.pop(identifier, None)


@dataclass
class _Loop:
    """Two threads: one waits for pods without a node, the other scans, at once for those and at each interval."""

    manager: AutoscalerManager
    cluster: Cluster
    backend: ClusterBackend
    autoscaler: Autoscaler
    ended: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start both."""
        for name, target in (("watch", self.watch), ("scan", self.scan)):
            thread = threading.Thread(target=target, name=f"autoscaler-{name}-{self.cluster.region}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End both; the watch, which changes nothing, at its next event."""
        self.ended.set()
        self._wake.set()
        self._threads[1].join(STOP_SECONDS)

    def watch(self) -> None:
        """Wake the other thread whenever the scheduler finds no node for a pod."""

        def changed(api: ClusterApi, pods: dict[str, Json]) -> None:
            if any(is_unschedulable(pod) for pod in pods.values()):
                self._wake.set()

        report = partial(self._log, "watch")
        follow(self.backend.kubeconfig, UNASSIGNED, changed, self._is_over, self.ended, report)

    def scan(self) -> None:
        """Scan when woken, and when the cloud's time for it has come."""
        due: datetime.datetime | None = None
        client = None
        while not self._is_over():
            now = self.manager.context.clock.now()
            if not self._wake.wait(LOOK_SECONDS) and due is not None and now < due:
                continue
            if self._wake.is_set():
                self.ended.wait(GATHER_SECONDS)
                self._wake.clear()
            if self._is_over():
                break
            try:
                client = client or KubernetesClient(self.backend.kubeconfig())
                self.autoscaler.scan(client)
                due = now + self.autoscaler.scan_interval()
            except FAILURES as error:
                self._log("scan", error)
                if client is not None:
                    client.close()
                client = None
                self.ended.wait(LOOK_SECONDS)
        if client is not None:
            client.close()

    def _is_over(self) -> bool:
        if not self.ended.is_set() and not self.manager.is_wanted(self.cluster.identifier):
            self.ended.set()
            self.manager.forget(self.cluster.identifier)
        return self.ended.is_set()

    def _log(self, part: str, error: Exception) -> None:
        if not self.ended.is_set():
            log = self.manager.context.log
            reason = str(error) or repr(error)
            log.event("warning", "an autoscaler starts again", region=self.cluster.region, part=part, error=reason)
