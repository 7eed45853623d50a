"""A node's mount namespace, and the mounts that a region can leave on the host.

Each node has a mount namespace of its own, in which the fixed paths of kubelet, containerd and CNI are the node's own
directories. Every volume and every container's root is mounted there and nowhere else, so all of them vanish with the
node's last process; on the host only the pin that holds the namespace remains to be unmounted.
"""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.region.commands import run, succeeds
from sandbox.region.control_groups import MOUNT_TABLE
from sandbox.region.errors import RegionError
from sandbox.region.layout import NETWORK_NAMESPACES, RUNTIME_DIRECTORY, NodeLayout

_FOREIGN = ("nsfs", "overlay")

_SETUP = """
mount --make-rshared /
while [ "$1" != -- ]; do umount --lazy "$1" 2>/dev/null || true; shift; done
shift
while [ $# -gt 0 ]; do if [ -d "$1" ]; then mkdir -p "$2"; fi; mount --bind "$1" "$2"; shift 2; done
"""


def mount_points(table: str) -> list[tuple[str, str]]:
    """(mount point, file system type) of each line of /proc/self/mountinfo, in order of mounting."""
    found = []
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        path = before.split()[4].encode().decode("unicode_escape")
        found.append((path, after.split()[0]))
    return found


def foreign_mounts(table: str) -> list[str]:
    """Mounts that a node's namespace must not keep alive: others' containers and network namespaces."""
    ours = (f"{NETWORK_NAMESPACES}/", f"{RUNTIME_DIRECTORY}/lmc")
    return [path for path, kind in mount_points(table) if path != "/" and (kind in _FOREIGN or path.startswith(ours))]


def node_directories(node: NodeLayout) -> list[tuple[Path, str]]:
    """The node's directory and the fixed path at which its processes see it."""
    state, runtime = node.state, node.runtime
    return [
        (state / "kubelet", "/var/lib/kubelet"),
        (state / "logs" / "pods", "/var/log/pods"),
        (state / "logs" / "containers", "/var/log/containers"),
        (runtime / "containerd", "/run/containerd"),
        (runtime / "network-namespaces", "/run/netns"),
        (runtime / "cni", "/var/lib/cni"),
    ]


def create_mount_namespace(node: NodeLayout, covers: list[tuple[Path, str]]) -> None:
    """Make the node's mount namespace and pin it.

    Args:
        node: whose.
        covers: (file or directory, path that it shall cover), beside the node's directories.
    """
    pins = node.mount_namespace.parent
    pins.mkdir(parents=True, exist_ok=True)
    # The kernel takes a pin only where mounts do not spread to other namespaces.
    run(["mount", "--bind", str(pins), str(pins)])
    run(["mount", "--make-private", str(pins)])
    node.mount_namespace.touch()
    directories = node_directories(node)
    for source, _ in directories:
        source.mkdir(parents=True, exist_ok=True)
    pairs = [part for source, target in [*directories, *covers] for part in (str(source), target)]
    foreign = [path for path in foreign_mounts(MOUNT_TABLE.read_text()) if path != str(pins)]
    run(
        [
            *["unshare", f"--mount={node.mount_namespace}", "--propagation", "slave"],
            *["sh", "-e", "-c", _SETUP, "setup", *foreign, "--", *pairs],
        ]
    )


def mounts_below(*directories: Path) -> list[str]:
    """The host's mounts at or below these directories, deepest and latest first."""
    roots = [os.path.realpath(directory) for directory in directories]
    found = [
        path
        for path, _ in mount_points(MOUNT_TABLE.read_text())
        if any(path == root or path.startswith(f"{root}/") for root in roots)
    ]
    return found[::-1]


def unmount_below(*directories: Path) -> None:
    """Unmount all that is mounted at or below these directories.

    Raises:
        RegionError: when a mount stays.
    """
    for _ in range(5):
        found = mounts_below(*directories)
        if not found:
            return
        for path in found:
            succeeds(["umount", "--lazy", path])
    if mounts_below(*directories):
        raise RegionError(f"{mounts_below(*directories)[0]} cannot be unmounted; try `umount --lazy` on it as root")
