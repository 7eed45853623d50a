"""From pods, namespaces and policies to the rules of each node, as data: pure.

A node's rules concern the pods on it. A packet from one of them is judged by the egress rules of the node where it
starts, one to them by the ingress rules of the node where it ends, so traffic between two nodes is judged on both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from sandbox.region.network_policy.model import (
    BlockPeer,
    Labels,
    NamedPort,
    Pod,
    Policy,
    PolicyPort,
    Rule,
    Selector,
)

Networks = tuple[IPv4Network, ...]


@dataclass(frozen=True, order=True)
class PortRange:
    """Ports of a protocol."""

    protocol: str
    first: int
    last: int


@dataclass(frozen=True)
class Opening:
    """Packets of one direction that one policy lets pass."""

    policy: str
    """"<namespace>/<name>", for a reader of the rules."""
    local: Networks
    """The node's pods that it holds for."""
    remote: Networks | None
    """The other side; None for everybody."""
    ports: PortRange | None
    """Destination ports; None for any packet."""


@dataclass(frozen=True)
class Direction:
    """One direction's rules on a node: what reaches or leaves `isolated` pods must fit one of the openings."""

    isolated: Networks = ()
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True)
class NodeRules:
    """Everything that a node enforces."""

    ingress: Direction = field(default_factory=Direction)
    egress: Direction = field(default_factory=Direction)

    def is_empty(self) -> bool:
        """Whether no pod of the node is selected by any policy."""
        return not self.ingress.isolated and not self.egress.isolated


@dataclass(frozen=True)
class Fixture:
    """A program outside the pod network that stands for pods, such as a region's DNS server.

    Policies select it as they would select those pods, but only its own ports are ever opened: the address is also
    that of the API server.
    """

    namespace: str
    labels: Labels
    address: IPv4Address
    ports: tuple[NamedPort, ...]


@dataclass(frozen=True)
class Cluster:
    """What is compiled."""

    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Labels]
    policies: tuple[Policy, ...]
    fixtures: tuple[Fixture, ...] = ()


def compile_rules(cluster: Cluster, nodes: Iterable[str]) -> dict[str, NodeRules]:
    """Each node's rules; the same objects give equal rules, in whatever order they come."""
    wanted = set(nodes)
    by_namespace: dict[str, list[Pod]] = defaultdict(list)
    for pod in cluster.pods:
        if pod.address is not None:
            by_namespace[pod.namespace].append(pod)
    compiler = _Compiler(cluster, by_namespace)
    made = {node: (_Collector(), _Collector()) for node in wanted}
    for policy in sorted(cluster.policies, key=lambda one: (one.namespace, one.name)):
        subjects: dict[str, list[Pod]] = defaultdict(list)
        for pod in by_namespace.get(policy.namespace, []):
            if pod.node in wanted and policy.selector.accepts(pod.labels):
                subjects[pod.node].append(pod)
        if not subjects:
            continue
        for number, rules in enumerate((policy.ingress, policy.egress)):
            if rules is None:
                continue
            for node, pods in subjects.items():
                made[node][number].isolate(pods)
            for rule in rules:
                compiler.open(policy, rule, subjects, made, number)
    return {node: NodeRules(ingress.direction(), egress.direction()) for node, (ingress, egress) in made.items()}


class _Collector:
    """One direction's rules on a node, as they come together."""

    def __init__(self) -> None:
        self._isolated: set[IPv4Address] = set()
        self._openings: dict[Opening, None] = {}

    def isolate(self, pods: list[Pod]) -> None:
        self._isolated.update(pod.address for pod in pods if pod.address is not None)

    def add(self, opening: Opening) -> None:
        self._openings[opening] = None

    def direction(self) -> Direction:
        return Direction(_hosts(self._isolated), tuple(self._openings))


class _Compiler:
    """Finds peers; each policy's are looked up once, however many nodes have pods that it selects."""

    def __init__(self, cluster: Cluster, by_namespace: Mapping[str, list[Pod]]) -> None:
        self._cluster, self._by_namespace = cluster, by_namespace

    def open(
        self,
        policy: Policy,
        rule: Rule,
        subjects: Mapping[str, list[Pod]],
        made: Mapping[str, tuple[_Collector, _Collector]],
        number: int,
    ) -> None:
        """Add what a rule (of ingress, number 0, or egress, 1) opens on each node."""
        pods, blocks, fixtures = self._peers(policy, rule)
        remote = None if rule.peers is None else _networks([*_hosts(_addresses(pods)), *blocks])
        title = f"{policy.namespace}/{policy.name}"
        for node, local in subjects.items():
            collector = made[node][number]
            if remote is None or remote:
                for opened_local, opened_remote, ports in _ports(rule, local, pods, remote, is_egress=number == 1):
                    collector.add(Opening(title, _hosts(_addresses(opened_local)), opened_remote, ports))
            for fixture in fixtures if number == 1 else ():
                for ports in _common_ports(rule.ports, fixture.ports):
                    address = (IPv4Network(fixture.address),)
                    collector.add(Opening(title, _hosts(_addresses(local)), address, ports))

    def _peers(self, policy: Policy, rule: Rule) -> tuple[list[Pod], list[IPv4Network], list[Fixture]]:
        """Pods, blocks and fixtures that a rule names; for everybody, all pods (for ports by name)."""
        if rule.peers is None:
            return [pod for pods in self._by_namespace.values() for pod in pods], [], []
        found: dict[tuple[str, str], Pod] = {}
        blocks: list[IPv4Network] = []
        fixtures: dict[IPv4Address, Fixture] = {}
        for peer in rule.peers:
            if isinstance(peer, BlockPeer):
                blocks += peer.networks
                continue
            for namespace in self._namespaces(policy, peer.namespaces):
                for pod in self._by_namespace.get(namespace, []):
                    if peer.pods.accepts(pod.labels):
                        found[pod.namespace, pod.name] = pod
                for fixture in self._cluster.fixtures:
                    if fixture.namespace == namespace and peer.pods.accepts(fixture.labels):
                        fixtures[fixture.address] = fixture
        return list(found.values()), blocks, list(fixtures.values())

    def _namespaces(self, policy: Policy, selector: Selector | None) -> Iterator[str]:
        if selector is None:
            yield policy.namespace
            return
        yield from (name for name, labels in self._cluster.namespaces.items() if selector.accepts(labels))


def _ports(
    rule: Rule, local: list[Pod], peers: list[Pod], remote: Networks | None, *, is_egress: bool
) -> Iterator[tuple[list[Pod], Networks | None, PortRange | None]]:
    """(local pods, other side, ports) of each opening of a rule.

    A port's name is that of the pod which listens: what it stands for can differ from pod to pod, and blocks of
    addresses know no names.
    """
    if rule.ports is None:
        yield local, remote, None
        return
    for port in rule.ports:
        if not port.name:
            yield local, remote, PortRange(port.protocol, port.first, port.last)
            continue
        for number, listening in sorted(_listening(peers if is_egress else local, port).items()):
            ports = PortRange(port.protocol, number, number)
            if is_egress:
                yield local, _hosts(_addresses(listening)), ports
            else:
                yield listening, remote, ports


def _listening(pods: list[Pod], port: PolicyPort) -> dict[int, list[Pod]]:
    """Pods with a port of this name, by its number."""
    found: dict[int, list[Pod]] = defaultdict(list)
    for pod in pods:
        for named in pod.named_ports:
            if (named.name, named.protocol) == (port.name, port.protocol):
                found[named.number].append(pod)
    return found


def _common_ports(opened: tuple[PolicyPort, ...] | None, own: tuple[NamedPort, ...]) -> list[PortRange]:
    """A fixture's ports that a rule opens."""
    return [
        PortRange(one.protocol, one.number, one.number)
        for one in own
        if opened is None
        or any(
            port.protocol == one.protocol
            and (port.name == one.name if port.name else port.first <= one.number <= port.last)
            for port in opened
        )
    ]


def _addresses(pods: Iterable[Pod]) -> set[IPv4Address]:
    return {pod.address for pod in pods if pod.address is not None}


def _hosts(addresses: Iterable[IPv4Address]) -> Networks:
    return tuple(IPv4Network(address) for address in sorted(addresses))


def _networks(networks: Iterable[IPv4Network]) -> Networks:
    """The same addresses in the fewest blocks."""
    return tuple(collapse_addresses(networks))
