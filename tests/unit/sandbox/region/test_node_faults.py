"""Faults are done to nodes that exist and run; the faults themselves are in tests/sandbox/test_network_policy.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.region import NodeSpec, Region, RegionError, control_groups, node_faults
from sandbox.region.control_groups import Hierarchies
from sandbox.region.node import NodeRecord
from sandbox.settings import SandboxSettings

Fault = Callable[[Region, str], None]
NEEDS_A_RUNNING_NODE: list[Fault] = [
    node_faults.cut_network,
    node_faults.restore_network,
    node_faults.freeze_node,
    node_faults.thaw_node,
    node_faults.fill_disk,
]


@pytest.fixture
def region(settings: SandboxSettings) -> Region:
    made = Region("cn-hangzhou", 0, settings)
    NodeRecord(NodeSpec("known"), 0).write(made.layout.node("known"))
    return made


@pytest.mark.parametrize(
    "fault", [*NEEDS_A_RUNNING_NODE, node_faults.stop_node, node_faults.start_node, node_faults.free_disk]
)
def test_a_node_that_is_not_there_is_named_with_those_that_are(region: Region, fault: Fault) -> None:
    with pytest.raises(RegionError, match=r"no real node absent; it has \['known'\]"):
        fault(region, "absent")


@pytest.mark.parametrize("fault", NEEDS_A_RUNNING_NODE)
def test_a_node_without_power_has_no_other_fault(
    region: Region, fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_groups, "hierarchies", lambda: Hierarchies(2, (tmp_path / "groups",)))
    with pytest.raises(RegionError, match="node known of region cn-hangzhou does not run; start it first"):
        fault(region, "known")


@pytest.mark.parametrize(
    ("version", "file", "frozen", "thawed"), [(1, "freezer.state", "FROZEN", "THAWED"), (2, "cgroup.freeze", "1", "0")]
)
def test_a_group_is_paused_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, file: str, frozen: str, thawed: str
) -> None:
    monkeypatch.setattr(control_groups, "hierarchies", lambda: Hierarchies(version, (tmp_path,)))
    state = tmp_path / "node" / file
    with pytest.raises(RegionError, match="no freezer"):
        control_groups.freeze("node")
    state.parent.mkdir()
    state.write_text(thawed)
    control_groups.freeze("node")
    assert state.read_text() == frozen
    control_groups.thaw("node")
    assert state.read_text() == thawed
