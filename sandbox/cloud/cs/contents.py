"""What is inside a cluster now, as the status page shows it: its nodes, its pods and its volumes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sandbox.cloud.controllers.volumes.folders import VolumeFolders
from sandbox.cloud.core.kubernetes import KubernetesClient, KubernetesError
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.region.simulation.node_object import SIMULATED_LABEL

CALL_SECONDS = 2.0
"""How long the API server may take for one answer: it is on the same machine, and a person waits."""

READING_SECONDS = 8.0
"""How long one reading may take in all; a region of 10,000 pods takes about 2 s."""

PAGE_OBJECTS = 500
KINDS = ("nodes", "pods", "persistentvolumes")
SIMULATED = "Simulated"
"""The reason of pods on simulated nodes, which stands in the place of Running: no container of theirs runs."""
POOL_LABEL = "alibabacloud.com/nodepool-id"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class NodeView:
    """One node."""

    name: str
    pool: str
    """The pool's identifier; empty for a node that is of none."""
    kind: Literal["real", "simulated"]
    ready: bool
    reason: str = ""
    """Why it is not ready, or what keeps new pods off it."""


@dataclass(frozen=True)
class PodTrouble:
    """A pod that is not as it should be, and why."""

    namespace: str
    name: str
    phase: str
    reason: str


@dataclass(frozen=True)
class VolumeView:
    """A PersistentVolume."""

    name: str
    claim: str
    """Namespace and name of the claim that it is bound to, or was."""
    storage_class: str
    place: str
    """The zone, or the region, whose nodes may mount it."""
    capacity: str
    phase: str
    used_bytes: int | None = None
    """None when it is not a folder of the sandbox's, or has too many files to be counted at once."""


@dataclass(frozen=True)
class Contents:
    """A cluster's nodes, its pods by namespace and phase, those of them that are not well, and its volumes."""

    nodes: list[NodeView] = field(default_factory=list)
    pods: dict[str, Counter[str]] = field(default_factory=dict)
    troubles: list[PodTrouble] = field(default_factory=list)
    volumes: list[VolumeView] = field(default_factory=list)


class ContentsReader(Protocol):
    """Reads a cluster. Called in a thread; raises SandboxError when the cluster does not answer in time."""

    def read(self, cluster: Cluster, backend: ClusterBackend) -> Contents:
        """What is in it now."""


class KubernetesContents:
    """Asks a real cluster's API server."""

    def read(self, cluster: Cluster, backend: ClusterBackend) -> Contents:
        """All of them, in pages, within `READING_SECONDS`."""
        deadline = time.monotonic() + READING_SECONDS
        client = KubernetesClient(backend.kubeconfig(), CALL_SECONDS)
        try:
            nodes, pods, volumes = (_every(client, f"/api/v1/{kind}", deadline) for kind in KINDS)
            return summarise(nodes, pods, volumes, VolumeFolders(backend.volumes))
        finally:
            client.close()


@dataclass(frozen=True)
class SimulatedContents:
    """Shows what is remembered of a cluster that exists in memory only: nodes, and no pod."""

    clusters: Clusters

    def read(self, cluster: Cluster, backend: ClusterBackend) -> Contents:
        """The nodes that its backend has, with those that are still to come."""
        there = set(backend.node_names())
        return Contents(
            nodes=[
                NodeView(node.name, node.pool_id, "simulated", node.name in there, "" if node.name in there else "new")
                for node in self.clusters.nodes.list(cluster.region)
                if node.cluster_id == cluster.identifier
            ]
        )


def summarise(
    nodes: Iterable[Json],
    pods: Iterable[Json],
    volumes: Iterable[Json] = (),
    folders: VolumeFolders | None = None,
) -> Contents:
    """What an API server lists, one by one: of a large region it would be much at once."""
    found = Contents(nodes=[node_view(node) for node in nodes])
    for pod in pods:
        namespace, phase = str(pod["metadata"]["namespace"]), str((pod.get("status") or {}).get("phase", "Unknown"))
        simulated = phase == "Running" and (pod.get("status") or {}).get("reason") == SIMULATED
        found.pods.setdefault(namespace, Counter())[SIMULATED if simulated else phase] += 1
        reason = pod_reason(pod)
        if reason:
            found.troubles.append(PodTrouble(namespace, str(pod["metadata"]["name"]), phase, reason))
    found.volumes.extend(volume_view(volume, folders) for volume in volumes)
    return found


def volume_view(volume: Json, folders: VolumeFolders | None) -> VolumeView:
    """A PersistentVolume as the page shows it; `folders` hold the data of those that are the sandbox's."""
    name, spec = str(volume["metadata"]["name"]), volume["spec"]
    claim = spec.get("claimRef") or {}
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or []
    places = [value for term in terms for item in term.get("matchExpressions") or [] for value in item["values"]]
    ours = folders is not None and (spec.get("local") or {}).get("path") == str(folders.path(name))
    return VolumeView(
        name=name,
        claim=f"{claim['namespace']}/{claim['name']}" if claim else "",
        storage_class=str(spec.get("storageClassName") or ""),
        place=", ".join(places),
        capacity=str(spec["capacity"]["storage"]),
        phase=str((volume.get("status") or {}).get("phase", "Pending")),
        used_bytes=folders.used(name) if folders is not None and ours else None,
    )


def node_view(node: Json) -> NodeView:
    """A Node object as the page shows it."""
    metadata, conditions = node["metadata"], _conditions(node)
    ready = conditions.get("Ready", {})
    is_ready = ready.get("status") == "True"
    reason = "" if is_ready else str(ready.get("reason") or "it has not reported yet")
    if is_ready and (node.get("spec") or {}).get("unschedulable"):
        reason = "cordoned: no new pods"
    return NodeView(
        name=str(metadata["name"]),
        pool=str((metadata.get("labels") or {}).get(POOL_LABEL, "")),
        kind="simulated" if SIMULATED_LABEL in (metadata.get("labels") or {}) else "real",
        ready=is_ready,
        reason=reason,
    )


def pod_reason(pod: Json) -> str:
    """Why a pod is not as it should be; empty for one that is well, and for one that did its work and ended."""
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if status.get("phase") == "Succeeded":
        return ""
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        for stopped in (state.get("waiting"), state.get("terminated")):
            if stopped and stopped.get("reason") not in (None, "Completed", "PodInitializing"):
                return f"{container['name']}: {stopped['reason']}"
    conditions = _conditions(pod)
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'not scheduled')}: {scheduled.get('message', '')}".removesuffix(": ")
    if status.get("phase") == "Running" and conditions.get("Ready", {}).get("status", "True") == "True":
        return ""
    return str(status.get("reason") or ("not ready" if status.get("phase") == "Running" else "starting"))


def _conditions(thing: Json) -> dict[str, Json]:
    return {condition["type"]: condition for condition in (thing.get("status") or {}).get("conditions") or ()}


def _every(client: KubernetesClient, path: str, deadline: float) -> Iterator[Json]:
    """All objects of a collection, a page at a time. Raises KubernetesError past the deadline."""
    mark = ""
    while True:
        if time.monotonic() > deadline:
            raise KubernetesError(f"the API server took longer than {READING_SECONDS:g} s to list {path}")
        page = client.get(f"{path}?limit={PAGE_OBJECTS}{mark}") or {}
        yield from page.get("items") or ()
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return
        mark = f"&continue={following}"
