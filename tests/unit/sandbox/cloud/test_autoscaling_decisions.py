"""Which nodes come and go, decided without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.cloud.controllers.autoscaling.growth import Growth, PoolState, decide_growth
from sandbox.cloud.controllers.autoscaling.placement import (
    Machine,
    Room,
    machine_of,
    matches_labels,
    mismatches,
    requests,
)
from sandbox.cloud.controllers.autoscaling.shrinking import (
    SAFE_TO_EVICT,
    SCALE_DOWN_DISABLED,
    Candidate,
    Shrinking,
    ShrinkRules,
    decide_shrinking,
)
from sandbox.cloud.controllers.quantities import quantity
from tests.unit.sandbox.cloud.kubernetes_objects import budget, node, pod

QA = {"key": "business", "value": "qa", "effect": "NoSchedule"}


def pool(name: str, size: int = 0, maximum: int = 3, **changes: Any) -> PoolState:
    machine = machine_of(node(f"next-{name}", **changes))
    return PoolState(name, f"asg-{name}", size, maximum, machine)


def grow(pods: Sequence[Any], pools: Sequence[PoolState], rooms: Sequence[Room] = (), **options: Any) -> Growth:
    return decide_growth(pods, rooms, pools, **options)


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("500m", 500),
        ("2", 2000),
        ("1.5Gi", 1536 * 1024 * 1024 * 1000),
        ("1e3", 1000000),
        ("100n", 1),
        ("3M", 3 * 10**9),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, thousandths: int) -> None:
    assert quantity(text) == thousandths


def test_a_quantity_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'many' is not a Kubernetes quantity"):
        quantity("many")


def test_a_pod_asks_for_its_greatest_step() -> None:
    steps = [
        {"name": "sidecar", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
        {"name": "prepare", "resources": {"requests": {"cpu": "3"}}},
    ]
    asked = requests(pod("a", requests={"cpu": "1"}, initContainers=steps, overhead={"cpu": "10m"}))
    assert asked["cpu"] == 100 + 3000 + 10


def test_limits_of_devices_count_as_requests() -> None:
    made = pod("a")
    made["spec"]["containers"] = [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]
    assert requests(made)["nvidia.com/gpu"] == 1000


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "tier", "operator": "In", "values": ["gpu", "big"]}, True),
        ({"key": "tier", "operator": "NotIn", "values": ["gpu"]}, False),
        ({"key": "tier", "operator": "Exists"}, True),
        ({"key": "tier", "operator": "DoesNotExist"}, False),
        ({"key": "cores", "operator": "Gt", "values": ["3"]}, True),
        ({"key": "cores", "operator": "Lt", "values": ["3"]}, False),
        ({"key": "tier", "operator": "Gt", "values": ["3"]}, False),
    ],
)
def test_required_node_affinity_is_understood(expression: Any, fits: bool) -> None:
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    machine = machine_of(node("a", labels={"tier": "gpu", "cores": "4"}))
    assert (mismatches(pod("p", affinity=affinity), machine) == []) is fits


@pytest.mark.parametrize(
    ("tolerations", "fits"),
    [
        ([], False),
        ([{"operator": "Exists"}], True),
        ([{"key": "business", "operator": "Exists"}], True),
        ([{"key": "business", "value": "qa", "effect": "NoSchedule"}], True),
        ([{"key": "business", "value": "qa", "effect": "NoExecute"}], False),
        ([{"key": "business", "value": "other"}], False),
    ],
)
def test_taints_keep_pods_away_that_do_not_tolerate_them(tolerations: Any, fits: bool) -> None:
    machine = machine_of(node("a", taints=[QA]))
    assert (mismatches(pod("p", tolerations=tolerations), machine) == []) is fits


def test_a_label_selector_that_is_empty_selects_all_and_one_that_is_absent_none() -> None:
    assert matches_labels({}, {"app": "web"})
    assert not matches_labels(None, {"app": "web"})


def test_the_pool_grows_that_has_what_the_pod_asks_for() -> None:
    pools = [pool("cpu"), pool("gpu", gpus=1)]
    growth = grow([pod("train", requests={"nvidia.com/gpu": "1"})], pools)
    assert (dict(growth.added), growth.triggered) == ({"gpu": 1}, {"uid-train": "gpu"})


def test_pods_share_new_nodes_and_the_maximum_holds() -> None:
    pods = [pod(str(number), requests={"cpu": "2"}) for number in range(9)]
    growth = grow(pods, [pool("cpu", maximum=4)])
    assert dict(growth.added) == {"cpu": 4}
    assert list(growth.refused.values()) == [{"max node group size reached": 1}]


def test_nothing_comes_for_a_pod_that_fits_on_a_node_that_is_there_or_on_its_way() -> None:
    room = Room(machine_of(node("a")))
    assert not grow([pod("p")], [pool("cpu")], [room]).added
    assert grow([pod("p", requests={"cpu": "4"})], [pool("cpu")], [room]).added


def test_a_pod_is_told_why_no_pool_grows_for_it() -> None:
    pools = [pool("taken", taints=[QA]), pool("small"), pool("full", size=3, cpu="64")]
    growth = grow([pod("p", requests={"cpu": "8"})], pools)
    assert growth.refused == {
        "uid-p": {
            "node(s) had untolerated taint {business: qa}": 1,
            "Insufficient cpu": 2,
            "max node group size reached": 1,
        }
    }


def test_the_regions_limit_of_nodes_holds_and_is_named() -> None:
    pods = [pod(str(number), requests={"cpu": "4"}) for number in range(3)]
    growth = grow(pods, [pool("cpu")], nodes_left=2)
    assert dict(growth.added) == {"cpu": 2}
    assert "region's limit of nodes reached" in str(growth.refused)


def test_expanders_choose_as_their_names_say() -> None:
    pools = [pool("large", cpu="64"), pool("fitting"), pool("other", cpu="8")]
    pools[2].priority = 10
    pods = [pod("p", requests={"cpu": "4"})]
    assert grow(pods, pools).added == {"fitting": 1}
    assert grow(pods, pools, expander="priority").added == {"other": 1}
    assert grow(pods, pools, expander="random", choose=lambda names: names[0]).added == {"large": 1}


def shrink(
    nodes: Sequence[Any], pods: Sequence[Any], spare: int = 9, others: Sequence[Any] = (), **more: Any
) -> Shrinking:
    candidates = [Candidate(item, machine_of(item), "pool") for item in nodes]
    staying: list[Machine] = [machine_of(item) for item in others]
    rules = ShrinkRules(**more.pop("rules", {}))
    return decide_shrinking(candidates, staying, pods, more.get("budgets", []), {"pool": spare}, rules)


def test_an_empty_node_is_not_needed_whatever_its_daemons() -> None:
    assert list(shrink([node("a")], [pod("log", "a", owner="DaemonSet")]).unneeded) == ["a"]


def test_a_pool_keeps_its_minimum() -> None:
    found = shrink([node("a"), node("b")], [], spare=1)
    assert (list(found.unneeded), list(found.needed)) == (["a"], ["b"])


def test_a_node_goes_when_its_pods_fit_elsewhere() -> None:
    web = pod("web", "a")
    assert shrink([node("a")], [web], others=[node("b")]).unneeded == {"a": [web]}
    assert "fit on no other node" in shrink([node("a")], [web]).needed["a"]
    assert "fit on no other node" in shrink([node("a")], [web], others=[node("b", taints=[QA])]).needed["a"]


def test_two_nodes_do_not_send_their_pods_to_each_other() -> None:
    found = shrink([node("a"), node("b")], [pod("x", "a"), pod("y", "b")])
    assert (list(found.unneeded), list(found.needed)) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("changes", "rules", "reason"),
    [
        ({"requests": {"cpu": "2"}}, {}, "50% of its cpu is asked for, threshold 50%"),
        ({"owner": ""}, {}, "nothing controls it"),
        ({"annotations": {SAFE_TO_EVICT: "false"}}, {}, "safe-to-evict: false"),
        ({}, {"fewest_replicas": 2}, "one of 1 replicas"),
        ({"volumes": [{"name": "w", "emptyDir": {}}]}, {"keep_for_local_storage": True}, "local storage"),
    ],
)
def test_what_keeps_a_node(changes: Any, rules: Any, reason: str) -> None:
    assert reason in shrink([node("a")], [pod("web", "a", **changes)], others=[node("b")], rules=rules).needed["a"]


def test_a_pod_that_is_safe_to_evict_keeps_no_node_even_without_a_controller() -> None:
    web = pod("web", "a", owner="", annotations={SAFE_TO_EVICT: "true"})
    assert shrink([node("a")], [web], others=[node("b")]).unneeded


def test_a_node_marked_against_it_stays() -> None:
    marked = node("a")
    marked["metadata"]["annotations"] = {SCALE_DOWN_DISABLED: "true"}
    assert SCALE_DOWN_DISABLED in shrink([marked], []).needed["a"]


def test_disruption_budgets_hold_over_all_nodes_that_go() -> None:
    nodes, pods = [node("a"), node("b")], [pod("x", "a"), pod("y", "b")]
    found = shrink(nodes, pods, others=[node("c")], budgets=[budget(1)])
    assert list(found.unneeded) == ["a"]
    assert "PodDisruptionBudget qa/web allows 0 disruptions" in found.needed["b"]


def test_a_gpu_in_use_keeps_its_node() -> None:
    busy = pod("train", "a", requests={"nvidia.com/gpu": "1"})
    found = shrink([node("a", gpus=1)], [busy], others=[node("b", gpus=4)])
    assert "100% of its nvidia.com/gpu" in found.needed["a"]
