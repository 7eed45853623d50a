"""Names and directories of a region and its nodes: pure, so that cleanup finds by name what start has made.

Everything on the host starts with the sandbox's prefix (`lmc<index>-`). State that must survive a stop is in the
sandbox's state directory; what must not (sockets, pid files, mount points) is in `/run/lmc<index>-<region>`, which also
keeps socket paths under the 107 bytes that the kernel allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from sandbox.addresses import CLUSTER_NETWORK, LOOPBACK, MAXIMUM_SIMULATED_NODES, POD_NETWORK
from sandbox.ports import RegionPorts
from sandbox.region.errors import RegionError
from sandbox.settings import SandboxSettings

RUNTIME_DIRECTORY = Path("/run")
NETWORK_NAMESPACES = Path("/run/netns")
MARKER_VARIABLE = "LANGUAGE_MODEL_CLUSTERS_OWNER"
"""Set in every daemon's environment to the region's full name: a process is found by it when all else is lost."""
MAXIMUM_NODES = 190
LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
REGION_NAME = re.compile(LABEL)
NODE_NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
MAXIMUM_NAME = 63


def checked_region_name(name: str) -> str:
    """The name, when it can be part of other names; without dots, because a dot divides it from a node's name."""
    if len(name) > MAXIMUM_NAME or not REGION_NAME.fullmatch(name):
        raise RegionError(
            f"region name {name!r} is not usable: at most {MAXIMUM_NAME} lower-case letters, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )
    return name


def checked_node_name(name: str) -> str:
    """The name, when it can be a Node object's, a label's value and a directory's."""
    if len(name) > MAXIMUM_NAME or not NODE_NAME.fullmatch(name):
        raise RegionError(
            f"node name {name!r} is not usable: at most {MAXIMUM_NAME} lower-case letters, digits, hyphens and dots, "
            "each part between dots beginning and ending with a letter or digit"
        )
    return name


@dataclass(frozen=True)
class NodeLayout:
    """Names and directories of one node."""

    region: RegionLayout
    name: str

    @property
    def network_namespace(self) -> str:
        """The name of the node's network namespace."""
        return f"{self.region.node_namespace_prefix}{self.name}"

    @property
    def control_group(self) -> str:
        """The node's control group, relative to each hierarchy's root."""
        return f"{self.region.control_group}/node-{self.name}"

    @property
    def owner(self) -> str:
        """The marker of the node's processes."""
        return f"{self.region.full_name}/{self.name}"

    @property
    def state(self) -> Path:
        """What survives a stop: specification, containers' and kubelet's files, logs."""
        return self.region.nodes / self.name

    @property
    def runtime(self) -> Path:
        """What does not survive a stop."""
        return self.region.runtime / f"node-{self.name}"

    @property
    def mount_namespace(self) -> Path:
        """Where the node's mount namespace is pinned."""
        return self.runtime / "pins" / "mount"

    @property
    def containerd_socket(self) -> Path:
        """containerd's socket as the host sees it."""
        return self.runtime / "containerd" / "containerd.sock"

    @property
    def containerd_root(self) -> Path:
        """containerd's persistent files."""
        return self.state / "containerd"


@dataclass(frozen=True)
class RegionLayout:
    """Names, directories and addresses of one region."""

    sandbox: SandboxSettings
    name: str
    slot: int

    @property
    def full_name(self) -> str:
        """The region's name on this machine: namespace, control group, runtime directory and marker."""
        return f"{self.sandbox.prefix}{self.name}"

    @property
    def network_namespace(self) -> str:
        """The name of the control plane's network namespace."""
        return self.full_name

    @property
    def host_interface(self) -> str:
        """The host's end of the region's link; at most 15 characters."""
        return f"{self.sandbox.addresses.prefix}r{self.slot}"

    @property
    def exchange_interface(self) -> str:
        """The host's end of the region's link to all other regions' public addresses; at most 15 characters."""
        return f"{self.sandbox.addresses.prefix}x{self.slot}"

    @property
    def control_group(self) -> str:
        """The region's control group, relative to each hierarchy's root."""
        return self.full_name

    @property
    def state(self) -> Path:
        """What survives a stop."""
        return self.sandbox.state / "regions" / self.name

    @property
    def nodes(self) -> Path:
        """One directory a node."""
        return self.state / "nodes"

    @property
    def volumes(self) -> Path:
        """The data of PersistentVolumes, a folder a volume; each node's processes see it under this path."""
        return self.state / "volumes"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """The control plane's logs."""
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        """Where the API server writes who changed what."""
        return self.logs / "audit.log"

    @property
    def audit_policy(self) -> Path:
        """Of what it writes there."""
        return self.state / "audit-policy.json"

    @property
    def runtime(self) -> Path:
        """What does not survive a stop."""
        return self.state / "run" if self.sandbox.rootless else RUNTIME_DIRECTORY / self.full_name

    @property
    def policy_socket(self) -> Path:
        """Where nodes announce new pods to who enforces network policies."""
        return self.runtime / "network-policy" / "socket"

    @property
    def node_namespace_prefix(self) -> str:
        """What the name of a node's network namespace has before the node's name."""
        return f"{self.full_name}."

    @property
    def control_plane_address(self) -> IPv4Address:
        """Where the API server and the cluster's DNS listen."""
        return LOOPBACK if self.sandbox.rootless else self.sandbox.addresses.control_plane(self.slot)

    @property
    def ports(self) -> RegionPorts:
        """The ports of the control plane."""
        return self.sandbox.region_ports(self.slot)

    @property
    def server(self) -> str:
        """The API server's address, from the host and from every node; also the issuer of service accounts' tokens."""
        return f"https://{self.control_plane_address}:{self.ports.api_server}"

    def node(self, name: str) -> NodeLayout:
        """Names and directories of a node."""
        return NodeLayout(self, name)

    def node_address(self, number: int) -> IPv4Address:
        """A node's address on the region's network."""
        return self.sandbox.addresses.node(self.slot, number)


def namespace_path(name: str) -> Path:
    """The file that holds a network namespace open."""
    return NETWORK_NAMESPACES / name


def pod_network(number: int) -> IPv4Network:
    """The range of a node's pods: the highest /24 ranges first.

    The controller manager hands out the lowest ranges first, to nodes that come without one (simulated ones).
    """
    if not 0 <= number < MAXIMUM_NODES:
        raise RegionError(f"node number {number} is outside 0..{MAXIMUM_NODES - 1}: remove nodes from the region first")
    ranges = list(POD_NETWORK.subnets(new_prefix=24))
    return ranges[len(ranges) - 1 - number]


def simulated_pod_network(number: int) -> IPv4Network:
    """The range of a simulated node's pods: no real node's, so neither side ever takes a range of the other."""
    if not 0 <= number < MAXIMUM_SIMULATED_NODES:
        raise RegionError(
            f"simulated node number {number} is outside 0..{MAXIMUM_SIMULATED_NODES - 1}: remove nodes from the region"
        )
    size = 256  # addresses of a /24
    below = (int(POD_NETWORK[0]) - int(CLUSTER_NETWORK[0])) // size
    place = number if number < below else number + POD_NETWORK.num_addresses // size
    return IPv4Network((int(CLUSTER_NETWORK[0]) + place * size, 24))
