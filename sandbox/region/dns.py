"""A region's cluster DNS: the real CoreDNS, as a process beside the control plane.

It answers cluster.local from the API server, any name under aliyuncs.com with the cloud's address (so programs in pods
use the real cloud's host names), and asks the cloud's own DNS for the rest; never the machine's resolver.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from sandbox.addresses import POD_NETWORK, SERVICE_NETWORK

CLUSTER_DOMAIN = "cluster.local"
CLOUD_DOMAIN = "aliyuncs.com"
DNS_SERVICE_ADDRESS = SERVICE_NETWORK[10]
USER = "system:coredns"


def render_corefile(listen: IPv4Address, cloud: IPv4Address, kubeconfig: str) -> str:
    """CoreDNS's configuration.

    Args:
        listen: the control plane's address.
        cloud: the cloud's address, for its names and as the server of all others.
        kubeconfig: path of the file with which it reads services.
    """
    reverse = " ".join(_reverse_zone(str(network)) for network in (SERVICE_NETWORK, POD_NETWORK))
    return f"""\
{CLUSTER_DOMAIN} {reverse} {{
    bind {listen}
    errors
    kubernetes {CLUSTER_DOMAIN} {reverse} {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
    }}
}}
{CLOUD_DOMAIN} {{
    bind {listen}
    errors
    template IN A {CLOUD_DOMAIN} {{
        answer "{{{{ .Name }}}} 60 IN A {cloud}"
    }}
    template ANY ANY {CLOUD_DOMAIN} {{
        rcode NOERROR
    }}
}}
. {{
    bind {listen}
    errors
    forward . {cloud}:53 {{
        max_concurrent 1000
    }}
    cache 5
}}
"""


def service_objects(listen: IPv4Address) -> list[tuple[str, dict[str, Any]]]:
    """API paths and objects: CoreDNS's right to read, and the kube-dns Service that points to it."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["endpoints", "services", "pods", "namespaces"],
                "verbs": ["list", "watch"],
            },
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": str(DNS_SERVICE_ADDRESS), "ports": ports},
    }
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-control-plane",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [str(listen)], "conditions": {"ready": True}}],
    }
    rbac, core = "/apis/rbac.authorization.k8s.io/v1", "/api/v1/namespaces/kube-system"
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    return [
        (f"{rbac}/clusterroles/{USER}", role),
        (f"{rbac}/clusterrolebindings/{USER}", binding),
        (f"{core}/services/kube-dns", service),
        (f"{slices}/kube-dns-control-plane", slice_),
    ]


def _reverse_zone(network: str) -> str:
    """The reverse zone of a /16."""
    first, second, *_ = network.split(".")
    return f"{second}.{first}.in-addr.arpa"
