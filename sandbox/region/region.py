"""A region's real Kubernetes cluster: what the cloud calls to start and stop it and to give it nodes."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.region import cleanup, network, public_addresses
from sandbox.region.api import ApiClient
from sandbox.region.commands import remove_tree
from sandbox.region.control_plane import ControlPlane
from sandbox.region.errors import RegionError
from sandbox.region.layout import MAXIMUM_NODES, RegionLayout, checked_node_name, checked_region_name
from sandbox.region.locks import RegionLocks
from sandbox.region.node import Node, NodeRecord
from sandbox.region.pki import service_account_keys
from sandbox.region.simulation.nodes import SimulatedNodes
from sandbox.region.slot import check_slot
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings


class Region:
    """One region. Calls from several threads or processes at once wait for each other where they must."""

    def __init__(self, name: str, slot: int, sandbox: SandboxSettings) -> None:
        """Name what is to be; nothing is made or checked on the machine.

        Args:
            name: as the cloud's, for instance "cn-hangzhou".
            slot: the region's place in the address plan, 0 to 14; one region a slot.
            sandbox: whose region it is.
        """
        self.layout = RegionLayout(sandbox, checked_region_name(name), slot)
        self._control_plane = ControlPlane(self.layout)
        self._simulated = SimulatedNodes(self.layout, self._control_plane)
        self._locks = RegionLocks(self.layout)

    @property
    def name(self) -> str:
        """The region's name."""
        return self.layout.name

    @property
    def issuer(self) -> str:
        """Who issues service accounts' tokens; the same over stops and starts."""
        return self.layout.server

    @property
    def volumes(self) -> Path:
        """The folder for PersistentVolumes' data, under which every node sees the same files; it goes with `purge`."""
        return self.layout.volumes

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

    def restart_api_server(self) -> None:
        """End the API server and start it again; returns once it is ready. Nodes and their pods go on meanwhile.

        Raises:
            RegionError: when the region does not run, or the server does not become ready in time.
        """
        self._check_running()
        with self._locks.alone():
            self._control_plane.stop_api_server()
            self._control_plane.start()

    def stop(self) -> None:
        """Kill every process of the region and undo all that it has on the host; its objects stay on disk."""
        with self._locks.alone():
            self._clear()

    def purge(self) -> None:
        """Stop, and forget everything."""
        with self._locks.alone():
            self._clear()
            remove_tree(self.layout.state)

    def is_running(self) -> bool:
        """Whether every process of the control plane runs, and what plays simulated nodes if there are any."""
        return self._control_plane.is_running() and self._simulated.is_running()

    def kubeconfig(self) -> str:
        """A cluster administrator's kubeconfig that works from the host."""
        return self._control_plane.kubeconfig()

    def service_account_public_key(self) -> str:
        """The PEM text with which service accounts' tokens (RS256) are verified."""
        return service_account_keys(self.layout.pki).certificate.read_text()

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

    def add_simulated_nodes(self, specs: Sequence[NodeSpec]) -> None:
        """Give the region nodes on which nothing runs; returns when all are Ready.

        Raises:
            RegionError: when the region does not run, or they do not become Ready in time: then those that are new
                are removed again.
        """
        self._check_running()
        with self._locks.simulated_nodes(), self._api() as api:
            self._simulated.add(api, specs)

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

    def remove_simulated_nodes(self, names: Sequence[str]) -> None:
        """Take simulated nodes away at once, without draining them; no error for one that is not there."""
        with self._locks.simulated_nodes(), contextlib.ExitStack() as stack:
            api = stack.enter_context(self._api()) if self.is_running() else None
            self._simulated.remove(api, names)

    def publish_address(self, address: str, node: str) -> None:
        """Lead packets to a load balancer's address to this node.

        Raises:
            RegionError: when the region has no such node, or no network.
        """
        public_addresses.publish(self.layout, address, self._known_node(node).number)

    def withdraw_address(self, address: str) -> None:
        """Lead packets to this address nowhere; no error when they were not led."""
        public_addresses.withdraw(self.layout, address)

    def log_files(self) -> dict[str, Path]:
        """Where the control plane's parts write their logs, and the API server its audit."""
        return self._control_plane.log_files()

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
        """Record the node under the number that it has, or the smallest that is free."""
        with self._locks.numbers():
            layout = self.layout.node(spec.name)
            present = NodeRecord.read(layout)
            others = [NodeRecord.read(self.layout.node(name)) for name in self._real_names()]
            taken = {record.number for record in others if record is not None}
            free = next((number for number in range(MAXIMUM_NODES) if number not in taken), None)
            if free is None and present is None:
                raise RegionError(
                    f"region {self.name} has {MAXIMUM_NODES} nodes, the most it can have; remove some first"
                )
            record = NodeRecord(spec, free) if present is None else present.with_labels_of(spec)
            record.write(layout)
            return record

    def _api(self) -> ApiClient:
        return ApiClient(self._control_plane.credentials())

    def _any_running(self) -> bool:
        return any(daemon.is_running() for daemon in self._control_plane.daemons().values())

    def _clear(self) -> None:
        cleanup.clear_region(self.layout)

    def _check_running(self) -> None:
        """Raises RegionError, with the way out, when the control plane does not run."""
        if not self.is_running():
            raise RegionError(f"region {self.name} does not run; start it first")

    def _keep_logs(self, node: str) -> None:
        """Copy a failed node's logs (not its pods') to where they outlive it."""
        target = self.layout.logs / f"failed-{node}"
        remove_tree(target)
        target.mkdir(parents=True)
        for log in (self.layout.node(node).state / "logs").glob("*.log"):
            shutil.copy(log, target)
