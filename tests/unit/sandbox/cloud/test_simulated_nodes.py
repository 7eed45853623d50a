"""Which of a pool's nodes are real, which are simulated, and which go first; clusters are in memory."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.cloud.cs.node_limits import NodeLimits, checked_real_nodes, real_nodes_for

GIBIBYTE = 1024**3


class Pool:
    """A pool of GPU nodes, in a region that may have four real ones."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.cluster, vswitch = world.cluster()
        group = {"instance_types": ["ecs.gn6i-c4g1.xlarge"], "vswitch_ids": [vswitch], "desired_size": 0}
        taint = {"key": "business", "value": "qa", "effect": "NoSchedule"}
        body = {
            "nodepool_info": {"name": "gpu"},
            "scaling_group": group,
            "kubernetes_config": {"labels": [{"key": "business", "value": "qa"}], "taints": [taint]},
        }
        made = world.roa("POST", f"/clusters/{self.cluster}/nodepools", body)
        self.path = f"/clusters/{self.cluster}/nodepools/{made['nodepool_id']}"

    def resize(self, size: int) -> None:
        self.world.roa("PUT", self.path, {"scaling_group": {"desired_size": size}})
        self.world.settle()

    def kinds(self) -> list[bool]:
        """Whether each node is simulated, oldest first."""
        return [node.simulated for node in self.world.cloud.operations.clusters.nodes.list("cn-hangzhou")]

    def limit(self, real_nodes: int) -> None:
        self.world.cloud.operations.planner.limits.set("cn-hangzhou", real_nodes)


@pytest.fixture
def pool(world: Any) -> Pool:
    return Pool(world)


def test_nodes_are_real_up_to_the_limit_and_simulated_past_it(pool: Pool) -> None:
    pool.resize(6)
    assert pool.kinds() == [False, False, False, False, True, True]


def test_a_simulated_node_is_made_of_the_same_as_a_real_one(pool: Pool) -> None:
    pool.resize(5)
    specs = sorted(pool.world.backends["cn-hangzhou"].nodes.values(), key=lambda spec: spec.simulated is not None)
    real, simulated = specs[0], specs[-1]
    assert (real.simulated, simulated.simulated) == (None, 0)
    assert (simulated.gpus, simulated.cpu_cores, simulated.memory_mebibytes) == (1, 4, 15 * 1024)
    assert simulated.taints == real.taints
    zone = "topology.kubernetes.io/zone"
    assert {**simulated.labels, zone: ""} == {**real.labels, zone: ""}
    assert simulated.name == "cn-hangzhou.198.18.0.1"


def test_a_pool_that_shrinks_loses_its_simulated_nodes_first(pool: Pool) -> None:
    pool.limit(1)
    pool.resize(2)
    pool.limit(3)
    pool.resize(4)
    assert pool.kinds() == [False, True, False, False]
    pool.resize(3)
    assert pool.kinds() == [False, False, False]


def test_addresses_of_simulated_nodes_are_used_again(pool: Pool) -> None:
    pool.limit(0)
    pool.resize(3)
    pool.resize(1)
    pool.resize(2)
    assert sorted(pool.world.backends["cn-hangzhou"].nodes) == ["cn-hangzhou.198.18.0.1", "cn-hangzhou.198.18.0.2"]


def test_simulated_nodes_are_added_in_one_call_and_their_labels_follow_the_pool(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, calls = pool.world.backends["cn-hangzhou"], []
    add = backend.add_simulated_nodes
    monkeypatch.setattr(backend, "add_simulated_nodes", lambda specs: (calls.append(len(specs)), add(specs)))
    pool.limit(0)
    pool.resize(300)
    config = {"labels": [{"key": "business", "value": "chatbot"}]}
    pool.world.roa("PUT", pool.path, {"kubernetes_config": config, "update_nodes": True})
    pool.world.settle()
    assert calls == [300]
    assert {spec.labels["business"] for spec in backend.nodes.values()} == {"chatbot"}


def test_a_restarted_cloud_makes_only_what_is_missing(pool: Pool) -> None:
    pool.limit(0)
    pool.resize(3)
    backend = pool.world.backends["cn-hangzhou"]
    backend.remove_node("cn-hangzhou.198.18.0.2")
    pool.world.cloud.operations.resume()
    pool.world.settle()
    assert len(backend.nodes) == 3


def test_the_status_tells_real_from_simulated_nodes(pool: Pool) -> None:
    pool.resize(6)
    status = pool.world.cloud.status()["services"]["CS"]
    assert len(status["nodes"]) == 4
    assert status["simulated_nodes"] == {"cn-hangzhou": 2}
    assert status["real_nodes_a_region"] == {"cn-hangzhou": 4}


def test_a_limit_that_was_set_for_a_region_outlives_the_cloud(world: Any) -> None:
    store = world.cloud.context.store
    NodeLimits(store, 4).set("cn-shanghai", 0)
    again = NodeLimits(store, 8)
    assert (again.real_nodes("cn-shanghai"), again.real_nodes("cn-hangzhou")) == (0, 8)


@pytest.mark.parametrize(("gibibytes", "nodes"), [(2, 4), (10, 4), (16, 6), (23.4, 9), (24, 10), (48, 16), (512, 16)])
def test_the_default_of_real_nodes_follows_the_machines_memory(gibibytes: float, nodes: int) -> None:
    assert real_nodes_for(int(gibibytes * GIBIBYTE)) == nodes


@pytest.mark.parametrize("value", ["", "many", "-1", "191", "1.5"])
def test_a_wrong_number_of_real_nodes_is_refused_with_its_limits(value: str) -> None:
    with pytest.raises(ValueError, match=r"SANDBOX_MAXIMUM_NODES is .* from 0 to 190"):
        checked_real_nodes(value, "SANDBOX_MAXIMUM_NODES")
