"""The real cluster behind an emulated one, as the container service needs it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.region.specification import NodeSpec


class ClusterBackend(Protocol):
    """One region's cluster. Methods may be called from several threads at once."""

    @property
    def issuer(self) -> str:
        """Who issues the cluster's service account tokens."""

    @property
    def volumes(self) -> Path:
        """The folder for PersistentVolumes' data, under which every node sees the same files; it goes with `purge`."""

    def start(self) -> None:
        """Boot it; returns once the API server is ready; no effect when it runs."""

    def restart_api_server(self) -> None:
        """End the API server and start it again; returns once it is ready."""

    def purge(self) -> None:
        """End it, with all nodes, and forget every object in it."""

    def is_running(self) -> bool:
        """Whether the API server runs."""

    def kubeconfig(self) -> str:
        """An administrator's kubeconfig (YAML)."""

    def service_account_public_key(self) -> str:
        """The key (PEM) that verifies service account tokens."""

    def add_node(self, spec: NodeSpec) -> None:
        """Add a node, or leave the one of this name as it is; returns when it is Ready."""

    def add_simulated_nodes(self, specs: Sequence[NodeSpec]) -> None:
        """Add nodes on which nothing runs, or leave those of their names; returns when all are Ready."""

    def remove_node(self, name: str) -> None:
        """Remove a node; no effect when there is none."""

    def remove_simulated_nodes(self, names: Sequence[str]) -> None:
        """Remove several simulated nodes at once; those that are not there do no harm."""

    def node_names(self) -> list[str]:
        """The nodes there are."""

    def log_files(self) -> Mapping[str, Path]:
        """Where the control plane's parts write their logs (apiserver, kcm, scheduler, and the API server's audit)."""

    def publish_address(self, address: str, node: str) -> None:
        """Lead packets to a load balancer's address to this node, from wherever they were led before."""

    def withdraw_address(self, address: str) -> None:
        """Lead packets to this address nowhere; no effect when they were not led."""


BackendFactory = Callable[[str, int], ClusterBackend]
"""Makes the backend of a region, given its name and its slot in the address plan."""


class SimulatedBackend:
    """A cluster that exists in memory only, for tests and for a cloud without root; signs real tokens."""

    def __init__(self, region: str, slot: int) -> None:
        self.region = region
        self.slot = slot
        self.issuer = "https://kubernetes.default.svc"
        self.nodes: dict[str, NodeSpec] = {}
        self.addresses: dict[str, str] = {}
        self.failure: Exception | None = None
        self.restarts = 0
        self.logs: dict[str, Path] = {}
        self.volumes = Path("/nonexistent")
        self._running = False
        self._lock = threading.Lock()
        self._key: rsa.RSAPrivateKey | None = None

    def start(self) -> None:
        """Pretend to boot; raises `failure` when a test has set one."""
        if self.failure is not None:
            raise self.failure
        self._running = True

    def restart_api_server(self) -> None:
        """Count it."""
        if self.failure is not None:
            raise self.failure
        self.restarts += 1

    def stop(self) -> None:
        """End it as a reboot of the machine would."""
        with self._lock:
            self._running = False
            self.nodes.clear()

    def purge(self) -> None:
        """Forget the nodes."""
        self.stop()

    def is_running(self) -> bool:
        """Whether it was started."""
        return self._running

    def kubeconfig(self) -> str:
        """A kubeconfig of the right form; nothing listens there."""
        data = base64.b64encode(b"simulated").decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": self.region,
                    "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": data},
                }
            ],
            "users": [{"name": "administrator", "user": {"client-certificate-data": data, "client-key-data": data}}],
            "contexts": [{"name": self.region, "context": {"cluster": self.region, "user": "administrator"}}],
            "current-context": self.region,
        }
        return yaml.safe_dump(document, sort_keys=False)

    def signing_key(self) -> rsa.RSAPrivateKey:
        """The key that signs tokens, made at first use."""
        with self._lock:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key

    def service_account_public_key(self) -> str:
        """The public half of the signing key."""
        return (
            self.signing_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def add_node(self, spec: NodeSpec) -> None:
        """Remember the node."""
        with self._lock:
            self.nodes.setdefault(spec.name, spec)

    def add_simulated_nodes(self, specs: Sequence[NodeSpec]) -> None:
        """Remember the nodes: here, they are as good as others."""
        for spec in specs:
            self.add_node(spec)

    def remove_node(self, name: str) -> None:
        """Forget the node."""
        with self._lock:
            self.nodes.pop(name, None)

    def remove_simulated_nodes(self, names: Sequence[str]) -> None:
        """Forget the nodes."""
        for name in names:
            self.remove_node(name)

    def log_files(self) -> Mapping[str, Path]:
        """Those that a test has set."""
        return self.logs

    def node_names(self) -> list[str]:
        """The names of the nodes."""
        with self._lock:
            return sorted(self.nodes)

    def publish_address(self, address: str, node: str) -> None:
        """Remember the node."""
        self.addresses[address] = node

    def withdraw_address(self, address: str) -> None:
        """Forget the address."""
        self.addresses.pop(address, None)
