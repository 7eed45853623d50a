"""A region's real Kubernetes cluster: what the cloud calls to start and stop it and to give it nodes."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator

from sandbox.region import cleanup, network, public_addresses
from sandbox.region.base_region import BaseRegion
from sandbox.region.commands import remove_tree
from sandbox.region.errors import RegionError
from sandbox.region.layout import MAXIMUM_NODES, checked_node_name
from sandbox.region.node import Node, NodeRecord
from sandbox.region.slot import check_slot
from sandbox.region.specification import NodeSpec


class Region(BaseRegion):
    """One region. Calls from several threads or processes at once wait for each other where they must."""

    def start(self) -> None:
        """Start what does not run; returns once the API server is ready, without waiting for the known nodes.

        Raises:
            RegionError: when the API server does not become ready in time, or the machine lacks something.
        """
        with self._locks.alone():
            check_slot(self.layout)
            network.ensure_cloud_interface(self.layout.sandbox.addresses)
            if not network.has_region_network(self.layout) or not self._any_running():
                self._clear()
                network.create_region_network(self.layout)
            self._control_plane.start()
            with self._api() as api:
                self._simulated.start(api)
            names = self._real_names()
        if names:
            with self._api() as api:
                for name in names:
                    with self._locks.beside_others(name):
                        self._known_node(name).start(api)

    def add_node(self, spec: NodeSpec) -> None:
        """Give the region a node, or bring the one of this name up; returns when it is Ready with its GPUs.

        A node that is there already keeps its size and GPUs; labels and taints are brought to what is asked for. A new
        node that does not come up is removed again, and its logs go to `logs/failed-<name>` of the region's state.

        Raises:
            RegionError: when the region does not run, or the node does not become Ready in time.
        """
        checked_node_name(spec.name)
        self._check_running()
        is_new = spec.name not in self._real_names()
        try:
            with self._locks.beside_others(spec.name), self._api() as api:
                node = Node(self.layout.node(spec.name), self._control_plane, self._remember(spec))
                node.start(api)
            with self._api() as api:
                node.wait_ready(api)
        except RegionError:
            if is_new:
                self._keep_logs(spec.name)
                self.remove_node(spec.name)
            raise

    def remove_node(self, name: str) -> None:
        """Take a node away at once, without draining it; no error when there is none."""
        if self._simulated.has(name):
            self.remove_simulated_nodes([name])
            return
        with self._locks.beside_others(name):
            layout = self.layout.node(checked_node_name(name))
            node = Node(layout, self._control_plane, NodeRecord.read(layout) or NodeRecord(NodeSpec(name), None))
            if self.is_running():
                with self._api() as api:
                    node.remove(api)
            else:
                node.remove(None)

    def publish_address(self, address: str, node: str) -> None:
        """Lead packets to a load balancer's address to this node.

        Raises:
            RegionError: when the region has no such node, or no network.
        """
        public_addresses.publish(self.layout, address, self._known_node(node).number)

    def withdraw_address(self, address: str) -> None:
        """Lead packets to this address nowhere; no error when they were not led."""
        public_addresses.withdraw(self.layout, address)

    def node_names(self) -> list[str]:
        """Names of the region's nodes, real and simulated, also while it is stopped."""
        return sorted([*self._real_names(), *self._simulated.names()])

    def _real_names(self) -> list[str]:
        if not self.layout.nodes.is_dir():
            return []
        return sorted(entry.name for entry in self.layout.nodes.iterdir() if (entry / "node.json").exists())

    def kill_container(self, namespace: str, pod: str, container: str | None = None) -> None:
        """SIGKILL the first process of a pod's container (its only one, when not named), as a crash would."""
        self.signal_container(namespace, pod, signal.SIGKILL, container)

    def signal_container(self, namespace: str, pod: str, number: signal.Signals, container: str | None = None) -> None:
        """Send a signal to the first process of a pod's container (its only one, when not named).

        Raises:
            RegionError: when there is no such running container.
        """
        self._check_running()
        with self._api() as api:
            found = api.get(f"/api/v1/namespaces/{namespace}/pods/{pod}")
        if found is None:
            raise RegionError(f"region {self.name} has no pod {namespace}/{pod}")
        statuses = found.get("status", {}).get("containerStatuses", [])
        chosen = [status for status in statuses if container in (None, status["name"])]
        if len(chosen) != 1:
            names = ", ".join(status["name"] for status in statuses) or "none yet"
            raise RegionError(f"pod {namespace}/{pod}: name one of its containers ({names}), not {container!r}")
        if "running" not in chosen[0].get("state", {}):
            raise RegionError(f"container {chosen[0]['name']} of pod {namespace}/{pod} does not run")
        node = self._known_node(found["spec"]["nodeName"])
        node.signal_container(chosen[0]["containerID"].removeprefix("containerd://"), number)

    @contextlib.contextmanager
    def node_at_work(self, name: str) -> Iterator[Node]:
        """A real node, for as long as nobody else changes it.

        Raises:
            RegionError: when the region has no real node of this name.
        """
        with self._locks.beside_others(checked_node_name(name)):
            yield self._known_node(name)

    def _known_node(self, name: str) -> Node:
        layout = self.layout.node(name)
        record = NodeRecord.read(layout)
        if record is None:
            raise RegionError(f"region {self.name} has no real node {name}; it has {self._real_names()}")
        return Node(layout, self._control_plane, record)

    def _remember(self, spec: NodeSpec) -> NodeRecord:
        """Record the node under the number that it has, else the one it asks for, else the smallest that is free."""
        with self._locks.numbers():
            layout = self.layout.node(spec.name)
            present = NodeRecord.read(layout)
            others = [NodeRecord.read(self.layout.node(name)) for name in self._real_names()]
            taken = {record.number for record in others if record is not None}
            wanted = [] if spec.number is None else [spec.number]
            free = next((number for number in (*wanted, *range(MAXIMUM_NODES)) if number not in taken), None)
            if free is None and present is None:
                raise RegionError(
                    f"region {self.name} has {MAXIMUM_NODES} nodes, the most it can have; remove some first"
                )
            record = NodeRecord(spec, free) if present is None else present.with_labels_of(spec)
            record.write(layout)
            return record

    def _any_running(self) -> bool:
        return any(daemon.is_running() for daemon in self._control_plane.daemons().values())

    def _clear(self) -> None:
        cleanup.clear_region(self.layout)

    def _keep_logs(self, node: str) -> None:
        """Copy a failed node's logs (not its pods') to where they outlive it."""
        target = self.layout.logs / f"failed-{node}"
        remove_tree(target)
        target.mkdir(parents=True)
        for log in (self.layout.node(node).state / "logs").glob("*.log"):
            shutil.copy(log, target)
