"""An autoscaler over a simulated cloud and an API server in memory; a real cluster is scaled in tests/sandbox."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from sandbox.cloud.controllers.autoscaling.autoscaler import Autoscaler
from sandbox.cloud.controllers.autoscaling.marks import CANDIDATE, LEAVING
from tests.unit.sandbox.cloud.kubernetes_objects import FakeApi, node, pod, volume

GPU = {"requests": {"nvidia.com/gpu": "1"}}
MINUTES = datetime.timedelta(minutes=1)


class Play:
    """A cluster with an autoscaled pool of GPU nodes, and its autoscaler."""

    def __init__(self, world: Any, lowest: int = 0, highest: int = 2) -> None:
        self.world, self.api = world, FakeApi()
        self.cluster, vswitch = world.cluster()
        group = {"instance_types": ["ecs.gn6i-c4g1.xlarge"], "vswitch_ids": [vswitch]}
        body = {
            "nodepool_info": {"name": "gpu"},
            "scaling_group": group,
            "auto_scaling": {"enable": True, "min_instances": lowest, "max_instances": highest},
        }
        self.path = f"/clusters/{self.cluster}/nodepools"
        self.pool = world.roa("POST", self.path, body)["nodepool_id"]
        cloud = world.cloud
        self.autoscaler = Autoscaler(self.cluster, cloud.context, cloud.operations.clusters, cloud.operations)
        self.settle()

    def settle(self) -> None:
        """Let the cloud end what it does, and show its nodes as the API server would."""
        self.world.settle()
        present = {item["metadata"]["name"]: item for item in self.api.nodes}
        names = self.world.backends["cn-hangzhou"].node_names()
        self.api.nodes = [present.get(name) or node(name, gpus=1) for name in names]

    def scan(self, minutes: int = 0) -> None:
        self.world.clock.advance(minutes * MINUTES)
        self.autoscaler.scan(self.api)
        self.settle()

    def size(self) -> int:
        found = self.world.roa("GET", f"{self.path}/{self.pool}")
        assert "desired_size" not in found["scaling_group"]
        return int(found["status"]["total_nodes"])

    def taints(self) -> list[str]:
        return [taint["key"] for item in self.api.nodes for taint in item["spec"].get("taints", [])]


@pytest.fixture
def play(world: Any) -> Play:
    return Play(world)


def test_a_pending_pod_brings_a_node_from_zero_and_is_told(play: Play) -> None:
    play.api.pods = [pod("train", **GPU)]
    play.scan()
    play.scan()
    assert play.size() == 1
    (event,) = play.api.events
    assert (event["reason"], event["involvedObject"]["name"]) == ("TriggeredScaleUp", "train")
    assert "0->1 (max: 2)" in event["message"]


def test_a_pod_that_no_pool_has_room_for_is_told_once(play: Play) -> None:
    play.api.pods = [pod("train", requests={"cpu": "64"})]
    play.scan()
    play.scan()
    assert play.size() == 0
    assert play.api.reasons() == ["NotTriggerScaleUp"]
    assert play.api.events[0]["message"] == "pod didn't trigger scale-up: 1 Insufficient cpu"


@pytest.mark.parametrize(("zone", "size"), [("cn-hangzhou-h", 1), ("cn-hangzhou-i", 0)])
def test_a_pod_with_a_disk_brings_a_node_only_where_the_disk_is(play: Play, zone: str, size: int) -> None:
    mounted = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    play.api.volumes = [volume("d-1", zone=zone), volume("d-2", zone="cn-hangzhou-k")]
    play.api.volumes[1]["spec"]["claimRef"]["name"] = "another"
    play.api.pods = [pod("train", volumes=mounted, **GPU)]
    play.scan()
    assert play.size() == size
    assert play.api.reasons() == ["TriggeredScaleUp" if size else "NotTriggerScaleUp"]


def test_a_cluster_without_pools_that_scale_costs_no_call(world: Any) -> None:
    cluster, _ = world.cluster()
    api = FakeApi()
    Autoscaler(cluster, world.cloud.context, world.cloud.operations.clusters, world.cloud.operations).scan(api)
    assert api.calls == 0


def test_an_idle_node_goes_after_its_time_and_not_before(play: Play) -> None:
    play.api.pods = [pod("train", **GPU)]
    play.scan()
    play.api.pods = []
    play.scan(minutes=5)
    assert play.taints() == [CANDIDATE]
    play.scan(minutes=9)
    assert play.size() == 1
    play.scan(minutes=1)
    assert play.size() == 0
    assert play.api.reasons()[1:] == ["ScaleDown"]


def test_a_node_that_is_needed_again_is_idle_anew(play: Play) -> None:
    play.api.pods = [pod("train", **GPU)]
    play.scan()
    (name,) = [item["metadata"]["name"] for item in play.api.nodes]
    play.api.pods = []
    play.scan(minutes=11)
    play.api.pods = [pod("train", name, **GPU)]
    play.scan(minutes=9)
    assert play.taints() == []
    play.api.pods = []
    play.scan(minutes=9)
    play.scan(minutes=9)
    assert play.size() == 1


def test_a_pool_keeps_its_minimum(world: Any) -> None:
    play = Play(world, lowest=1)
    play.scan()
    play.scan(minutes=100)
    assert play.size() == 1


def test_nodes_stay_while_scaling_down_is_off(play: Play) -> None:
    settings = {"scale_down_enabled": False}
    play.world.roa("POST", f"/cluster/{play.cluster}/autoscale/config/", settings)
    play.api.pods = [pod("train", **GPU)]
    play.scan()
    play.api.pods = []
    play.scan()
    play.scan(minutes=100)
    assert play.size() == 1


def two_nodes(play: Play) -> str:
    """Two nodes, of which the returned one has a small pod that fits on the other."""
    play.api.pods = [pod("a", **GPU), pod("b", **GPU)]
    play.scan()
    first, second = (item["metadata"]["name"] for item in play.api.nodes)
    play.api.pods = [pod("big", second, requests={"cpu": "3"}), pod("small", first)]
    return str(first)


def test_pods_are_evicted_before_their_node_goes(play: Play) -> None:
    name = two_nodes(play)
    play.scan(minutes=1)
    play.scan(minutes=10)
    assert play.api.evicted == ["small"]
    assert LEAVING in play.taints()
    play.scan()
    assert name not in [item["metadata"]["name"] for item in play.api.nodes]


def test_a_pod_that_may_not_be_evicted_keeps_its_node(play: Play) -> None:
    two_nodes(play)
    play.api.refuses_evictions = True
    play.scan(minutes=1)
    play.scan(minutes=10)
    assert (play.size(), play.taints()) == (2, [])
    assert not any(item["spec"].get("unschedulable") for item in play.api.nodes)
    assert "ScaleDownFailed" in play.api.reasons()


def test_growth_goes_on_with_simulated_nodes_past_the_limit_of_real_ones(world: Any) -> None:
    play = Play(world, highest=9)
    play.api.pods = [pod(str(number), **GPU) for number in range(6)]
    play.scan()
    assert play.size() == 6
    found = world.backends["cn-hangzhou"].nodes.values()
    assert sorted(spec.simulated for spec in found if spec.simulated is not None) == [0, 1]


def test_growth_ends_at_the_largest_cluster(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.cloud.cs.nodes.LARGEST_CLUSTER", 3)
    play = Play(world, highest=9)
    play.api.pods = [pod(str(number), **GPU) for number in range(6)]
    play.scan()
    assert play.size() == 3
    assert "region's limit of nodes reached" in str(play.api.events)


def test_a_pool_whose_node_does_not_come_up_rests(play: Play) -> None:
    backend = play.world.backends["cn-hangzhou"]
    add, backend.add_node = backend.add_node, refuse
    play.api.pods = [pod("train", **GPU)]
    play.scan()
    assert play.size() == 0
    backend.add_node = add
    play.scan()
    assert "in backoff after failed scale-up" in play.api.events[-1]["message"]
    play.scan(minutes=6)
    assert play.size() == 1


def refuse(spec: Any) -> None:
    raise RuntimeError("no memory")


def test_a_node_that_is_removed_leaves_growth_that_is_on_its_way(world: Any) -> None:
    play = Play(world, lowest=2, highest=4)
    operations = world.cloud.operations
    name = operations.clusters.nodes_of(play.pool)[0].name
    operations.clusters.update_pool(play.pool, size=4)
    operations.remove_node(name)
    assert operations.clusters.pools.get(play.pool).size == 3


def test_the_settings_are_shown_as_the_component_and_kept_as_written(world: Any) -> None:
    cluster, _ = world.cluster()
    path = f"/clusters/{cluster}/addon_instances/cluster-autoscaler"
    assert world.roa.send("GET", path).status == 404
    settings = {
        "cool_down_duration": "60m",
        "unneeded_duration": "5m",
        "utilization_threshold": "0.60",
        "expander": "priority",
        "priorities": {"10": ["asg-a"]},
        "min_replica_count": 1,
        "scaler_type": "cluster-autoscaler",
    }
    world.roa("POST", f"/cluster/{cluster}/autoscale/config/", settings)
    world.roa("POST", f"/cluster/{cluster}/autoscale/config/", {"scale_down_enabled": False})
    config = json.loads(world.roa("GET", path)["config"])
    assert (config["ScaleDownUnneededTime"], config["ScaleDownDelayAfterAdd"]) == ("60m", "5m")
    assert (config["ScaleDownUtilizationThreshold"], config["ScanInterval"]) == ("0.60", "30s")
    assert (config["Expander"], config["MinReplicaCount"], config["ScaleDownEnabled"]) == ("priority", 1, False)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cool_down_duration": "soon"}, "such as 10m"),
        ({"scan_interval": "0s"}, "above 0"),
        ({"utilization_threshold": "1.5"}, "between 0 and 1"),
        ({"priorities": {"0": ["asg-a"]}}, "from 1 to 100"),
        ({"expander": "price"}, "least-waste"),
        ({"scaler_type": "goatscaler"}, "cluster-autoscaler"),
    ],
)
def test_settings_that_cannot_be_are_refused(world: Any, settings: dict[str, Any], word: str) -> None:
    cluster, _ = world.cluster()
    reply = world.roa.send("POST", f"/cluster/{cluster}/autoscale/config/", settings)
    assert reply.status == 400
    assert word in reply.text
