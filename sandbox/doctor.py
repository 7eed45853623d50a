"""Looks at the machine before anything is started: each finding is one line that says what is wrong and what to do."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox import toolchain
from sandbox.errors import SandboxError
from sandbox.region.processes import inotify_instances, owned_processes
from sandbox.settings import SandboxSettings

MINIMUM_KERNEL = (5, 10)
MINIMUM_MEMORY_BYTES = 12 * 1024**3
MINIMUM_DISK_BYTES = 20 * 1024**3
ROOTLESS_MEMORY_BYTES = 4 * 1024**3
"""A region without containers takes 0.7 GiB; the Terraform provider and Pulumi as much again."""
ROOTLESS_DISK_BYTES = 3 * 1024**3
NEEDED_INOTIFY_INSTANCES = 46  # a region takes 14, each of its nodes 8; a region has up to four real ones
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
FILE_SYSTEMS = ("overlay", "cgroup", "proc", "tmpfs")


@dataclass(frozen=True)
class Finding:
    """One check's result; `remedy` is empty when all is well."""

    check: str
    found: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be done."""
        return not self.remedy


def examine(settings: SandboxSettings) -> list[Finding]:
    """Run every check; none of them changes anything."""
    checks: tuple[Callable[[SandboxSettings], Finding], ...] = (
        _system, _kernel, _root, _memory, _disk, _file_systems, _control_groups, _inotify,
    )  # fmt: skip
    if settings.rootless:
        checks = (_system, _user, _memory, _disk, _etcd)
    return [check(settings) for check in checks]


def _system(_: SandboxSettings) -> Finding:
    found = f"{platform.system()} {platform.machine()}"
    wanted = platform.system() == "Linux" and platform.machine() == "x86_64"
    return Finding("system", found, "" if wanted else "run the sandbox on Linux on x86_64: regions are real containers")


def _kernel(_: SandboxSettings) -> Finding:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    remedy = "" if numbers >= MINIMUM_KERNEL else f"use a kernel of at least {'.'.join(map(str, MINIMUM_KERNEL))}"
    return Finding("kernel", release, remedy)


def _root(_: SandboxSettings) -> Finding:
    remedy = "run as root: network namespaces and containers need it; `up --rootless` needs neither, nor root"
    return Finding("user", _user_name(), "" if os.geteuid() == 0 else remedy)


def _user(_: SandboxSettings) -> Finding:
    return Finding("user", f"{_user_name()} (root is not needed)")


def _user_name() -> str:
    return "root" if os.geteuid() == 0 else f"user id {os.geteuid()}"


def _etcd(_: SandboxSettings) -> Finding:
    try:
        return Finding("etcd", str(toolchain.binary("etcd")))
    except SandboxError:
        remedy = "have it installed (Debian: apt-get install etcd-server), or put etcd 3.4 or newer on PATH"
        return Finding("etcd", "not installed", remedy)


def _memory(settings: SandboxSettings) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = ROOTLESS_MEMORY_BYTES if settings.rootless else MINIMUM_MEMORY_BYTES
    remedy = "" if total >= limit else f"use a machine with at least {limit / 1024**3:.0f} GiB of memory"
    return Finding("memory", f"{total / 1024**3:.1f} GiB", remedy)


def _disk(settings: SandboxSettings) -> Finding:
    places = {"state": settings.state, "cache": settings.cache}
    free = {}
    for name, place in places.items():
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        free[name] = shutil.disk_usage(existing).free
    limit = ROOTLESS_DISK_BYTES if settings.rootless else MINIMUM_DISK_BYTES
    short = [name for name, size in free.items() if size < limit]
    remedy = ""
    if short:
        variables = {"state": "SANDBOX_STATE", "cache": "LANGUAGE_MODEL_CLUSTERS_CACHE"}
        where = " and ".join(f"{places[name]} (moved by {variables[name]})" for name in short)
        remedy = f"free at least {limit / 1024**3:.0f} GiB for {where}"
    return Finding("disk", ", ".join(f"{name} {size / 1024**3:.0f} GiB free" for name, size in free.items()), remedy)


def _file_systems(_: SandboxSettings) -> Finding:
    known = Path("/proc/filesystems").read_text().split()
    missing = [name for name in FILE_SYSTEMS if name not in known]
    remedy = f"load or build into the kernel: {', '.join(missing)}" if missing else ""
    return Finding("kernel file systems", "all there" if not missing else f"missing {', '.join(missing)}", remedy)


def _control_groups(_: SandboxSettings) -> Finding:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    has_memory = any(fields[2] == "cgroup" and "memory" in fields[3].split(",") for fields in mounts)
    if has_memory:
        return Finding("control groups", "version 1")
    unified = any(fields[2] == "cgroup2" for fields in mounts)
    if unified:
        return Finding("control groups", "version 2")
    return Finding("control groups", "none mounted", "mount cgroup2 on /sys/fs/cgroup")


def _inotify(settings: SandboxSettings) -> Finding:
    """What other programs have left: without, a kubelet ends seconds after its start, and its node never comes."""
    limit = int(INOTIFY_INSTANCES.read_text())
    ours = owned_processes(lambda owner: owner.startswith(settings.addresses.prefix))
    free = limit - inotify_instances(leaving_out=ours)
    remedy = ""
    if free < NEEDED_INOTIFY_INSTANCES:
        remedy = (
            f"a region takes {NEEDED_INOTIFY_INSTANCES}: stop other sandboxes, or allow more: "
            "sysctl -w fs.inotify.max_user_instances=1024"
        )
    return Finding("inotify instances", f"{free} of {limit} free for this sandbox", remedy)
