"""A small cluster, and a judge that says what compiled rules let pass: the kernel's part, in a few lines."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from sandbox.region.network_policy.compilation import Cluster, Direction, NodeRules, compile_rules
from sandbox.region.network_policy.controller import dns_fixture
from sandbox.region.network_policy.model import NamedPort, Pod, Policy, read_policy

NODES = ("left", "right")
DNS = IPv4Address("172.30.113.2")
NAMESPACES = {
    "qa": {"kubernetes.io/metadata.name": "qa", "team": "qa"},
    "chat": {"kubernetes.io/metadata.name": "chat", "team": "chat"},
    "kube-system": {"kubernetes.io/metadata.name": "kube-system"},
}


def pod(namespace: str, name: str, node: str, address: str, http: int = 8080, **labels: str) -> Pod:
    ports = (NamedPort("http", "TCP", http),)
    return Pod(namespace, name, f"uid-{name}", node, IPv4Address(address), {"app": name, **labels}, ports)


PODS = (
    pod("qa", "db", "left", "10.244.255.2", role="db"),
    pod("qa", "web", "left", "10.244.255.3", role="frontend"),
    pod("qa", "worker", "right", "10.244.254.2", http=9090, role="frontend"),
    pod("chat", "client", "right", "10.244.254.3", role="client"),
    pod("chat", "other", "left", "10.244.255.4"),
)


def policy(name: str = "one", namespace: str = "qa", **spec: Any) -> Policy:
    return read_policy({"metadata": {"namespace": namespace, "name": name}, "spec": {"podSelector": {}, **spec}})


def rules(*policies: Policy, pods: tuple[Pod, ...] = PODS) -> dict[str, NodeRules]:
    return compile_rules(Cluster(pods, NAMESPACES, policies, (dns_fixture(DNS),)), NODES)


class Judge:
    """Whether a new connection between two ends passes, on the nodes of both."""

    def __init__(self, *policies: Policy, pods: tuple[Pod, ...] = PODS) -> None:
        self._rules = rules(*policies, pods=pods)
        self._pods = {one.name: one for one in pods}

    def passes(self, source: str, target: str, port: int = 8080, protocol: str = "TCP") -> bool:
        """An end is a pod's name or an address."""
        start, end = self._address(source), self._address(target)
        passes = True
        if source in self._pods:
            passes = _judge(self._rules[self._pods[source].node].egress, start, end, port, protocol)
        if target in self._pods:
            passes = passes and _judge(self._rules[self._pods[target].node].ingress, end, start, port, protocol)
        return passes

    def reachable(self, target: str, *sources: str, port: int = 8080) -> list[str]:
        return [source for source in sources if self.passes(source, target, port)]

    def _address(self, end: str) -> IPv4Address:
        found = self._pods[end].address if end in self._pods else IPv4Address(end)
        assert found is not None
        return found


def _judge(direction: Direction, own: IPv4Address, other: IPv4Address, port: int, protocol: str) -> bool:
    if not _contains(direction.isolated, own):
        return True
    return any(
        _contains(opening.local, own)
        and (opening.remote is None or _contains(opening.remote, other))
        and (
            opening.ports is None
            or (opening.ports.protocol == protocol and opening.ports.first <= port <= opening.ports.last)
        )
        for opening in direction.openings
    )


def _contains(networks: tuple[IPv4Network, ...], address: IPv4Address) -> bool:
    return any(address in network for network in networks)
