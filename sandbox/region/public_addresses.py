"""Load balancers' addresses: routes of the host and of the region's namespace to the node that takes the packets.

The node's kube-proxy knows the address from the Service's status and sends the packets on to a pod. The host's route
is on the region's link, so it goes when that goes, and a sweep has nothing more to take away.
"""

from __future__ import annotations

from sandbox.region.commands import run, succeeds
from sandbox.region.layout import RegionLayout
from sandbox.region.network import BRIDGE


def publish(layout: RegionLayout, address: str, number: int) -> None:
    """Lead packets to this address to the node of this number, from wherever they were led before."""
    via = str(layout.node_address(number))
    run(["ip", "route", "replace", f"{address}/32", "via", via, "dev", layout.host_interface])
    inside = ["ip", "-netns", layout.network_namespace]
    run([*inside, "route", "replace", f"{address}/32", "via", via, "dev", BRIDGE])


def withdraw(layout: RegionLayout, address: str) -> None:
    """Take the routes away; no error when there are none."""
    succeeds(["ip", "route", "delete", f"{address}/32", "dev", layout.host_interface])
    inside = ["ip", "-netns", layout.network_namespace]
    succeeds([*inside, "route", "delete", f"{address}/32", "dev", BRIDGE])
