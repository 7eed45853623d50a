"""The size that a node reports: its instance type's, whatever this machine has.

kubelet takes the node's capacity from /sys/devices/system/node and /proc/meminfo. In the node's mount namespace (pods
have a /proc and /sys of their own) those are covered by files that describe the instance type. What the pods get is
this machine's real processors, shared in proportion to their requests.

kubelet would also set a few kernel parameters of the whole machine, which would outlive the sandbox. It finds covers
with the values that it wants instead, and the machine's own stay as they are.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

MEMORY_INFORMATION = Path("/proc/meminfo")
KERNEL_PARAMETERS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
"""What kubelet 1.34 sets (setupKernelTunables in pkg/kubelet/cm/container_manager_linux.go)."""
ONLINE_PROCESSORS = Path("/sys/devices/system/cpu/online")


def covers(directory: Path, number: int, cores: int, memory_mebibytes: int) -> list[tuple[Path, str]]:
    """Write the description into a directory; (file or directory, path that it covers) for the mount namespace.

    Args:
        directory: where to; emptied first.
        number: the node's number, so that small nodes on a large machine get different processors.
        cores: how many the node reports.
        memory_mebibytes: how much the node reports.
    """
    shutil.rmtree(directory, ignore_errors=True)
    topology = directory / "node" / "node0"
    processors = parse_processors(ONLINE_PROCESSORS.read_text())
    for core, name in enumerate(processor_names(processors, number, cores)):
        cpu = topology / name / "topology"
        cpu.mkdir(parents=True)
        for file, value in {"core_id": core, "physical_package_id": 0, "thread_siblings_list": core}.items():
            (cpu / file).write_text(f"{value}\n")
    (topology / "meminfo").write_text(f"Node 0 MemTotal: {memory_mebibytes * 1024} kB\n")
    (topology / "distance").write_text("10\n")
    (topology / "hugepages").mkdir()
    (directory / "meminfo").write_text(render_memory(MEMORY_INFORMATION.read_text(), memory_mebibytes))
    found = [(directory / "node", "/sys/devices/system/node"), (directory / "meminfo", str(MEMORY_INFORMATION))]
    for parameter, value in KERNEL_PARAMETERS.items():
        cover, real = directory / parameter.replace("/", "."), Path("/proc/sys", parameter)
        cover.write_text(f"{value}\n")
        if real.exists():
            found.append((cover, str(real)))
    return found


def parse_processors(text: str) -> list[int]:
    """Processor numbers of the kernel's list format, such as "0-1,4"."""
    found: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def processor_names(real: list[int], number: int, cores: int) -> list[str]:
    """Names of a node's processor directories.

    kubelet counts directories, and writes the numbers in their names into the pods' cpuset, where only real processors
    may be: so "cpu0", "cpu1", "cpu00", "cpu01" are four processors that are two.
    """
    start = number * cores
    names = []
    for core in range(cores):
        repetition = core // len(real)
        names.append("cpu" + "0" * repetition + str(real[(start + core) % len(real)]))
    return names


def render_memory(real: str, memory_mebibytes: int) -> str:
    """/proc/meminfo with another total and no swap."""
    text = re.sub(r"(?m)^MemTotal:.*$", f"MemTotal: {memory_mebibytes * 1024:>15} kB", real)
    return re.sub(r"(?m)^Swap(Total|Free):.*$", r"Swap\1:              0 kB", text)
