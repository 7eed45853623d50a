"""A region without root: the real control plane as ordinary processes on loopback, and simulated nodes only."""

from __future__ import annotations

from sandbox.region import processes
from sandbox.region.base_region import BaseRegion
from sandbox.region.commands import remove_tree
from sandbox.region.errors import RegionError
from sandbox.region.slot import check_slot
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings


class RootlessRegion(BaseRegion):
    """One region. Calls from several threads or processes at once wait for each other where they must."""

    def __init__(self, name: str, slot: int, sandbox: SandboxSettings) -> None:
        """Name what is to be; nothing is made on the machine.

        Args:
            name: as the cloud's, for instance "cn-hangzhou".
            slot: the region's place in the plan of ports, 0 to 14; one region a slot.
            sandbox: whose region it is; a rootless one.
        """
        if not sandbox.rootless:
            raise ValueError(f"sandbox {sandbox.name} is not a rootless one: its regions have real nodes")
        super().__init__(name, slot, sandbox)

    def start(self) -> None:
        """Start what does not run; returns once the API server is ready.

        Raises:
            RegionError: when the API server does not become ready in time, or a port is taken.
        """
        with self._locks.alone():
            check_slot(self.layout)
            self._control_plane.start()
            with self._api() as api:
                self._simulated.start(api)

    def add_node(self, spec: NodeSpec) -> None:
        """Refuse: a real node needs root."""
        raise RegionError(
            f"node {spec.name} would be a real one, and sandbox {self.layout.sandbox.name} runs without root"
        )

    def remove_node(self, name: str) -> None:
        """Take a node away at once, without draining it; no error when there is none."""
        self.remove_simulated_nodes([name])

    def node_names(self) -> list[str]:
        """Names of the region's nodes, also while it is stopped."""
        return self._simulated.names()

    def publish_address(self, address: str, node: str) -> None:
        """Refuse: no packet can be led to a simulated node."""
        raise RegionError(f"no packet to {address} can be led to node {node}: it is simulated")

    def withdraw_address(self, address: str) -> None:
        """Nothing was led anywhere."""

    def _clear(self) -> None:
        owner = self.layout.full_name
        processes.kill_all(lambda: processes.owned_processes(lambda name: name == owner), owner)
        remove_tree(self.layout.runtime)
