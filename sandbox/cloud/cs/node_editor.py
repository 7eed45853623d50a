"""Changing the labels and taints of nodes that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.cloud.cs.backend import ClusterBackend, SimulatedBackend
from sandbox.region.specification import NodeSpec


class NodeEditor(Protocol):
    """Brings a node's labels and taints from what it was given before to what is wanted."""

    def edit(
        self,
        backend: ClusterBackend,
        wanted: NodeSpec,
        labels: Mapping[str, str],
        taints: Sequence[Mapping[str, str]],
    ) -> None:
        """`labels` and `taints` are those given before; what others put on the node stays."""


class KubernetesNodeEditor:
    """Patches the Node object of a real cluster."""

    def edit(
        self,
        backend: ClusterBackend,
        wanted: NodeSpec,
        labels: Mapping[str, str],
        taints: Sequence[Mapping[str, str]],
    ) -> None:
        """Patch the node; no effect when it is not there."""
        client = KubernetesClient(backend.kubeconfig())
        try:
            path = f"/api/v1/nodes/{wanted.name}"
            node = client.get(path)
            if node is not None:
                client.merge(path, node_patch(node, wanted, labels, taints))
        finally:
            client.close()


class SimulatedNodeEditor:
    """Replaces what a simulated cluster remembers."""

    def edit(
        self,
        backend: ClusterBackend,
        wanted: NodeSpec,
        labels: Mapping[str, str],
        taints: Sequence[Mapping[str, str]],
    ) -> None:
        """Replace the node's specification."""
        if isinstance(backend, SimulatedBackend):
            backend.nodes[wanted.name] = wanted


def node_patch(
    node: Mapping[str, Any],
    wanted: NodeSpec,
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """A merge patch: labels given before and no longer wanted become null; other people's taints stay."""
    changed: dict[str, str | None] = dict.fromkeys(set(labels) - set(wanted.labels))
    changed |= wanted.labels
    ours = {(taint["key"], taint["effect"]) for taint in (*taints, *wanted.taints)}
    present = (node.get("spec") or {}).get("taints") or []
    kept = [taint for taint in present if (taint.get("key"), taint.get("effect")) not in ours]
    return {"metadata": {"labels": changed}, "spec": {"taints": [*kept, *wanted.taints] or None}}
