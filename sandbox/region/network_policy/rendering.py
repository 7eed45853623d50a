"""From a node's rules to the input of `ipset restore` and `iptables-restore --noflush`: pure.

The rules are in the mangle table, whose FORWARD chain sees a packet after kube-proxy has translated a Service's address
and before anything of kube-proxy's in the filter table can accept it. Nothing else writes there, so no order of rules
is ever disputed. What a node itself sends to its own pods (kubelet's probes) or gets from them is not forwarded, and
so passes, as Kubernetes demands.

A set's name is a hash of its content, so a set never changes: a new state is new sets, one transaction that replaces
the chains, and the removal of the sets that nobody names any more. No packet ever meets half a state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from sandbox.region.network_policy.compilation import Direction, Networks, NodeRules, Opening
from sandbox.region.network_policy.model import MAXIMUM_PORT

TABLE = "mangle"
CHAIN, INGRESS_CHAIN, EGRESS_CHAIN = "NETWORK-POLICY", "NETWORK-POLICY-IN", "NETWORK-POLICY-OUT"
SET_PREFIX = "policy-"
PASSING_SET = "policy.new"
"""A set under construction: what a killed process leaves of it is never taken for a whole one."""
EVERYTHING = IPv4Network("0.0.0.0/0")
Naming = Callable[[Networks], str]


@dataclass(frozen=True)
class Rendered:
    """What the kernel is to hold for a node."""

    sets: dict[str, Networks]
    chains: str
    """Input of `iptables-restore --noflush`, without the jump from FORWARD."""


def render(rules: NodeRules) -> Rendered:
    """The sets and chains of a node's rules; equal rules give equal text."""
    sets: dict[str, Networks] = {}

    def name(networks: Networks) -> str:
        found = set_name(networks)
        sets[found] = networks
        return found

    lines = [f"*{TABLE}", *(f":{chain} - [0:0]" for chain in (CHAIN, INGRESS_CHAIN, EGRESS_CHAIN))]
    lines.append(f"-A {CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
    # A packet between two pods of this node must pass both.
    for direction, chain, own in ((rules.egress, EGRESS_CHAIN, "src"), (rules.ingress, INGRESS_CHAIN, "dst")):
        if direction.isolated:
            lines.append(f"-A {CHAIN} -m set --match-set {name(direction.isolated)} {own} -j {chain}")
    for direction, chain, own, other in (
        (rules.egress, EGRESS_CHAIN, "src", "dst"),
        (rules.ingress, INGRESS_CHAIN, "dst", "src"),
    ):
        if direction.isolated:
            lines += [f"-A {chain} {rule}" for rule in _chain_rules(direction, own, other, name)]
    return Rendered(sets, "\n".join([*lines, "COMMIT", ""]))


def render_sets(sets: dict[str, Networks]) -> str:
    """Input of `ipset restore` that makes these sets; each gets its name once it is whole."""
    lines = []
    for name, networks in sorted(sets.items()):
        entries = [part for network in networks for part in _entries(network)]
        lines.append(f"create {PASSING_SET} hash:net family inet hashsize 64 maxelem {max(len(entries), 1)}")
        lines += [f"add {PASSING_SET} {entry}" for entry in entries]
        lines.append(f"rename {PASSING_SET} {name}")
    return "".join(f"{line}\n" for line in lines)


def set_name(networks: Networks) -> str:
    """The name of the set with this content; a set's name has at most 31 characters."""
    text = ",".join(map(str, networks))
    return SET_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:24]


def _chain_rules(direction: Direction, own: str, other: str, name: Naming) -> Iterator[str]:
    # No pod can be shut off from itself, which is where a Service may lead it.
    for host in direction.isolated:
        yield f"-s {host} -d {host} -j RETURN"
    for opening in direction.openings:
        matches = [f"-m set --match-set {name(opening.local)} {own}"]
        if opening.remote is not None and opening.remote != (EVERYTHING,):
            matches.append(f"-m set --match-set {name(opening.remote)} {other}")
        yield f'{_port_match(opening)}{" ".join(matches)} -m comment --comment "{opening.policy}" -j RETURN'
    yield "-j DROP"


def _port_match(opening: Opening) -> str:
    ports = opening.ports
    if ports is None:
        return ""
    protocol = ports.protocol.lower()
    if (ports.first, ports.last) == (0, MAXIMUM_PORT):
        return f"-p {protocol} "
    numbers = str(ports.first) if ports.first == ports.last else f"{ports.first}:{ports.last}"
    return f"-p {protocol} -m {protocol} --dport {numbers} "


def _entries(network: IPv4Network) -> list[str]:
    """As a set takes them: it has no entry for all addresses."""
    if network == EVERYTHING:
        return [str(half) for half in network.subnets()]
    return [str(network.network_address) if network.prefixlen == 32 else str(network)]
