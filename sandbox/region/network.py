"""The machine's side and the namespaces' side of a region's network.

A region's /24 is one Ethernet segment: a bridge in the region's namespace joins the host's link, the control plane
(the bridge's own address) and every node's link. Pods are routed, not bridged: each has a point-to-point link (CNI
plugin "ptp") and the region's namespace routes each node's range of pods to that node. So a pod that reaches a
neighbour through a Service needs no bridge netfilter, which is a module that not every kernel has.

Nothing leads outside: no namespace has a default route; there are routes to the region's segment, to pods, to services,
to the cloud's one address, and to the public addresses of the other regions. Addresses of pods are translated inside
the node's namespace on the way to the segment, those of nodes in the region's on the way to another region, as by a NAT
gateway: regions meet on the host's bridge that carries the cloud's address, and see nothing else of one another.
The host needs no firewall rule and no forwarding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.addresses import MAXIMUM_REGIONS, POD_NETWORK, SERVICE_NETWORK, Addresses
from sandbox.region.commands import run, succeeds
from sandbox.region.errors import RegionError
from sandbox.region.layout import NETWORK_NAMESPACES, NodeLayout, RegionLayout, namespace_path, pod_network

BRIDGE = "segment"
NODE_INTERFACE = "eth0"
EXCHANGE = "exchange"
"""A region's interface to the other regions."""


def cloud_interface(addresses: Addresses) -> str:
    """The host interface that carries the cloud's address."""
    return f"{addresses.prefix}cloud"


def interface_exists(name: str) -> bool:
    """Whether the host has this interface."""
    return Path("/sys/class/net", name).exists()


def ensure_cloud_interface(addresses: Addresses) -> None:
    """Give the host the cloud's address.

    The interface is a bridge without members: like a dummy interface, and every kernel that runs containers has it.
    """
    name = cloud_interface(addresses)
    if not interface_exists(name):
        succeeds(["ip", "link", "add", name, "type", "bridge"])  # a second starter may have been faster
    run(["ip", "address", "replace", f"{addresses.cloud}/32", "dev", name])
    run(["ip", "link", "set", name, "up"])


def remove_cloud_interface(addresses: Addresses) -> None:
    """Take the cloud's address away again."""
    remove_interface(cloud_interface(addresses))


def remove_interface(name: str) -> None:
    """Delete a host interface; no error when it is not there."""
    if interface_exists(name) and not succeeds(["ip", "link", "delete", name]) and interface_exists(name):
        raise RegionError(f"interface {name} cannot be deleted; try `ip link delete {name}` as root")


def create_namespace(name: str) -> None:
    """Make a network namespace by name.

    Not with `ip netns add`, which would leave a bind mount of /run/netns on itself behind.
    """
    path = namespace_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=True)
    if not os.path.ismount(path):
        run(["unshare", f"--net={path}", "true"])


def remove_namespace(name: str) -> None:
    """Let go of a network namespace; it vanishes with its last process."""
    path = namespace_path(name)
    for _ in range(10):
        if not succeeds(["umount", "--lazy", str(path)]):
            break
    path.unlink(missing_ok=True)


def namespaces_with_prefix(prefix: str) -> list[str]:
    """Names of network namespaces that start so."""
    if not NETWORK_NAMESPACES.is_dir():
        return []
    return sorted(entry.name for entry in NETWORK_NAMESPACES.iterdir() if entry.name.startswith(prefix))


def interfaces_with_prefix(prefix: str) -> list[str]:
    """Names of host interfaces that start so."""
    return sorted(entry.name for entry in Path("/sys/class/net").iterdir() if entry.name.startswith(prefix))


def create_region_network(layout: RegionLayout) -> None:
    """The region's namespace, its segment and its link to the host."""
    addresses, slot = layout.sandbox.addresses, layout.slot
    create_namespace(layout.network_namespace)
    _batch(
        None,
        [
            f"link add {layout.host_interface} type veth peer name uplink netns {layout.network_namespace}",
            f"address add {addresses.region_host(slot)}/24 dev {layout.host_interface}",
            f"link set {layout.host_interface} up",
        ],
    )
    _batch(
        layout.network_namespace,
        [
            "link set lo up",
            f"link add {BRIDGE} address {hardware_address(layout.control_plane_address)} "
            "type bridge forward_delay 0 stp_state 0",
            f"link set uplink master {BRIDGE} up",
            f"address add {layout.control_plane_address}/24 dev {BRIDGE}",
            f"link set {BRIDGE} up",
            f"route add {addresses.cloud}/32 via {addresses.region_host(slot)}",
        ],
    )
    _connect(layout)
    _set_kernel_parameters(
        layout.network_namespace,
        {
            "net/ipv4/ip_forward": "1",
            "net/ipv4/conf/all/send_redirects": "0",
            f"net/ipv4/conf/{BRIDGE}/send_redirects": "0",
        },
    )


def _connect(layout: RegionLayout) -> None:
    """Give the region its way to the public addresses of all others, those to come too."""
    addresses, slot, namespace = layout.sandbox.addresses, layout.slot, layout.network_namespace
    _batch(
        None,
        [
            f"link add {layout.exchange_interface} type veth peer name {EXCHANGE} netns {namespace}",
            f"link set {layout.exchange_interface} master {cloud_interface(addresses)} up",
        ],
    )
    _batch(
        namespace,
        [
            f"address add {addresses.exchange(slot)}/{addresses.exchange_network.prefixlen} dev {EXCHANGE}",
            f"link set {EXCHANGE} up",
            *(
                f"route add {addresses.public_network(other)} via {addresses.exchange(other)}"
                for other in _others(slot)
            ),
        ],
    )
    rule = ["--out-interface", EXCHANGE, "--jump", "MASQUERADE"]
    run([*enter(namespace), "iptables", "--wait", "--table", "nat", "--append", "POSTROUTING", *rule])


def _others(slot: int) -> list[int]:
    return [other for other in range(MAXIMUM_REGIONS) if other != slot]


def has_region_network(layout: RegionLayout) -> bool:
    """Whether the region's namespace and its link to the host are there."""
    return namespace_path(layout.network_namespace).exists() and interface_exists(layout.host_interface)


def create_node_network(node: NodeLayout, number: int) -> None:
    """The node's namespace, its link to the segment, its routes and the translation of its pods' addresses."""
    region = node.region
    addresses, slot = region.sandbox.addresses, region.slot
    create_namespace(node.network_namespace)
    link, address, pods = f"node{number}", region.node_address(number), pod_network(number)
    succeeds(["ip", "-netns", region.network_namespace, "link", "delete", link])
    _batch(
        region.network_namespace,
        [
            f"link add {link} type veth "
            f"peer name {NODE_INTERFACE} address {hardware_address(address)} netns {node.network_namespace}",
            f"link set {link} master {BRIDGE} up",
            f"route replace {pods} via {address}",
        ],
    )
    _batch(
        node.network_namespace,
        [
            "link set lo up",
            f"address add {address}/24 dev {NODE_INTERFACE}",
            f"link set {NODE_INTERFACE} up",
            f"route add {addresses.cloud}/32 via {addresses.region_host(slot)}",
            f"route add {POD_NETWORK} via {region.control_plane_address}",
            f"route add unreachable {pods}",
            f"route add {addresses.exchange_network} via {region.control_plane_address}",
            *(
                f"route add {addresses.public_network(other)} via {region.control_plane_address}"
                for other in _others(slot)
            ),
            # Never used as a route: a process of the node itself needs one before the service's address is translated.
            f"route add {SERVICE_NETWORK} dev {NODE_INTERFACE}",
        ],
    )
    _set_kernel_parameters(node.network_namespace, {"net/ipv4/ip_forward": "1"})
    rule = ["--source", str(POD_NETWORK), "!", "--destination", str(POD_NETWORK), "--out-interface", NODE_INTERFACE]
    run(
        [
            *enter(node.network_namespace),
            *["iptables", "--wait", "--table", "nat", "--append", "POSTROUTING", *rule, "--jump", "MASQUERADE"],
        ]
    )


def remove_node_network(node: NodeLayout, number: int | None) -> None:
    """Take a node's link and route away; the namespace goes with its last process."""
    region = node.region.network_namespace
    if number is not None and namespace_path(region).exists():
        succeeds(["ip", "-netns", region, "link", "delete", f"node{number}"])
        succeeds(["ip", "-netns", region, "route", "delete", str(pod_network(number))])
    remove_namespace(node.network_namespace)


def hardware_address(address: IPv4Address) -> str:
    """The Ethernet address that belongs to an IP address for good.

    A bridge left to itself takes its lowest member's, so the control plane's would change as nodes come and go, and a
    node's would with each start; neighbours that remember the old one reach nobody for up to half a minute.
    """
    return "02:6c:" + ":".join(f"{byte:02x}" for byte in address.packed)


def enter(namespace: str, mount_namespace: Path | None = None) -> list[str]:
    """What goes in front of a command to run it in a namespace.

    Not `ip netns exec`, which mounts a fresh /sys and so hides the control groups from kubelet.
    """
    command = ["nsenter", f"--net={namespace_path(namespace)}"]
    if mount_namespace is not None:
        command.append(f"--mount={mount_namespace}")
    return [*command, "--"]


def _batch(namespace: str | None, lines: Iterable[str]) -> None:
    """Run several `ip` commands at once; the first that fails ends them."""
    where = [] if namespace is None else ["-netns", namespace]
    run(["ip", *where, "-batch", "-"], standard_input="\n".join(lines) + "\n")


def _set_kernel_parameters(namespace: str, parameters: dict[str, str]) -> None:
    """Write kernel parameters of one network namespace; the host's own stay as they are."""
    script = "".join(f"echo {value} > /proc/sys/{path}\n" for path, value in parameters.items())
    run([*enter(namespace), "sh", "-e"], standard_input=script)
