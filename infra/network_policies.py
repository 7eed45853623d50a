"""The network policies of a business's namespace: everything shut, then only the openings that training needs. Pure."""

from __future__ import annotations

from typing import Any

from infra.settings.platform import Network

CLOUD_SERVICES = "100.64.0.0/10"
"""Where Alibaba Cloud's services answer inside a VPC (object storage's internal endpoints, STS's VPC endpoints)."""

Spec = dict[str, Any]


def policies(network: Network) -> dict[str, Spec]:
    """Each policy's specification by its name; a policy selects all pods of the namespace."""
    nodes_and_endpoints = _block(str(network.addresses), [str(item.pod_addresses) for item in network.switches])
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
        "allow-api-server": _egress([nodes_and_endpoints], [("TCP", 6443)]),
        "allow-cloud-services": _egress(cloud, [("TCP", 443)]),
    }


def _egress(to: list[dict[str, Any]], ports: list[tuple[str, int]]) -> Spec:
    opened = [{"protocol": protocol, "port": port} for protocol, port in ports]
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": to, "ports": opened}]}


def _block(addresses: str, excepted: list[str] | None = None) -> dict[str, Any]:
    block: dict[str, Any] = {"cidr": addresses}
    if excepted:
        block["except"] = excepted
    return {"ipBlock": block}
