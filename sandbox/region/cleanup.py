"""Undo what a region or a whole sandbox has on the host, by name alone, and list what is left."""

from __future__ import annotations

from pathlib import Path

from sandbox.addresses import Addresses
from sandbox.region import control_groups, mounts, network, processes
from sandbox.region.commands import remove_tree, run
from sandbox.region.errors import RegionError
from sandbox.region.layout import NETWORK_NAMESPACES, RUNTIME_DIRECTORY, RegionLayout


def clear_region(layout: RegionLayout) -> None:
    """Kill a region's processes and remove its mounts, control groups, namespaces and interfaces; state stays.

    Raises:
        RegionError: when something cannot be removed; it names what.
    """
    name = layout.full_name
    _clear(
        names=lambda candidate: candidate == name or candidate.startswith(f"{name}/"),
        namespaces=[
            found
            for found in network.namespaces_with_prefix(name)
            if found == name or found in {layout.node(node).network_namespace for node in _node_names(layout)}
        ],
        groups=[name],
        runtimes=[layout.runtime],
        state=layout.state,
    )
    # A namespace takes its links along, but at a time of its own, and the region may be started again before.
    network.remove_interface(layout.host_interface)
    network.remove_interface(layout.exchange_interface)


def sweep(addresses: Addresses, state: Path) -> None:
    """Remove every trace of a sandbox from the host: regions, template builders, interfaces; files of state stay.

    Works by names alone, so also when state files are missing, and after a kill -9 of anything.

    Raises:
        RegionError: when something cannot be removed; it names what.
    """
    prefix = addresses.prefix
    _clear(
        names=lambda candidate: candidate.startswith(prefix),
        namespaces=network.namespaces_with_prefix(prefix),
        groups=control_groups.with_prefix(prefix),
        runtimes=_runtimes(prefix),
        state=state,
    )
    for interface in network.interfaces_with_prefix(prefix):
        network.remove_interface(interface)


def leftovers(addresses: Addresses, state: Path) -> list[str]:
    """What of a sandbox is on the host now, one line a thing; empty after a clean stop."""
    prefix = addresses.prefix
    found = [f"interface {name}" for name in network.interfaces_with_prefix(prefix)]
    found += [f"network namespace {name}" for name in network.namespaces_with_prefix(prefix)]
    found += [f"mount {path}" for path in mounts.mounts_below(*_mount_roots(prefix, state))]
    found += [f"control group {name}" for name in control_groups.with_prefix(prefix)]
    found += [f"runtime directory {path}" for path in _runtimes(prefix)]
    found += [f"host firewall {line}" for line in _firewall_lines() if prefix in line]
    for pid in sorted(processes.owned_processes(lambda owner: owner.startswith(prefix))):
        found.append(f"process {pid} {_command(pid)}")
    return found


def _clear(
    names: processes.OwnerTest, namespaces: list[str], groups: list[str], runtimes: list[Path], state: Path
) -> None:
    def find() -> set[int]:
        pids = processes.owned_processes(names)
        for group in groups:
            pids |= {pid for pid in control_groups.processes(group) if processes.start_time(pid) is not None}
        for namespace in namespaces:
            pids |= processes.namespace_processes(namespace)
        return pids

    for group in groups:
        control_groups.thaw(group)
    processes.kill_all(find, ", ".join(groups) or "the sandbox")
    mounts.unmount_below(*runtimes, state)
    for namespace in namespaces:
        network.remove_namespace(namespace)
    for group in groups:
        control_groups.remove(group)
    for runtime in runtimes:
        remove_tree(runtime)


def _node_names(layout: RegionLayout) -> set[str]:
    """Names of nodes, from the state and from what is on the host."""
    found = {entry.name for entry in layout.nodes.iterdir()} if layout.nodes.is_dir() else set()
    if layout.runtime.is_dir():
        found |= {
            entry.name.removeprefix("node-") for entry in layout.runtime.iterdir() if entry.name.startswith("node-")
        }
    return found


def _runtimes(prefix: str) -> list[Path]:
    return sorted(entry for entry in RUNTIME_DIRECTORY.iterdir() if entry.name.startswith(prefix))


def _mount_roots(prefix: str, state: Path) -> list[Path]:
    return [*_runtimes(prefix), state, *(NETWORK_NAMESPACES / name for name in network.namespaces_with_prefix(prefix))]


def _firewall_lines() -> list[str]:
    """The host's firewall rules; none where there is no such program. Regions make none there."""
    try:
        return run(["iptables-save"]).splitlines()
    except RegionError:
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return "(ended)"
