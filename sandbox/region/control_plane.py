"""A region's control plane: etcd, API server, controller manager, scheduler, DNS, metrics, and network policies.

Each is a process in the region's namespace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.addresses import KUBERNETES_SERVICE_ADDRESS, POD_NETWORK, SERVICE_NETWORK
from sandbox.paths import REPOSITORY
from sandbox.region import dns, metrics_server, policy_access
from sandbox.region.api import ApiClient, ApiCredentials, wait_until
from sandbox.region.binaries import binary
from sandbox.region.errors import RegionError
from sandbox.region.layout import NETWORK_NAMESPACES, RegionLayout
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

READY_SECONDS = 90.0
"""Bound on the start; measured: 8 to 15 s on two busy cores."""
CLIENTS = ("kube-controller-manager", "kube-scheduler")
POLICIES = "network-policy"

AUDIT_LOG_MEBIBYTES = 20
AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "", "resources": ["events"]}]},
        {"level": "None", "userGroups": ["system:nodes"]},
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
        """Every process of the control plane by name, in the order of their start."""
        pki = self.layout.pki
        arguments: dict[str, list[str]] = {
            "etcd": etcd_arguments(self.layout.state / "etcd", pki),
            "kube-apiserver": api_server_arguments(self.layout, pki),
            "kube-controller-manager": controller_manager_arguments(self.layout, pki),
            "kube-scheduler": scheduler_arguments(self.layout, pki),
            "coredns": ["-conf", str(self.layout.state / "Corefile")],
            metrics_server.NAME: metrics_server.arguments(self.layout.control_plane_address, pki),
        }
        programs = {name: [str(binary(name)), *values] for name, values in arguments.items()}
        programs[POLICIES] = [sys.executable, "-P", "-m", "sandbox.region.network_policy"]
        programs[POLICIES] += network_policy_arguments(self.layout, pki)
        return {name: self._daemon(name, values) for name, values in programs.items()}

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
                daemons[name].start()
            self._wait(api.is_ready, daemons, "become ready")
            for path, body in self._objects():
                api.apply(path, body)
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

    def _daemon(self, name: str, arguments: list[str]) -> Daemon:
        layout = self.layout
        return Daemon(
            name=name,
            arguments=arguments,
            owner=layout.full_name,
            runtime=layout.runtime / "control-plane",
            logs=layout.logs,
            control_group=f"{layout.control_group}/control-plane",
            entrance=enter(layout.network_namespace),
            environment={"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"} if name == POLICIES else {},
        )

    def _write_configuration(self) -> None:
        layout, authority = self.layout, self.authority()
        self.keys()
        (layout.state / "etcd").mkdir(parents=True, exist_ok=True, mode=0o700)
        users = {name: f"system:{name}" for name in CLIENTS}
        users |= {"coredns": dns.USER, metrics_server.NAME: metrics_server.USER}
        for name, user in users.items():
            names = metrics_server.NAMES if name == metrics_server.NAME else ()
            pair = authority.issue(Identity(name, user, names=names))
            write_private(layout.pki / f"{name}.kubeconfig", self.render_kubeconfig(pair, user))
        authority.issue(Identity(POLICIES, policy_access.USER))
        corefile = dns.render_corefile(
            layout.control_plane_address, layout.sandbox.addresses.cloud, str(layout.pki / "coredns.kubeconfig")
        )
        (layout.state / "Corefile").write_text(corefile)
        layout.logs.mkdir(parents=True, exist_ok=True)
        layout.audit_policy.write_text(json.dumps(AUDIT_POLICY))


def etcd_arguments(data: Path, pki: Path) -> list[str]:
    """etcd's command line.

    It does not wait for the disk: a power cut could lose a sandbox's last second; kill -9 loses nothing.
    """
    return [
        "--name=etcd",
        f"--data-dir={data}",
        "--listen-client-urls=https://127.0.0.1:2379",
        "--advertise-client-urls=https://127.0.0.1:2379",
        "--listen-peer-urls=https://127.0.0.1:2380",
        "--initial-advertise-peer-urls=https://127.0.0.1:2380",
        "--initial-cluster=etcd=https://127.0.0.1:2380",
        *(f"--{prefix}cert-file={pki / 'etcd.pem'}" for prefix in ("", "peer-")),
        *(f"--{prefix}key-file={pki / 'etcd.key'}" for prefix in ("", "peer-")),
        *(f"--{prefix}trusted-ca-file={pki / 'kubernetes-ca.pem'}" for prefix in ("", "peer-")),
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",
        "--auto-compaction-retention=1",
        "--log-level=warn",
    ]


def api_server_arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """The API server's command line."""
    return [
        f"--advertise-address={layout.control_plane_address}",
        f"--bind-address={layout.control_plane_address}",
        "--secure-port=6443",
        "--etcd-servers=https://127.0.0.1:2379",
        f"--etcd-cafile={pki / 'kubernetes-ca.pem'}",
        f"--etcd-certfile={pki / 'etcd.pem'}",
        f"--etcd-keyfile={pki / 'etcd.key'}",
        f"--tls-cert-file={pki / 'kube-apiserver.pem'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--kubelet-client-certificate={pki / 'kube-apiserver-kubelet.pem'}",
        f"--kubelet-client-key={pki / 'kube-apiserver-kubelet.key'}",
        f"--kubelet-certificate-authority={pki / 'kubernetes-ca.pem'}",
        # The machine's resolver knows no node's name.
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=true",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--service-account-issuer={layout.server}",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.pem'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy.pem'}",
        f"--proxy-client-key-file={pki / 'front-proxy.key'}",
        # Webhooks and aggregated APIs behind Services are called at their pods, so no kube-proxy is needed here.
        "--enable-aggregator-routing=true",
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        f"--audit-log-maxsize={AUDIT_LOG_MEBIBYTES}",
        "--audit-log-maxbackup=1",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def controller_manager_arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """The controller manager's command line."""
    kubeconfig = pki / "kube-controller-manager.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--cluster-name={layout.name}",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_NETWORK}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--cluster-signing-cert-file={pki / 'kubernetes-ca.pem'}",
        f"--cluster-signing-key-file={pki / 'kubernetes-ca.key'}",
        f"--root-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.pem'}",
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--profiling=false",
    ]


def network_policy_arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """The command line of who enforces network policies."""
    return [
        f"--server={layout.server}",
        f"--authority={pki / 'kubernetes-ca.pem'}",
        f"--certificate={pki / f'{POLICIES}.pem'}",
        f"--key={pki / f'{POLICIES}.key'}",
        f"--dns={layout.control_plane_address}",
        f"--namespaces={NETWORK_NAMESPACES}",
        f"--prefix={layout.node_namespace_prefix}",
        f"--socket={layout.policy_socket}",
    ]


def scheduler_arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """The scheduler's command line."""
    kubeconfig = pki / "kube-scheduler.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
    ]
