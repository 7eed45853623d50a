"""A region's control plane: etcd, API server, controller manager, scheduler, DNS, metrics, and network policies.

Each is a process in the region's namespace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.addresses import KUBERNETES_SERVICE_ADDRESS
from sandbox.paths import REPOSITORY
from sandbox.region import dns, metrics_server, policy_access
from sandbox.region.api import ApiClient, ApiCredentials, wait_until
from sandbox.region.binaries import binary
from sandbox.region.control_plane_arguments import (
    POLICIES,
    api_server_arguments,
    controller_manager_arguments,
    etcd_arguments,
    network_policy_arguments,
    scheduler_arguments,
)
from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout
from sandbox.region.network import enter
from sandbox.region.pki import (
    ClusterAuthority,
    Identity,
    KeyPair,
    render_kubeconfig,
    service_account_keys,
    write_private,
)
from sandbox.region.processes import Daemon, kill_all
from sandbox.region.simulation import kwok

READY_SECONDS = 90.0
"""Bound on the start; measured: 8 to 15 s on two busy cores."""
CLIENTS = ("kube-controller-manager", "kube-scheduler")

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "", "resources": ["events"]}]},
        {"level": "None", "userGroups": ["system:nodes"]},
        {"level": "None", "users": [kwok.USER]},
        {"level": "None", "resources": [{"group": "authentication.k8s.io"}, {"group": "authorization.k8s.io"}]},
        {"level": "Metadata"},
    ],
}
"""Who changed what, without bodies: reading and the cluster's own heartbeat would crowd it out, and cost time."""


@dataclass(frozen=True)
class ControlPlaneKeys:
    """Paths of the keys that the control plane's arguments name."""

    authority: KeyPair
    front_proxy_authority: KeyPair
    front_proxy: KeyPair
    server: KeyPair
    kubelet_client: KeyPair
    etcd: KeyPair
    service_accounts: KeyPair
    administrator: KeyPair


class ControlPlane:
    """Starts the control plane's processes and knows how to reach it."""

    def __init__(self, layout: RegionLayout) -> None:
        """Nothing is made yet."""
        self.layout = layout

    def authority(self) -> ClusterAuthority:
        """The authority of the region's components."""
        return ClusterAuthority(self.layout.pki, "kubernetes-ca")

    def keys(self) -> ControlPlaneKeys:
        """Every key of the control plane, made on first use."""
        authority, proxy = self.authority(), ClusterAuthority(self.layout.pki, "front-proxy-ca")
        address = str(self.layout.control_plane_address)
        service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
        return ControlPlaneKeys(
            authority=authority.pair,
            front_proxy_authority=proxy.pair,
            front_proxy=proxy.issue(Identity("front-proxy", "front-proxy-client")),
            server=authority.issue(
                Identity(
                    "kube-apiserver",
                    "kube-apiserver",
                    names=(*service, "localhost"),
                    addresses=(address, str(KUBERNETES_SERVICE_ADDRESS), "127.0.0.1"),
                )
            ),
            kubelet_client=authority.issue(
                Identity("kube-apiserver-kubelet", "kube-apiserver-kubelet-client", ("system:masters",))
            ),
            etcd=authority.issue(Identity("etcd", "etcd", names=("localhost",), addresses=("127.0.0.1",))),
            service_accounts=service_account_keys(self.layout.pki),
            administrator=authority.issue(Identity("administrator", "kubernetes-admin", ("system:masters",))),
        )

    def credentials(self) -> ApiCredentials:
        """The cluster administrator's."""
        pki = self.layout.pki
        return ApiCredentials(
            self.layout.server, pki / "kubernetes-ca.pem", pki / "administrator.pem", pki / "administrator.key"
        )

    def kubeconfig(self) -> str:
        """The cluster administrator's, for the host."""
        authority = self.authority()
        pair = authority.issue(Identity("administrator", "kubernetes-admin", ("system:masters",)))
        return self.render_kubeconfig(pair, "kubernetes-admin")

    def render_kubeconfig(self, pair: KeyPair, user: str) -> str:
        """A kubeconfig for a certificate's owner."""
        return render_kubeconfig(
            self.layout.server,
            self.layout.name,
            user,
            self.authority().certificate_text(),
            pair.certificate.read_text(),
            pair.key.read_text(),
        )

    def daemons(self) -> dict[str, Daemon]:
        """Every process of the control plane by name, in the order of their start.

        A rootless region has no pod that resolves a name, uses memory or sends a packet, so nobody serves those.
        """
        pki = self.layout.pki
        arguments: dict[str, list[str]] = {
            "etcd": etcd_arguments(self.layout, pki),
            "kube-apiserver": api_server_arguments(self.layout, pki),
            "kube-controller-manager": controller_manager_arguments(self.layout, pki),
            "kube-scheduler": scheduler_arguments(self.layout, pki),
        }
        if not self.layout.sandbox.rootless:
            arguments["coredns"] = ["-conf", str(self.layout.state / "Corefile")]
            arguments[metrics_server.NAME] = metrics_server.arguments(self.layout.control_plane_address, pki)
        daemons = {name: self._daemon(name, [str(binary(name)), *values]) for name, values in arguments.items()}
        if not self.layout.sandbox.rootless:
            program = [sys.executable, "-P", "-m", "sandbox.region.network_policy"]
            python = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
            daemons[POLICIES] = self._daemon(POLICIES, program + network_policy_arguments(self.layout, pki), python)
        return daemons

    def simulation(self) -> Daemon:
        """The process that plays simulated nodes, which only a region with such nodes has."""
        arguments = [str(binary(kwok.NAME)), *kwok.arguments(self.layout, self.layout.pki)]
        return self._daemon(kwok.NAME, arguments)

    def log_files(self) -> dict[str, Path]:
        """The logs that a log service may keep, by the names that ACK has for them."""
        names = {"apiserver": "kube-apiserver", "kcm": "kube-controller-manager", "scheduler": "kube-scheduler"}
        return {name: self.layout.logs / f"{daemon}.log" for name, daemon in names.items()} | {
            "audit": self.layout.audit_log
        }

    def is_running(self) -> bool:
        """Whether every process of it runs."""
        return all(daemon.is_running() for daemon in self.daemons().values())

    def start(self) -> None:
        """Start what does not run; returns when the API server is ready and pods can be created.

        The clients of the API server start as soon as it answers at all, seconds before it is ready: on two cores their
        own start takes as long.
        """
        self._write_configuration()
        daemons = self.daemons()
        for daemon in daemons.values():
            if not daemon.is_running():
                daemon.pid_file.unlink(missing_ok=True)
        daemons["etcd"].start()
        daemons["kube-apiserver"].start()
        with ApiClient(self.credentials()) as api:
            self._wait(lambda: api.answers("/livez/ping"), daemons, "answer")
            for name in (*CLIENTS, "coredns", POLICIES):
                if name in daemons:
                    daemons[name].start()
            self._wait(api.is_ready, daemons, "become ready")
            for path, body in self._objects():
                api.apply(path, body)
            if metrics_server.NAME in daemons:
                daemons[metrics_server.NAME].start()
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait(lambda: api.get(account) is not None, daemons, "get its first service account")

    def stop_api_server(self) -> None:
        """Kill the API server alone; `start` brings it back."""
        server = self.daemons()["kube-apiserver"]

        def running() -> set[int]:
            pid = server.pid()
            return set() if pid is None else {pid}

        kill_all(running, f"the API server of region {self.layout.name}")

    def _objects(self) -> list[tuple[str, dict[str, Any]]]:
        """API paths and objects of the processes that serve the cluster."""
        if self.layout.sandbox.rootless:
            return []
        address = self.layout.control_plane_address
        metrics = metrics_server.objects(address, self.authority().certificate_text())
        return [*dns.service_objects(address), *policy_access.objects(), *metrics]

    def _wait(self, condition: Callable[[], bool], daemons: dict[str, Daemon], what: str) -> None:
        second_chances = dict.fromkeys(CLIENTS, 3)  # they give up when the server takes more than ten seconds

        def checked() -> bool:
            for daemon in daemons.values():
                if daemon.pid_file.exists() and not daemon.is_running():
                    if second_chances.get(daemon.name, 0) == 0:
                        raise RegionError(f"{daemon.name} of region {self.layout.name} ended; {daemon.last_words()}")
                    second_chances[daemon.name] -= 1
                    daemon.start()
            return condition()

        server = daemons["kube-apiserver"]
        wait_until(
            checked,
            READY_SECONDS,
            lambda: f"region {self.layout.name} did not {what} within {READY_SECONDS:g} s; {server.last_words()}",
        )

    def _daemon(self, name: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> Daemon:
        layout, rootless = self.layout, self.layout.sandbox.rootless
        return Daemon(
            name=name,
            arguments=arguments,
            owner=layout.full_name,
            runtime=layout.runtime / "control-plane",
            logs=layout.logs,
            control_group=None if rootless else f"{layout.control_group}/control-plane",
            entrance=() if rootless else enter(layout.network_namespace),
            environment=environment or {},
        )

    def _write_configuration(self) -> None:
        layout, authority = self.layout, self.authority()
        self.keys()
        (layout.state / "etcd").mkdir(parents=True, exist_ok=True, mode=0o700)
        users = {name: f"system:{name}" for name in CLIENTS}
        if not layout.sandbox.rootless:
            users |= {"coredns": dns.USER, metrics_server.NAME: metrics_server.USER}
        for name, user in users.items():
            names = metrics_server.NAMES if name == metrics_server.NAME else ()
            pair = authority.issue(Identity(name, user, names=names))
            write_private(layout.pki / f"{name}.kubeconfig", self.render_kubeconfig(pair, user))
        layout.logs.mkdir(parents=True, exist_ok=True)
        layout.audit_policy.write_text(json.dumps(AUDIT_POLICY))
        if layout.sandbox.rootless:
            return
        authority.issue(Identity(POLICIES, policy_access.USER))
        corefile = dns.render_corefile(
            layout.control_plane_address, layout.sandbox.addresses.cloud, str(layout.pki / "coredns.kubeconfig")
        )
        (layout.state / "Corefile").write_text(corefile)
