"""Control groups of a region and its nodes, in version 1 (a hierarchy a controller) and version 2 (one hierarchy).

Version 1 is what this was built and measured on; kubelet needs `failCgroupV1: false` there. Version 2 takes the same
path (kubelet's "cgroupfs" driver, all processes in leaves). A machine with some controllers on each side ("hybrid") is
used as version 1, as runc does. Below a region's group are `control-plane`, and for each node `node-<name>/daemons`
beside kubelet's `node-<name>/kubepods`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.region.errors import RegionError

MOUNT_TABLE = Path("/proc/self/mountinfo")
NEEDED_CONTROLLERS = frozenset({"cpu", "cpuset", "memory", "pids"})
REMOVAL_SECONDS = 10.0


@dataclass(frozen=True)
class Hierarchies:
    """Where the machine's control groups are."""

    version: int
    roots: tuple[Path, ...]


def parse_hierarchies(mount_table: str) -> Hierarchies:
    """Find the mounted hierarchies.

    Args:
        mount_table: the text of /proc/self/mountinfo.

    Raises:
        RegionError: when none is mounted, or a controller that kubelet needs is missing.
    """
    version1: dict[Path, set[str]] = {}
    version2: list[Path] = []
    for line in mount_table.splitlines():
        before, _, after = line.partition(" - ")
        fields, filesystem = before.split(), after.split()
        if len(fields) < 5 or len(filesystem) < 3:
            continue
        mount_point = Path(fields[4])
        if filesystem[0] == "cgroup":
            version1[mount_point] = set(filesystem[2].split(","))
        elif filesystem[0] == "cgroup2":
            version2.append(mount_point)
    if version1:
        present = set[str]().union(*version1.values())
        missing = sorted(NEEDED_CONTROLLERS - present)
        if missing:
            raise RegionError(
                f"this machine's control groups lack {', '.join(missing)}, which kubelet needs; "
                "boot the kernel with them (for memory: cgroup_enable=memory)"
            )
        return Hierarchies(1, tuple(version1))
    if version2:
        return Hierarchies(2, (version2[0],))
    raise RegionError("no control group hierarchy is mounted at /sys/fs/cgroup; mount cgroup2 there as root")


def hierarchies() -> Hierarchies:
    """The machine's hierarchies."""
    return parse_hierarchies(MOUNT_TABLE.read_text())


def create(group: str) -> list[Path]:
    """Make a group (a path relative to the roots) with its parents; its directories, one a hierarchy."""
    found = hierarchies()
    directories = []
    for root in found.roots:
        directory = root
        for part in group.split("/"):
            if found.version == 2:
                _delegate(directory)
            directory = directory / part
            directory.mkdir(exist_ok=True)
            _copy_processors(directory)
        directories.append(directory)
    return directories


def processes(group: str) -> set[int]:
    """Process ids in a group and below it, in any hierarchy."""
    found: set[int] = set()
    for root in hierarchies().roots:
        for directory, _, _ in os.walk(root / group):
            try:
                text = Path(directory, "cgroup.procs").read_text()
            except OSError:  # removed while we walked
                continue
            found.update(int(line) for line in text.split())
    return found - {0}


def freeze(group: str) -> None:
    """Pause every process in a group and below it, also those that join later.

    Raises:
        RegionError: when the machine cannot pause groups.
    """
    for root in hierarchies().roots:
        for name, value in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
            file = root / group / name
            if file.exists():
                file.write_text(value)
                return
    raise RegionError(f"control group {group} cannot be paused: the machine mounts no freezer; boot the kernel with it")


def thaw(group: str) -> None:
    """Let frozen (paused) processes run, so that a kill reaches them."""
    for root in hierarchies().roots:
        for directory, _, files in os.walk(root / group):
            for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if name in files:
                    try:
                        Path(directory, name).write_text(value)
                    except OSError:  # removed while we walked
                        continue


def remove(group: str) -> None:
    """Remove a group and all below it; its processes must be dead.

    Raises:
        RegionError: when a group is still in use after a few seconds.
    """
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        remaining = existing(group)
        for root in remaining:
            for directory, _, _ in os.walk(root, topdown=False):
                try:
                    Path(directory).rmdir()
                except OSError:  # busy until its last process is reaped
                    continue
        remaining = existing(group)
        if not remaining:
            return
        if time.monotonic() > deadline:
            raise RegionError(f"control group {remaining[0]} is still in use by processes {sorted(processes(group))}")
        time.sleep(0.05)


def existing(group: str) -> list[Path]:
    """The group's directories that exist."""
    return [root / group for root in hierarchies().roots if (root / group).is_dir()]


def with_prefix(prefix: str) -> list[str]:
    """Names of groups at the roots that start so."""
    names = {entry.name for root in hierarchies().roots for entry in root.iterdir() if entry.name.startswith(prefix)}
    return sorted(names)


def _copy_processors(directory: Path) -> None:
    """A new group of version 1's cpuset has no processor and no memory node, and takes no process until it has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        own = directory / name
        parent = directory.parent / name
        if own.exists() and parent.exists() and not own.read_text().strip() and parent.read_text().strip():
            own.write_text(parent.read_text())


def _delegate(directory: Path) -> None:
    """Version 2: let the directory's children use the controllers that it has."""
    available = set((directory / "cgroup.controllers").read_text().split())
    enabled = set((directory / "cgroup.subtree_control").read_text().split())
    wanted = sorted(available - enabled)
    if not wanted:
        return
    try:
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in wanted))
    except OSError as error:
        raise RegionError(
            f"{directory} does not pass {', '.join(wanted)} on to its children ({error.strerror}): "
            "the sandbox needs the machine's root control group, or one delegated whole and free of processes"
        ) from error
