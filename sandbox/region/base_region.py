"""What every region has, with root or without: a real control plane, simulated nodes, and what stays of both."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from sandbox.region.api import ApiClient
from sandbox.region.commands import remove_tree
from sandbox.region.control_plane import ControlPlane
from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout, checked_region_name
from sandbox.region.locks import RegionLocks
from sandbox.region.pki import service_account_keys
from sandbox.region.simulation.nodes import SimulatedNodes
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings


class BaseRegion(ABC):
    """One region. Calls from several threads or processes at once wait for each other where they must."""

    def __init__(self, name: str, slot: int, sandbox: SandboxSettings) -> None:
        """Name what is to be; nothing is made or checked on the machine.

        Args:
            name: as the cloud's, for instance "cn-hangzhou".
            slot: the region's place in the plan of addresses and ports, 0 to 14; one region a slot.
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

    def add_simulated_nodes(self, specs: Sequence[NodeSpec]) -> None:
        """Give the region nodes on which nothing runs; returns when all are Ready.

        Raises:
            RegionError: when the region does not run, or they do not become Ready in time: then those that are new
                are removed again.
        """
        self._check_running()
        with self._locks.simulated_nodes(), self._api() as api:
            self._simulated.add(api, specs)

    def remove_simulated_nodes(self, names: Sequence[str]) -> None:
        """Take simulated nodes away at once, without draining them; no error for one that is not there."""
        with self._locks.simulated_nodes(), contextlib.ExitStack() as stack:
            api = stack.enter_context(self._api()) if self.is_running() else None
            self._simulated.remove(api, names)

    def log_files(self) -> dict[str, Path]:
        """Where the control plane's parts write their logs, and the API server its audit."""
        return self._control_plane.log_files()

    def _api(self) -> ApiClient:
        return ApiClient(self._control_plane.credentials())

    def _check_running(self) -> None:
        """Raises RegionError, with the way out, when the control plane does not run."""
        if not self.is_running():
            raise RegionError(f"region {self.name} does not run; start it first")

    @abstractmethod
    def _clear(self) -> None:
        """Kill every process of the region and undo all that it has on the host."""
