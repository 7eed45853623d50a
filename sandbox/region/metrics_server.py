"""A region's resource metrics: the real metrics-server, as a process beside the control plane.

It asks every kubelet what its pods use and serves that as the aggregated API metrics.k8s.io, for `kubectl top` and for
autoscalers. Pods' figures are their own; a node's are the whole machine's, which its kubelet takes for its own. The API
server finds it by a Service without selector, whose EndpointSlice has the control plane's address.
"""

from __future__ import annotations

import base64
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sandbox.region.simulation.node_object import SIMULATED_LABEL

NAME = "metrics-server"
USER = "system:metrics-server"
NAMESPACE = "kube-system"
PORT = 4443
NAMES = (f"{NAME}.{NAMESPACE}", f"{NAME}.{NAMESPACE}.svc")
"""The API server verifies the last of them in the certificate."""
RESOLUTION_SECONDS = 10
"""The shortest that metrics-server takes; its default of a minute would make tests and autoscalers wait for two."""
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def arguments(listen: IPv4Address, pki: Path) -> list[str]:
    """Its command line.

    The authorities are named here rather than looked up in the cluster, which would take a right to read them.

    Args:
        listen: the control plane's address.
        pki: the directory of the region's keys, with its kubeconfig.
    """
    kubeconfig = pki / f"{NAME}.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup",
        f"--client-ca-file={pki / 'kubernetes-ca.pem'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.pem'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--bind-address={listen}",
        f"--secure-port={PORT}",
        f"--tls-cert-file={pki / f'{NAME}.pem'}",
        f"--tls-private-key-file={pki / f'{NAME}.key'}",
        f"--kubelet-certificate-authority={pki / 'kubernetes-ca.pem'}",
        # As for the API server: the machine's resolver knows no node's name.
        "--kubelet-preferred-address-types=InternalIP",
        f"--metric-resolution={RESOLUTION_SECONDS}s",
        # Nothing runs on a simulated node that could be measured.
        f"--node-selector={SIMULATED_LABEL}!=true",
        # Must be shorter than the resolution; a stopped node does not answer at all.
        f"--kubelet-request-timeout={RESOLUTION_SECONDS // 2}s",
        # One caller, the API server; the protection from many needs rights to read its settings.
        "--enable-priority-and-fairness=false",
        "--profiling=false",
    ]


def objects(listen: IPv4Address, authority: str) -> list[tuple[str, dict[str, Any]]]:
    """API paths and objects: its rights, everyone's who may view a namespace, and the way to it.

    Args:
        listen: the control plane's address.
        authority: the region's certificate authority (PEM), which signed its certificate.
    """
    return [*_rights(), *_way(listen, authority)]


def _rights() -> list[tuple[str, dict[str, Any]]]:
    own = _role(
        USER,
        [
            {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
            # It asks the API server whether who asks it may.
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ],
    )
    reader = "system:aggregated-metrics-reader"
    aggregated = _role(
        reader, [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}]
    )
    aggregated["metadata"]["labels"] = {
        f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    return [
        (f"{RBAC}/clusterroles/{USER}", own),
        (f"{RBAC}/clusterroles/{reader}", aggregated),
        (f"{RBAC}/clusterrolebindings/{USER}", binding),
    ]


def _way(listen: IPv4Address, authority: str) -> list[tuple[str, dict[str, Any]]]:
    labels = {"k8s-app": NAME}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": PORT}]},
    }
    slice_name = f"{NAME}-control-plane"
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": slice_name, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        "endpoints": [{"addresses": [str(listen)], "conditions": {"ready": True}}],
    }
    group, version = "metrics.k8s.io", "v1beta1"
    registration = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}", "labels": labels},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": NAME, "namespace": NAMESPACE, "port": 443},
            "caBundle": base64.b64encode(authority.encode()).decode(),
        },
    }
    return [
        (f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}", service),
        (f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/{slice_name}", slice_),
        (f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{group}", registration),
    ]


def _role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }
