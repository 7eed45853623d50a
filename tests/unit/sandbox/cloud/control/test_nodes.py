"""What the control endpoints say of real and simulated nodes, and take for a region's number of real ones."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud.control.nodes import describe_nodes, set_real_nodes
from sandbox.commands.nodes import render


def test_each_node_tells_whether_it_is_simulated(world: Any) -> None:
    cluster, vswitch = world.cluster()
    set_real_nodes(world.cloud, {"region": "cn-hangzhou", "real_nodes": 1})
    group = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": [vswitch], "desired_size": 2}
    body = {"nodepool_info": {"name": "cpu"}, "scaling_group": group}
    world.roa("POST", f"/clusters/{cluster}/nodepools", body)
    world.settle()
    found = describe_nodes(world.cloud)
    (region,) = found["regions"]
    assert (region["region"], region["real_nodes"]) == ("cn-hangzhou", 1)
    assert [node["simulated"] for node in region["nodes"]] == [False, True]
    shown = render(found)
    assert "cn-hangzhou: 1 real nodes of at most 1, 1 simulated" in shown
    assert "simulated Ready" in shown


def test_a_region_keeps_its_number_before_it_has_a_cluster(world: Any) -> None:
    found = set_real_nodes(world.cloud, {"region": "cn-shanghai", "real_nodes": 0})
    assert found["regions"] == [{"region": "cn-shanghai", "real_nodes": 0, "nodes": []}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"region": "nowhere", "real_nodes": 1}, "There is no region 'nowhere'"),
        ({"real_nodes": 1}, "There is no region None"),
        ({"region": ["cn-hangzhou"], "real_nodes": 1}, "There is no region"),
        ({"region": "cn-hangzhou", "real_nodes": 191}, "from 0 to 190"),
        ({"region": "cn-hangzhou"}, "from 0 to 190"),
        ({"region": "cn-hangzhou", "real_nodes": True}, "from 0 to 190"),
    ],
)
def test_a_wrong_number_or_region_is_refused_with_what_there_is(world: Any, body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        set_real_nodes(world.cloud, body)


def test_a_cloud_without_root_has_no_real_node(world: Any) -> None:
    world.cloud.operations.planner.limits.can_be_real = False
    with pytest.raises(ValueError, match="simulated nodes only"):
        set_real_nodes(world.cloud, {"region": "cn-hangzhou", "real_nodes": 1})
    set_real_nodes(world.cloud, {"region": "cn-hangzhou", "real_nodes": 0})
