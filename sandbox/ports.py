"""Which ports things listen on: the usual ones where they have addresses of their own, a plan of ports on loopback.

A sandbox without root has no address of its own. Its index gives it 200 ports from 21000 on, below the range from which
Linux takes ports for outgoing connections (32768).
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.addresses import PROXY_PORT

FIRST_PORT = 21000
PORTS_A_SANDBOX = 200
PORTS_A_REGION = 10


@dataclass(frozen=True)
class CloudPorts:
    """Where the emulator listens."""

    https: int = 443
    dns: int = 53
    proxy: int = PROXY_PORT


@dataclass(frozen=True)
class RegionPorts:
    """Where the processes of a region's control plane listen."""

    api_server: int = 6443
    etcd: int = 2379
    etcd_peers: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259
    simulated_kubelet: int = 10247
    """kwok, which answers the API server for every simulated node."""


def loopback_cloud_ports(index: int) -> CloudPorts:
    """The cloud's ports on loopback, of the sandbox with this index (0 to 15)."""
    first = FIRST_PORT + index * PORTS_A_SANDBOX
    return CloudPorts(first, first + 1, first + 2)


def loopback_region_ports(index: int, slot: int) -> RegionPorts:
    """The ports on loopback of the region in this slot (0 to 14)."""
    first = FIRST_PORT + index * PORTS_A_SANDBOX + (slot + 1) * PORTS_A_REGION
    return RegionPorts(*range(first, first + 6))
