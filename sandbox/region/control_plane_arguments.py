"""The command lines of a region's control plane: pure.

The rates at which controllers and the scheduler may call the API server are the sandbox's own: with Kubernetes'
defaults, made for a control plane that is shared, ten thousand pods would take a hundred seconds to be bound.
"""

from __future__ import annotations

from pathlib import Path

from sandbox.addresses import CLUSTER_NETWORK, SERVICE_NETWORK
from sandbox.region.layout import NETWORK_NAMESPACES, RegionLayout

POLICIES = "network-policy"
AUDIT_LOG_MEBIBYTES = 20
CALLS_A_SECOND = 1000
CALL_RATES = (f"--kube-api-qps={CALLS_A_SECOND}", f"--kube-api-burst={CALLS_A_SECOND}")
NOBODY = "192.0.2.1"
"""Kept for documentation (RFC 5737). An API server must advertise an address, and not a loopback one."""


def etcd_arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """etcd's command line.

    It does not wait for the disk: a power cut could lose a sandbox's last second; kill -9 loses nothing.
    """
    clients, peers = (f"https://127.0.0.1:{port}" for port in (layout.ports.etcd, layout.ports.etcd_peers))
    return [
        "--name=etcd",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=etcd={peers}",
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
    rootless = layout.sandbox.rootless
    return [
        f"--advertise-address={NOBODY if rootless else layout.control_plane_address}",
        # Nothing in a rootless region could call the Service "kubernetes": no container runs.
        *(["--endpoint-reconciler-type=none"] if rootless else []),
        f"--bind-address={layout.control_plane_address}",
        f"--secure-port={layout.ports.api_server}",
        f"--etcd-servers=https://127.0.0.1:{layout.ports.etcd}",
        f"--etcd-cafile={pki / 'kubernetes-ca.pem'}",
        f"--etcd-certfile={pki / 'etcd.pem'}",
        f"--etcd-keyfile={pki / 'etcd.key'}",
        f"--tls-cert-file={pki / 'kube-apiserver.pem'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--kubelet-client-certificate={pki / 'kube-apiserver-kubelet.pem'}",
        f"--kubelet-client-key={pki / 'kube-apiserver-kubelet.key'}",
        f"--kubelet-certificate-authority={pki / 'kubernetes-ca.pem'}",
        # The machine's resolver knows no node's name. Simulated nodes have an InternalDNS: where kwok answers for them.
        "--kubelet-preferred-address-types=InternalDNS,InternalIP",
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
        # Lists that come as a watch need etcd 3.4.31 or newer. New clients (kwok) insist on them while they are
        # offered, and see changes only when they try again, seconds later; refused, they list and watch as before.
        # Sizes of lists are estimated from caches which this etcd does not keep fresh: each estimate waits 3 s in vain.
        "--feature-gates=WatchList=false,SizeBasedListCostEstimate=false",
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
        f"--secure-port={layout.ports.controller_manager}",
        f"--cluster-name={layout.name}",
        # Every node comes with its range already; these two have the manager note which are taken.
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={CLUSTER_NETWORK}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--cluster-signing-cert-file={pki / 'kubernetes-ca.pem'}",
        f"--cluster-signing-key-file={pki / 'kubernetes-ca.key'}",
        f"--root-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.pem'}",
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        "--use-service-account-credentials=true",
        *CALL_RATES,
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
        f"--secure-port={layout.ports.scheduler}",
        *CALL_RATES,
        "--leader-elect=false",
        "--profiling=false",
    ]
