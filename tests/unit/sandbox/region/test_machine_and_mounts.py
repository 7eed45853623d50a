"""The size that a node shows to its kubelet, and which mounts its namespace starts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.region import machine, mounts
from sandbox.region.control_groups import MOUNT_TABLE

TABLE = r"""
27 1 254:0 / / rw,relatime - overlay overlay rw
30 27 0:4 net:[4026532000] /run/netns/other rw - nsfs nsfs rw
31 27 0:40 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
32 27 0:41 / /run/lmc3-cn-hangzhou/node-a/pins rw - ext4 /dev/vda rw
33 27 0:42 / /home/a\040b rw - ext4 /dev/vdb rw
""".strip()


@pytest.mark.parametrize(
    ("text", "expected"), [("0\n", [0]), ("0-3\n", [0, 1, 2, 3]), ("0-1,4,6-7\n", [0, 1, 4, 6, 7])]
)
def test_the_kernels_list_of_processors_is_read(text: str, expected: list[int]) -> None:
    assert machine.parse_processors(text) == expected


def test_more_processors_than_real_ones_repeat_real_numbers_under_other_names() -> None:
    assert machine.processor_names([0, 1], 0, 5) == ["cpu0", "cpu1", "cpu00", "cpu01", "cpu000"]


def test_small_nodes_on_a_large_machine_get_different_processors() -> None:
    real = list(range(8))
    assert machine.processor_names(real, 0, 2) == ["cpu0", "cpu1"]
    assert machine.processor_names(real, 1, 2) == ["cpu2", "cpu3"]
    assert machine.processor_names(real, 4, 2) == ["cpu0", "cpu1"]


@pytest.mark.parametrize("cores", [1, 2, 7, 64])
@pytest.mark.parametrize("number", [0, 1, 13])
def test_every_node_has_as_many_distinct_directories_as_processors(cores: int, number: int) -> None:
    names = machine.processor_names([0, 1, 4], number, cores)
    assert len(set(names)) == cores
    assert {int(name.removeprefix("cpu")) for name in names} <= {0, 1, 4}


def test_memory_information_has_the_asked_total_and_no_swap() -> None:
    text = machine.render_memory("MemTotal: 100 kB\nMemFree: 50 kB\nSwapTotal: 9 kB\nSwapFree: 8 kB\n", 2048)
    fields = {line.split(":")[0]: line.split()[1] for line in text.splitlines()}
    assert fields == {"MemTotal": "2097152", "MemFree": "50", "SwapTotal": "0", "SwapFree": "0"}


def test_the_description_of_a_machine_is_written_anew_each_time(tmp_path: Path) -> None:
    machine.covers(tmp_path / "machine", 0, 8, 1024)
    covers = machine.covers(tmp_path / "machine", 0, 2, 1024)
    assert {target for _, target in covers} >= {"/sys/devices/system/node", "/proc/meminfo", "/proc/sys/kernel/panic"}
    assert len(list((tmp_path / "machine" / "node" / "node0").glob("cpu*"))) == 2


def test_mount_points_are_read_with_their_escapes() -> None:
    assert ("/home/a b", "ext4") in mounts.mount_points(TABLE)


def test_a_node_keeps_no_others_containers_and_namespaces_alive_but_its_own_root() -> None:
    assert mounts.foreign_mounts(TABLE) == [
        "/run/netns/other",
        "/var/lib/docker/overlay2/x/merged",
        "/run/lmc3-cn-hangzhou/node-a/pins",
    ]


def test_this_machines_own_table_is_read() -> None:
    assert "/" in [path for path, _ in mounts.mount_points(MOUNT_TABLE.read_text())]
    assert mounts.mounts_below(Path("/nowhere-at-all")) == []
