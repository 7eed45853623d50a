"""What goes wrong with machines: power, the network, a frozen system, a full disk; and how each is put right again.

Each fault is done to the real thing, so Kubernetes notices it as it would in a data centre and in its own time: a node
that is silent is NotReady after the controller manager's grace period (50 s), and its pods are given up 300 s later, or
when their tolerations say so. Nothing tells the API server.
"""

from __future__ import annotations

import shutil

from sandbox.region import control_groups, kubelet, processes
from sandbox.region.commands import run
from sandbox.region.errors import RegionError
from sandbox.region.layout import NodeLayout
from sandbox.region.region import Region


def stop_node(region: Region, name: str) -> None:
    """Cut a node's power: every process of it and of its pods is killed at once; its disk stays.

    The region's next `start` powers it on again, as does `start_node`.

    Raises:
        RegionError: when the region has no real node of this name.
    """
    with region.node_at_work(name) as node:
        node.stop()


def start_node(region: Region, name: str) -> None:
    """Power a node on; returns when it is Ready. Its pods start again, as kubelet finds them.

    Raises:
        RegionError: when there is no such node, the region does not run, or the node is not Ready in time.
    """
    with region.node_at_work(name) as node:
        spec = node.spec
    region.add_node(spec)


def cut_network(region: Region, name: str) -> None:
    """Pull a node's cable: its processes and pods go on, and reach only each other.

    Raises:
        RegionError: when there is no such node, or it does not run.
    """
    _set_link(region, name, "down")


def restore_network(region: Region, name: str) -> None:
    """Plug the cable in again.

    Raises:
        RegionError: when there is no such node, or it does not run.
    """
    _set_link(region, name, "up")


def freeze_node(region: Region, name: str) -> None:
    """Let a node hang: its kernel answers, none of its processes does, as under a storm of input and output.

    Raises:
        RegionError: when there is no such node, or it does not run.
    """
    _set_frozen(region, name, frozen=True)


def thaw_node(region: Region, name: str) -> None:
    """Let a frozen node go on.

    Raises:
        RegionError: when there is no such node, or it does not run.
    """
    _set_frozen(region, name, frozen=False)


def fill_disk(region: Region, name: str) -> None:
    """Have a node's kubelet find its disk full: DiskPressure within some 15 s, images deleted, then pods evicted.

    All nodes share the machine's disk, which must not be filled. So kubelet is started again with a limit that no disk
    can meet; all that it then does is its own. What differs from a disk that is full: programs can still write.

    Raises:
        RegionError: when there is no such node, or it does not run.
    """
    with region.node_at_work(name) as node:
        _check_runs(node.layout)
        file = node.layout.state / "kubelet.json"
        file.write_text(kubelet.with_full_disk(file.read_text(), shutil.disk_usage(node.layout.state).total))
        daemon = next(daemon for daemon in node.daemons() if daemon.name == "kubelet")
        processes.kill_all(lambda: {pid for pid in [daemon.pid()] if pid is not None}, f"kubelet of node {name}")
        daemon.start()


def free_disk(region: Region, name: str) -> None:
    """Give a node a disk with space again, with its images; the node is switched off for it, and starts as new.

    Raises:
        RegionError: when there is no such node, the region does not run, or the node is not Ready in time.
    """
    with region.node_at_work(name) as node:
        node.stop()
        node.forget_containers()
    start_node(region, name)


def stop_region(region: Region) -> None:
    """Cut the power of a region: control plane and nodes at once; disks stay. `start_region` brings all of it back."""
    region.stop()


def start_region(region: Region) -> None:
    """Power a region on; returns when its API server is ready and every node that it had is Ready.

    Raises:
        RegionError: when it does not become ready in time.
    """
    region.start()
    for name in region.node_names():
        start_node(region, name)


def _set_link(region: Region, name: str, state: str) -> None:
    with region.node_at_work(name) as node:
        _check_runs(node.layout)
        namespace = region.layout.network_namespace
        run(["ip", "-netns", namespace, "link", "set", f"node{node.number}", state])


def _set_frozen(region: Region, name: str, *, frozen: bool) -> None:
    with region.node_at_work(name) as node:
        _check_runs(node.layout)
        if frozen:
            control_groups.freeze(node.layout.control_group)
        else:
            control_groups.thaw(node.layout.control_group)


def _check_runs(node: NodeLayout) -> None:
    if not control_groups.processes(node.control_group):
        raise RegionError(f"node {node.name} of region {node.region.name} does not run; start it first")
