"""Emptying a node that is not needed: cordon, evict, remove."""

from __future__ import annotations

import datetime
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.controllers.autoscaling.marks import CANDIDATE, LEAVING, marked_since, with_mark, without_mark
from sandbox.cloud.controllers.autoscaling.placement import Json
from sandbox.cloud.controllers.autoscaling.shrinking import is_of_the_node, to_move
from sandbox.cloud.controllers.reports import ClusterApi, Reporter
from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.kubernetes import KubernetesError
from sandbox.cloud.cs.model import AutoscalingConfig
from sandbox.cloud.cs.operations import Operations

DEFAULT_GRACE = 30
"""Seconds that Kubernetes gives a pod that names none."""


@dataclass
class Drain:
    """Empties nodes, and gives up where a pod may not be evicted."""

    operations: Operations
    reporter: Reporter
    clock: Clock
    _removals: dict[str, Future[None]] = field(default_factory=dict)

    def begin(self, api: ClusterApi, node: Json, expected: list[Json], config: AutoscalingConfig) -> None:
        """Cordon a node and evict what is on it.

        Args:
            api: the cluster's API server.
            node: the node.
            expected: the pods that were counted; when others have come meanwhile, the node stays.
            config: how the autoscaler is set.
        """
        patch = with_mark(node, LEAVING, self.clock.now())
        patch["spec"]["unschedulable"] = True
        cordoned = api.merge(_path(node), patch)
        self.reporter.say(api, "Node", node, "ScaleDown", "marked the node as toBeDeleted/unschedulable")
        known = {pod["metadata"]["uid"] for pod in expected}
        if {pod["metadata"]["uid"] for pod in to_move(self._pods(api, node))} - known:
            self.give_up(api, cordoned, "pods came to the node meanwhile")
            return
        self.go_on(api, cordoned, config, may_go=True)

    def go_on(self, api: ClusterApi, node: Json, config: AutoscalingConfig, *, may_go: bool) -> None:
        """Evict what is left on a cordoned node; remove the node once nothing is, or when time is up."""
        name = str(node["metadata"]["name"])
        removal = self._removals.get(name)
        if removal is not None and not removal.done():
            return
        if not may_go:
            self.give_up(api, node, "its pool has the fewest nodes that it may have")
            return
        pods = self._pods(api, node)
        moving = to_move(pods)
        since = marked_since(node, LEAVING) or self.clock.now()
        is_late = self.clock.now() - since > datetime.timedelta(seconds=config.longest_termination)
        try:
            for pod in moving:
                self._evict(api, pod, config)
            if config.evicts_daemon_pods:
                for pod in pods:
                    if is_of_the_node(pod):
                        self._evict(api, pod, config)
        except KubernetesError as error:
            self.give_up(api, node, f"a pod could not be evicted: {error}")
            return
        if not moving or is_late:
            region = self.operations.planner.clusters.nodes.get(name)
            if region is not None:
                self._removals[name] = self.operations.shrink_pool(name, region.region)

    def give_up(self, api: ClusterApi, node: Json, reason: str) -> None:
        """Let the node take pods again; it must be idle for the whole time anew."""
        patch = without_mark(node, LEAVING, CANDIDATE)
        patch["spec"]["unschedulable"] = None
        patch["spec"]["taints"] = [
            taint for taint in patch["spec"]["taints"] or [] if taint["key"] != "node.kubernetes.io/unschedulable"
        ] or None
        api.merge(_path(node), patch)
        self.reporter.say(api, "Node", node, "ScaleDownFailed", f"failed to remove the node: {reason}", "Warning")

    def _evict(self, api: ClusterApi, pod: Json, config: AutoscalingConfig) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" in metadata:
            return
        grace = min(int(pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)), config.longest_termination)
        named = {"name": metadata["name"], "namespace": metadata["namespace"]}
        eviction: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": named,
            "deleteOptions": {"gracePeriodSeconds": grace},
        }
        api.create(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction", eviction)
        self.reporter.say(api, "Pod", pod, "ScaleDown", "deleting pod for node scale down")

    def _pods(self, api: ClusterApi, node: Json) -> list[dict[str, Any]]:
        found = api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={node['metadata']['name']}") or {}
        return list(found.get("items") or [])


def _path(node: Json) -> str:
    return f"/api/v1/nodes/{node['metadata']['name']}"
