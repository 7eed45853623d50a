"""Pods, namespaces and policies, as far as enforcement needs them, read from the API's objects: pure.

Source of the forms: Kubernetes API reference, NetworkPolicy (networking.k8s.io/v1), Pod v1, Namespace v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_network
from typing import Any

MAXIMUM_PORT = 65535
PROTOCOLS = ("TCP", "UDP", "SCTP")
FINISHED_PHASES = frozenset({"Succeeded", "Failed"})

Object = Mapping[str, Any]
Labels = Mapping[str, str]


@dataclass(frozen=True)
class NamedPort:
    """A container's port that has a name."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Pod:
    """A pod of the pod network."""

    namespace: str
    name: str
    identifier: str
    """The object's uid: a pod that is made again under the same name is another pod."""
    node: str
    """Empty until it is placed."""
    address: IPv4Address | None
    """None until known."""
    labels: Labels
    named_ports: tuple[NamedPort, ...]


@dataclass(frozen=True)
class Requirement:
    """One condition on labels."""

    key: str
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: frozenset[str] = frozenset()

    def accepts(self, labels: Labels) -> bool:
        """Whether the labels meet it; NotIn is met by a missing label, as in Kubernetes."""
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        return (self.key in labels) is (self.operator == "Exists")


@dataclass(frozen=True)
class Selector:
    """A label selector: all of its conditions; without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def accepts(self, labels: Labels) -> bool:
        """Whether it selects what has these labels."""
        return all(requirement.accepts(labels) for requirement in self.requirements)


@dataclass(frozen=True)
class PodPeer:
    """Pods of some namespaces."""

    namespaces: Selector | None
    """None: the policy's own namespace."""
    pods: Selector


@dataclass(frozen=True)
class BlockPeer:
    """Addresses of a block, without its exceptions."""

    networks: tuple[IPv4Network, ...]


Peer = PodPeer | BlockPeer


@dataclass(frozen=True)
class PolicyPort:
    """Ports of a protocol: one, a range, one by name, or (neither number nor name) all."""

    protocol: str
    first: int = 0
    last: int = MAXIMUM_PORT
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """What a policy opens. None stands for everybody, and for any port of any protocol."""

    peers: tuple[Peer, ...] | None
    ports: tuple[PolicyPort, ...] | None


@dataclass(frozen=True)
class Policy:
    """A NetworkPolicy. A direction that is None is not this policy's business; () shuts it."""

    namespace: str
    name: str
    selector: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None


def read_pod(body: Object) -> Pod | None:
    """A pod that is on the pod network, or will be; None for one of the host's network and one that has ended."""
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    if spec.get("hostNetwork") or status.get("phase") in FINISHED_PHASES:
        return None
    containers = [
        *spec.get("containers", []),
        # A sidecar listens as long as the pod lives.
        *(one for one in spec.get("initContainers", []) if one.get("restartPolicy") == "Always"),
    ]
    ports = tuple(
        NamedPort(port["name"], port.get("protocol", "TCP"), port["containerPort"])
        for container in containers
        for port in container.get("ports", [])
        if port.get("name")
    )
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        identifier=metadata.get("uid", ""),
        node=spec.get("nodeName", ""),
        address=_address(status.get("podIP", "")),
        labels=dict(metadata.get("labels") or {}),
        named_ports=ports,
    )


def read_namespace(body: Object) -> Labels:
    """A namespace's labels."""
    return dict(body["metadata"].get("labels") or {})


def read_policy(body: Object) -> Policy:
    """A policy, with the default of `policyTypes` filled in: always ingress, and egress when it has egress rules."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return Policy(
        namespace=metadata["namespace"],
        name=metadata["name"],
        selector=read_selector(spec.get("podSelector") or {}),
        ingress=_rules(spec.get("ingress"), "from") if "Ingress" in types else None,
        egress=_rules(spec.get("egress"), "to") if "Egress" in types else None,
    )


def read_selector(body: Object) -> Selector:
    """A label selector (meta/v1 LabelSelector)."""
    exact = [Requirement(key, "In", frozenset({value})) for key, value in (body.get("matchLabels") or {}).items()]
    expressions = [
        Requirement(entry["key"], entry["operator"], frozenset(entry.get("values") or []))
        for entry in body.get("matchExpressions") or []
    ]
    return Selector((*exact, *expressions))


def subtract(block: IPv4Network, excepted: list[IPv4Network]) -> tuple[IPv4Network, ...]:
    """A block without its exceptions, as blocks."""
    left = [block]
    for exception in excepted:
        kept: list[IPv4Network] = []
        for network in left:
            if network.subnet_of(exception):
                continue
            kept += network.address_exclude(exception) if exception.subnet_of(network) else [network]
        left = kept
    return tuple(sorted(left))


def _rules(entries: list[Object] | None, peers: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            tuple(_peer(peer) for peer in entry[peers]) if entry.get(peers) else None,
            tuple(_port(port) for port in entry["ports"]) if entry.get("ports") else None,
        )
        for entry in entries or []
    )


def _peer(body: Object) -> Peer:
    block = body.get("ipBlock")
    if block is not None:
        network = ip_network(block["cidr"], strict=False)
        if not isinstance(network, IPv4Network):  # regions have no IPv6: it matches no packet
            return BlockPeer(())
        excepted = [ip_network(entry, strict=False) for entry in block.get("except") or []]
        return BlockPeer(subtract(network, [entry for entry in excepted if isinstance(entry, IPv4Network)]))
    namespaces = body.get("namespaceSelector")
    return PodPeer(
        None if namespaces is None else read_selector(namespaces), read_selector(body.get("podSelector") or {})
    )


def _port(body: Object) -> PolicyPort:
    protocol, port = body.get("protocol") or "TCP", body.get("port")
    if port is None:
        return PolicyPort(protocol)
    if isinstance(port, str):
        return PolicyPort(protocol, name=port)
    return PolicyPort(protocol, port, body.get("endPort") or port)


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None
