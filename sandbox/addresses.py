"""The sandbox's address plan: pure arithmetic, so that two sandboxes on one machine never meet.

A sandbox has an index from 0 to 15 and owns 16 consecutive /24 networks of 172.30.0.0/16: the first holds the cloud's
one address, the others are regions' links. Pod and service ranges exist inside a region's namespaces only, and are
therefore the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

MAXIMUM_INDEX = 15
MAXIMUM_REGIONS = 15
PROXY_PORT = 3128
"""Where the cloud's forward proxy listens, beside HTTPS and DNS on their usual ports."""
MAXIMUM_SIMULATED_NODES = 3840
"""Of a region: as many ranges of pods as CLUSTER_NETWORK has left."""
SIMULATED_NETWORK = IPv4Network("198.18.0.0/15")
"""Addresses that no packet ever has: simulated nodes' (RFC 2544 keeps them from the Internet). A /20 a region."""

LOOPBACK = IPv4Address("127.0.0.1")
CLUSTER_NETWORK = IPv4Network("10.240.0.0/12")
"""Every pod's range lies in it: those of real nodes in POD_NETWORK, those of simulated nodes outside."""
POD_NETWORK = IPv4Network("10.244.0.0/16")
SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
KUBERNETES_SERVICE_ADDRESS = IPv4Address("10.96.0.1")


@dataclass(frozen=True)
class Addresses:
    """The addresses of the sandbox with this index (0 to 15)."""

    index: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAXIMUM_INDEX:
            raise ValueError(f"sandbox index {self.index} is outside 0..{MAXIMUM_INDEX}; set SANDBOX_INDEX")

    @property
    def prefix(self) -> str:
        """First part of the name of every interface, namespace, control group and chain of this sandbox."""
        return f"lmc{self.index}-"

    @property
    def cloud(self) -> IPv4Address:
        """Where the emulator answers: HTTPS on 443, DNS on 53; reachable from the host and from every region."""
        return self._network(0)[1]

    def region_network(self, slot: int) -> IPv4Network:
        """The /24 of a region's link.

        .1 is the host's end, .2 the control plane, .10 to .199 nodes, .200 to .250 public addresses.
        """
        if not 0 <= slot < MAXIMUM_REGIONS:
            raise ValueError(
                f"region slot {slot} is outside 0..{MAXIMUM_REGIONS - 1}: "
                f"a sandbox has at most {MAXIMUM_REGIONS} regions"
            )
        return self._network(slot + 1)

    def region_host(self, slot: int) -> IPv4Address:
        """The host's end of a region's link."""
        return self.region_network(slot)[1]

    def control_plane(self, slot: int) -> IPv4Address:
        """Where a region's API server listens."""
        return self.region_network(slot)[2]

    def node(self, slot: int, number: int) -> IPv4Address:
        """The address of a region's node, number 0 to 189."""
        return self.region_network(slot)[10 + number]

    def simulated_node(self, slot: int, number: int) -> IPv4Address:
        """The address of a region's simulated node, number 0 to 3839. No packet can be sent there."""
        return self._simulated_network(slot)[1 + number]

    def node_number(self, slot: int, address: IPv4Address) -> int:
        """The number of the region's node that has this address."""
        return int(address) - int(self.node(slot, 0))

    def simulated_number(self, slot: int, address: IPv4Address) -> int:
        """The number of the region's simulated node that has this address."""
        return int(address) - int(self._simulated_network(slot)[1])

    def public(self, slot: int, number: int) -> IPv4Address:
        """An elastic public address of a region, number 0 to 50."""
        return self.region_network(slot)[200 + number]

    def public_network(self, slot: int) -> IPv4Network:
        """The range that a region's public addresses lie in."""
        return IPv4Network((int(self.region_network(slot)[192]), 26))

    @property
    def exchange_network(self) -> IPv4Network:
        """Where the regions meet: each one's way out to the public addresses of the others."""
        return self._network(0)

    def exchange(self, slot: int) -> IPv4Address:
        """The address by which a region's nodes are seen by the others, as behind a NAT gateway."""
        return self.exchange_network[10 + slot]

    @staticmethod
    def _simulated_network(slot: int) -> IPv4Network:
        return list(SIMULATED_NETWORK.subnets(new_prefix=20))[slot]

    def _network(self, number: int) -> IPv4Network:
        return IPv4Network(f"172.30.{16 * self.index + number}.0/24")
