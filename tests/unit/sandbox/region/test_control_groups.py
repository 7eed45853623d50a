"""Which control group hierarchies are found; the groups themselves are made in tests/sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.region.control_groups import parse_hierarchies
from sandbox.region.errors import RegionError

VERSION_1 = """\
27 1 254:0 / / rw - ext4 /dev/vda rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw shared:5 - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
"""
VERSION_2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_has_a_root_for_each_hierarchy() -> None:
    found = parse_hierarchies(VERSION_1)
    assert found.version == 1
    assert Path("/sys/fs/cgroup/cpu,cpuacct") in found.roots
    assert Path("/sys/fs/cgroup/systemd") in found.roots
    assert len(found.roots) == 5


def test_version_2_has_one_root() -> None:
    found = parse_hierarchies(VERSION_2)
    assert (found.version, found.roots) == (2, (Path("/sys/fs/cgroup"),))


def test_a_hybrid_machine_is_used_as_version_1() -> None:
    assert parse_hierarchies(VERSION_1 + VERSION_2).version == 1


def test_a_missing_controller_is_named() -> None:
    table = "".join(line for line in VERSION_1.splitlines(keepends=True) if "memory" not in line)
    with pytest.raises(RegionError, match=r"lack memory.*cgroup_enable=memory"):
        parse_hierarchies(table)


def test_a_machine_without_control_groups_is_refused() -> None:
    with pytest.raises(RegionError, match="no control group hierarchy"):
        parse_hierarchies("27 1 254:0 / / rw - ext4 /dev/vda rw\nodd line\n")
