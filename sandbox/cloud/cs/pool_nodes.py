"""Brings the nodes of a pool in line with what the store says that it should have."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.cloud.core.context import Context
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Clusters, Node, NodePool
from sandbox.cloud.cs.node_editor import NodeEditor
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.region.specification import NodeSpec

NODES_AT_ONCE = 2
"""How many real nodes start at the same time: most of a start is waiting, and more would starve a small machine."""


@dataclass(frozen=True)
class PoolNodes:
    """Adds, changes and removes nodes; called from one thread a region."""

    context: Context
    clusters: Clusters
    planner: NodePlanner
    editor: NodeEditor
    backend: Callable[[str], ClusterBackend]
    is_stopping: Callable[[], bool]

    def match(self, pool: NodePool) -> None:
        """Add or remove nodes until the pool has its size; simulated ones go first, then the newest."""
        nodes = sorted(self.clusters.nodes_of(pool.identifier), key=lambda node: node.simulated)
        self.remove(pool.region, nodes[pool.size :])
        planned = self.planner.plan(pool, max(0, pool.size - len(nodes)))
        with self.context.store.transaction():
            for node in planned:
                self.clusters.nodes.put(node.name, node, node.region)
        wanted = [*nodes[: pool.size], *planned]
        self._add_simulated(pool, [node for node in wanted if node.simulated])
        with ThreadPoolExecutor(max_workers=NODES_AT_ONCE, thread_name_prefix="node") as adders:
            for added in [adders.submit(self._add, pool, node) for node in wanted if not node.simulated]:
                added.result()

    def _add(self, pool: NodePool, node: Node) -> None:
        self._go_on()
        backend = self.backend(node.region)
        if node.ready and node.name in backend.node_names():
            self._edit(pool, node)
            return
        wanted = self.planner.specification(pool, node)
        backend.add_node(wanted)
        self._note_ready(pool, [(node, wanted)])

    def _add_simulated(self, pool: NodePool, nodes: list[Node]) -> None:
        """All at once: one by one, a thousand would take minutes."""
        if not nodes:
            return
        self._go_on()
        backend = self.backend(pool.region)
        present = set(backend.node_names())
        missing = [node for node in nodes if not node.ready or node.name not in present]
        wanted = [self.planner.specification(pool, node) for node in missing]
        if wanted:
            backend.add_simulated_nodes(wanted)
            self._note_ready(pool, list(zip(missing, wanted, strict=True)))
        if pool.update_nodes:
            coming = {node.name for node in missing}
            for node in nodes:
                if node.name not in coming:
                    self._edit(pool, node)

    def _edit(self, pool: NodePool, node: Node) -> None:
        """Bring labels and taints of a node that is there to the pool's, when its last change asked for that."""
        wanted = self.planner.specification(pool, node)
        if not pool.update_nodes or (wanted.labels, wanted.taints) == (node.labels, node.taints):
            return
        self.editor.edit(self.backend(node.region), wanted, node.labels, node.taints)
        self._keep([(node, wanted)])

    def _note_ready(self, pool: NodePool, nodes: list[tuple[Node, NodeSpec]]) -> None:
        self._keep(nodes)
        for node, _ in nodes:
            self.context.log.event("info", "node is ready", node=node.name, pool=pool.identifier)

    def _keep(self, nodes: list[tuple[Node, NodeSpec]]) -> None:
        with self.context.store.transaction():
            for node, spec in nodes:
                given = {"ready": True, "labels": spec.labels, "taints": spec.taints}
                self.clusters.nodes.put(node.name, node.model_copy(update=given), node.region)

    def _go_on(self) -> None:
        if self.is_stopping():
            raise RuntimeError("the emulator is stopping; it goes on at its next start")

    def remove(self, region: str, nodes: list[Node]) -> None:
        """Remove nodes from their cluster, and forget them."""
        simulated = [node for node in nodes if node.simulated]
        if simulated:
            self.backend(region).remove_simulated_nodes([node.name for node in simulated])
            self._forget(simulated)
        for node in nodes:
            if not node.simulated:
                self.backend(region).remove_node(node.name)
                self._forget([node])

    def _forget(self, nodes: list[Node]) -> None:
        with self.context.store.transaction():
            for node in nodes:
                self.clusters.nodes.delete(node.name)
        for node in nodes:
            self.context.log.event("info", "node is removed", node=node.name, pool=node.pool_id)
