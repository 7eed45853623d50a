"""The network policies of a business's namespace: everything shut, then only the openings that it needs. Pure."""

from __future__ import annotations

from typing import Any

from infra.naming import SERVING
from infra.observability import SCRAPED_FROM
from infra.settings.platform import Network

CLOUD_SERVICES = "100.64.0.0/10"
"""Where Alibaba Cloud's services answer inside a VPC (object storage's internal endpoints, STS's VPC endpoints)."""

Spec = dict[str, Any]


EVERYBODY = "0.0.0.0/0"
SERVERS = {"matchLabels": {"app.kubernetes.io/name": SERVING}}
ALL_BUT_SERVERS = {
    "matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "NotIn", "values": [SERVING]}],
}
"""ElasticDL's pods have no such label, and are meant too."""


def policies(network: Network, server_port: int) -> dict[str, Spec]:
    """Each policy's specification by its name. What users reach talks to no API server."""
    pods = [str(item.pod_addresses) for item in network.switches]
    nodes_and_endpoints = _block(str(network.addresses), pods)
    cloud = [nodes_and_endpoints, _block(CLOUD_SERVICES)]
    return {
        "default-deny": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        "allow-within-namespace": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
            "egress": [{"to": [{"podSelector": {}}]}],
        },
        "allow-dns": _egress(
            [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                },
                nodes_and_endpoints,  # a DNS cache on the node has the node's address
            ],
            [("UDP", 53), ("TCP", 53)],
        ),
        "allow-api-server": _egress([nodes_and_endpoints], [("TCP", 6443)], ALL_BUT_SERVERS),
        "allow-cloud-services": _egress(cloud, [("TCP", 443)]),
        "allow-metrics": {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SCRAPED_FROM}}}],
                    "ports": [{"protocol": "TCP", "port": server_port}],
                }
            ],
        },
        "allow-users": {
            "podSelector": SERVERS,
            "policyTypes": ["Ingress"],
            # A load balancer keeps its client's address. Other businesses' pods come in by the load balancer, or not.
            "ingress": [{"from": [_block(EVERYBODY, pods)], "ports": [{"protocol": "TCP", "port": server_port}]}],
        },
    }


def outside(network: Network, pods: dict[str, str], ports: tuple[int, ...]) -> Spec:
    """A way out of the network for pods with these labels, and to no pod: for who looks at entries as users do."""
    anywhere = _block(EVERYBODY, [str(item.pod_addresses) for item in network.switches])
    return _egress([anywhere], [("TCP", port) for port in ports], {"matchLabels": pods})


def _egress(to: list[dict[str, Any]], ports: list[tuple[str, int]], pods: Spec | None = None) -> Spec:
    opened = [{"protocol": protocol, "port": port} for protocol, port in ports]
    return {"podSelector": pods or {}, "policyTypes": ["Egress"], "egress": [{"to": to, "ports": opened}]}


def _block(addresses: str, excepted: list[str] | None = None) -> dict[str, Any]:
    block: dict[str, Any] = {"cidr": addresses}
    if excepted:
        block["except"] = excepted
    return {"ipBlock": block}
