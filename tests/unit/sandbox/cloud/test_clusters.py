"""Clusters and node pools become what was asked for, within the sandbox's limits, also over restarts.

The clusters here are simulated; real ones are covered in tests/sandbox.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.cloud.cs.node_editor import node_patch
from sandbox.region.specification import NodeSpec

POOL = {
    "nodepool_info": {"name": "gpu"},
    "kubernetes_config": {
        "labels": [{"key": "business", "value": "qa"}],
        "taints": [{"key": "business", "value": "qa", "effect": "NoSchedule"}],
    },
}


def make_pool(world: Any, cluster: str, vswitch: str, **changes: Any) -> Any:
    group = {"instance_types": ["ecs.gn6i-c4g1.xlarge"], "vswitch_ids": [vswitch], "desired_size": 2}
    body = {**POOL, "scaling_group": group, **changes}
    return world.roa.send("POST", f"/clusters/{cluster}/nodepools", body)


def test_a_cluster_boots_and_gives_its_kubeconfig(world: Any) -> None:
    _, vswitch = world.network()
    body = {"name": "p", "cluster_type": "ManagedKubernetes", "vswitch_ids": [vswitch]}
    made = world.roa("POST", "/clusters", body)
    world.settle()
    assert world.roa("GET", f"/tasks/{made['task_id']}")["state"] == "success"
    cluster = world.roa("GET", f"/clusters/{made['cluster_id']}")
    assert (cluster["state"], cluster["name"], cluster["current_version"]) == ("running", "p", "1.34.4-aliyun.1")
    answer = world.roa("GET", f"/k8s/{made['cluster_id']}/user_config", TemporaryDurationMinutes="60")
    assert answer["config"] == world.backends["cn-hangzhou"].kubeconfig()
    assert answer["expiration"] == "2026-01-02T04:04:05Z"


def test_a_cluster_that_does_not_boot_says_why(world: Any) -> None:
    _, vswitch = world.network()
    backend = world.cloud.operations.backend("cn-hangzhou")
    backend.failure = RuntimeError("etcd did not start: disk full")
    body = {"name": "p", "cluster_type": "ManagedKubernetes", "vswitch_ids": [vswitch]}
    made = world.roa("POST", "/clusters", body)
    world.settle()
    task = world.roa("GET", f"/tasks/{made['task_id']}")
    assert (task["state"], task["error"]["message"]) == ("failed", "etcd did not start: disk full")
    assert world.roa("GET", f"/clusters/{made['cluster_id']}")["state"] == "failed"
    reply = world.roa.send("GET", f"/k8s/{made['cluster_id']}/user_config")
    assert (reply.status, reply.code) == (409, "ErrorClusterState")


def test_a_cluster_lives_in_the_network_of_its_switches(world: Any) -> None:
    _, vswitch = world.network()
    reply = world.roa.send("POST", "/clusters", {"name": "p", "vswitch_ids": [vswitch], "vpcid": "vpc-other"})
    assert (reply.status, reply.code) == (400, "ErrorParameterInvalid")


def test_a_region_has_one_cluster(world: Any) -> None:
    cluster, vswitch = world.cluster()
    reply = world.roa.send("POST", "/clusters", {"name": "q", "vswitch_ids": [vswitch]})
    assert (reply.status, reply.code) == (403, "QuotaExceeded.Cluster")
    assert cluster in reply.json()["message"]


def test_a_protected_cluster_is_not_deleted_until_protection_is_off(world: Any) -> None:
    cluster, _ = world.cluster(deletion_protection=True)
    assert world.roa.send("DELETE", f"/clusters/{cluster}").code == "ErrorDeletionProtection"
    world.roa("PUT", f"/api/v2/clusters/{cluster}", {"deletion_protection": False})
    world.roa("DELETE", f"/clusters/{cluster}")
    world.settle()
    reply = world.roa.send("GET", f"/clusters/{cluster}")
    assert (reply.status, reply.code) == (404, "ErrorClusterNotFound")
    assert not world.backends["cn-hangzhou"].is_running()


def test_a_cluster_makes_a_security_group_and_takes_it_along(world: Any) -> None:
    cluster, vswitch = world.cluster()
    group = world.roa("GET", f"/clusters/{cluster}")["security_group_id"]
    assert world.rpc("Ecs", "DescribeSecurityGroups", SecurityGroupId=group)["TotalCount"] == 1
    assert world.rpc.send("Ecs", "DeleteSecurityGroup", SecurityGroupId=group).code == "DependencyViolation"
    assert world.rpc.send("Vpc", "DeleteVSwitch", VSwitchId=vswitch).code == "DependencyViolation"
    world.roa("DELETE", f"/clusters/{cluster}")
    world.settle()
    assert world.rpc("Ecs", "DescribeSecurityGroups", SecurityGroupId=group)["TotalCount"] == 0
    world.rpc("Vpc", "DeleteVSwitch", VSwitchId=vswitch)


def test_rrsa_names_the_issuer_and_the_provider(world: Any) -> None:
    cluster, _ = world.cluster(enable_rrsa=True)
    config = json.loads(world.roa("GET", f"/clusters/{cluster}")["meta_data"])["RRSAConfig"]
    account = world.cloud.context.accounts.account_id
    assert config == {
        "enabled": True,
        "issuer": world.backends["cn-hangzhou"].issuer,
        "oidc_name": f"ack-rrsa-{cluster}",
        "oidc_arn": f"acs:ram::{account}:oidc-provider/ack-rrsa-{cluster}",
    }


def test_a_pools_nodes_have_its_labels_taints_and_machine(world: Any) -> None:
    cluster, vswitch = world.cluster()
    made = make_pool(world, cluster, vswitch).json()
    world.settle()
    nodes: list[NodeSpec] = list(world.backends["cn-hangzhou"].nodes.values())
    assert [node.name for node in nodes] == ["cn-hangzhou.172.30.65.10", "cn-hangzhou.172.30.65.11"]
    assert (nodes[0].cpu_cores, nodes[0].memory_mebibytes, nodes[0].gpus) == (4, 15 * 1024, 1)
    assert nodes[0].taints == [{"key": "business", "value": "qa", "effect": "NoSchedule"}]
    expected = {
        "business": "qa",
        "alibabacloud.com/nodepool-id": made["nodepool_id"],
        "node.kubernetes.io/instance-type": "ecs.gn6i-c4g1.xlarge",
        "topology.kubernetes.io/region": "cn-hangzhou",
        "topology.kubernetes.io/zone": "cn-hangzhou-h",
    }
    assert expected.items() <= nodes[0].labels.items()
    status = world.roa("GET", f"/clusters/{cluster}/nodepools/{made['nodepool_id']}")["status"]
    assert (status["state"], status["total_nodes"], status["healthy_nodes"]) == ("active", 2, 2)


def test_a_lost_node_is_followed_by_one_in_its_zone(world: Any) -> None:
    """Where the disks of its pods are."""
    cluster, first = world.cluster()
    vpc = world.roa("GET", f"/clusters/{cluster}")["vpc_id"]
    second = world.rpc("Vpc", "CreateVSwitch", VpcId=vpc, ZoneId="cn-hangzhou-i", CidrBlock="10.2.0.0/16")["VSwitchId"]
    types, switches = ["ecs.gn6i-c4g1.xlarge"], [first, second]
    group = {"instance_types": types, "vswitch_ids": switches, "desired_size": 3}
    pool = make_pool(world, cluster, first, scaling_group=group).json()["nodepool_id"]
    world.settle()
    operations = world.cloud.operations
    nodes = operations.clusters.nodes_of(pool)
    assert [node.zone[-1] for node in nodes] == ["h", "i", "h"]
    operations.replace_nodes(pool, [nodes[1].name])
    assert sorted(node.zone[-1] for node in operations.clusters.nodes_of(pool)) == ["h", "h", "i"]


def test_a_pool_grows_shrinks_and_goes(world: Any) -> None:
    cluster, vswitch = world.cluster()
    pool = make_pool(world, cluster, vswitch).json()["nodepool_id"]
    path = f"/clusters/{cluster}/nodepools/{pool}"
    for size in (4, 1):
        world.roa("PUT", path, {"scaling_group": {"desired_size": size}})
        world.settle()
        assert len(world.backends["cn-hangzhou"].nodes) == size
    assert world.roa.send("DELETE", path).code == "ErrorNodePoolNotEmpty"
    world.roa("DELETE", path, force="true")
    world.settle()
    assert world.backends["cn-hangzhou"].nodes == {}
    assert world.roa.send("GET", path).code == "ErrorNodePoolNotFound"


def test_an_autoscaled_pool_starts_at_its_minimum_and_keeps_within_its_limits(world: Any) -> None:
    cluster, vswitch = world.cluster()
    group = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": [vswitch]}
    scaling = {"enable": True, "min_instances": 1, "max_instances": 3}
    pool = make_pool(world, cluster, vswitch, scaling_group=group, auto_scaling=scaling).json()["nodepool_id"]
    world.settle()
    assert len(world.backends["cn-hangzhou"].nodes) == 1
    path = f"/clusters/{cluster}/nodepools/{pool}"
    world.roa("PUT", path, {"auto_scaling": {"enable": True, "min_instances": 2, "max_instances": 3}})
    world.settle()
    assert len(world.backends["cn-hangzhou"].nodes) == 2
    assert "desired_size" not in world.roa("GET", path)["scaling_group"]


def test_more_nodes_than_a_cluster_can_have_are_refused_with_the_limit(world: Any) -> None:
    cluster, vswitch = world.cluster()
    pool = make_pool(world, cluster, vswitch).json()["nodepool_id"]
    world.settle()
    reply = world.roa.send("PUT", f"/clusters/{cluster}/nodepools/{pool}", {"scaling_group": {"desired_size": 2001}})
    assert (reply.status, reply.code) == (403, "QuotaExceeded.Node")
    assert "at most 2000 nodes a region" in reply.json()["message"]


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"instance_types": ["ecs.gn6i-c5g1.xlarge"]}, "InvalidInstanceType.NotSupported", "ecs.gn6i-c4g1.xlarge"),
        ({"instance_types": []}, "ErrorParameterInvalid", "instance_types"),
        ({"vswitch_ids": ["vsw-none"]}, "ErrorParameterInvalid", "vsw-none"),
        ({"desired_size": -1}, "ErrorParameterInvalid", "desired_size"),
        ({"desired_size": "many"}, "ErrorParameterInvalid", "many"),
    ],
)
def test_a_pool_that_cannot_be_is_refused(world: Any, changes: dict[str, Any], code: str, word: str) -> None:
    cluster, vswitch = world.cluster()
    group = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": [vswitch], "desired_size": 1, **changes}
    reply = make_pool(world, cluster, vswitch, scaling_group=group)
    assert (reply.status, reply.code) == (400, code)
    assert word in reply.json()["message"]


def test_a_taint_needs_a_known_effect(world: Any) -> None:
    cluster, vswitch = world.cluster()
    config = {"taints": [{"key": "a", "value": "b", "effect": "NoWay"}]}
    assert "NoSchedule" in make_pool(world, cluster, vswitch, kubernetes_config=config).json()["message"]


def test_nodes_are_listed_and_removed_by_name(world: Any) -> None:
    cluster, vswitch = world.cluster()
    pool = make_pool(world, cluster, vswitch).json()["nodepool_id"]
    world.settle()
    listed = world.roa("GET", f"/clusters/{cluster}/nodes", nodepool_id=pool)
    names = [node["node_name"] for node in listed["nodes"]]
    world.roa("POST", f"/clusters/{cluster}/nodes", {"nodes": names[:1], "release_node": True})
    world.settle()
    assert list(world.backends["cn-hangzhou"].nodes) == names[1:]
    assert world.roa("GET", f"/clusters/{cluster}/nodepools/{pool}")["scaling_group"]["desired_size"] == 1


def test_a_node_that_fails_fails_the_task_and_is_tried_again_by_the_next_change(world: Any) -> None:
    cluster, vswitch = world.cluster()
    backend = world.backends["cn-hangzhou"]
    backend.add_node = lambda spec: (_ for _ in ()).throw(RuntimeError("no memory for a node"))
    made = make_pool(world, cluster, vswitch).json()
    world.settle()
    task = world.roa("GET", f"/tasks/{made['task_id']}")
    assert (task["state"], task["error"]["message"]) == ("failed", "no memory for a node")
    del backend.add_node
    world.roa("PUT", f"/clusters/{cluster}/nodepools/{made['nodepool_id']}", {})
    world.settle()
    assert len(backend.nodes) == 2


def test_clusters_and_nodes_come_back_after_a_restart(restart: Any) -> None:
    before = restart()
    cluster, vswitch = before.cluster()
    make_pool(before, cluster, vswitch)
    before.settle()
    names = before.backends["cn-hangzhou"].node_names()
    before.backends["cn-hangzhou"].stop()  # as after a reboot of the machine
    after = restart()
    after.settle()
    assert after.backends["cn-hangzhou"].is_running()
    assert after.backends["cn-hangzhou"].node_names() == names
    assert after.rpc.access_key_id == before.rpc.access_key_id
    assert after.roa("GET", f"/clusters/{cluster}")["state"] == "running"


def test_what_was_begun_before_a_restart_is_ended_after_it(restart: Any) -> None:
    before = restart()
    cluster, vswitch = before.cluster()
    before.cloud.operations.stop()  # nothing more happens in the background
    before.cloud.operations.submit = lambda *arguments: None
    made = make_pool(before, cluster, vswitch).json()
    assert before.roa("GET", f"/tasks/{made['task_id']}")["state"] == "running"
    after = restart()
    after.settle()
    assert after.roa("GET", f"/tasks/{made['task_id']}")["state"] == "success"
    assert len(after.backends["cn-hangzhou"].nodes) == 2


def test_addons_are_installed_and_removed(world: Any) -> None:
    cluster, _ = world.cluster(addons=[{"name": "ack-pod-identity-webhook"}, {"name": "logtail-ds", "disabled": True}])
    names = lambda: [item["name"] for item in world.roa("GET", f"/clusters/{cluster}/addon_instances")["addons"]]  # noqa: E731
    assert names() == ["ack-pod-identity-webhook"]
    world.roa("POST", f"/clusters/{cluster}/components/install", [{"name": "metrics-server"}])
    world.roa("POST", f"/clusters/{cluster}/components/uninstall", [{"name": "ack-pod-identity-webhook"}])
    assert names() == ["metrics-server"]
    reply = world.roa.send("POST", f"/clusters/{cluster}/components/install", [{"name": "no-such-addon"}])
    assert "metrics-server" in reply.json()["message"]


def test_addons_are_upgraded_and_configured(world: Any) -> None:
    cluster, _ = world.cluster(addons=[{"name": "logtail-ds", "version": "v1.0.0"}])
    components = f"/clusters/{cluster}/components"
    old = world.roa("GET", "/addons/logtail-ds", version="v1.0.0", cluster_id=cluster)
    newest = world.roa("GET", "/addons/logtail-ds", cluster_id=cluster)["version"]
    assert old["newer_versions"] == [{"version": newest, "upgradable": True}]
    world.roa("POST", f"{components}/upgrade", [{"component_name": "logtail-ds", "next_version": newest}])
    world.roa("POST", f"{components}/logtail-ds/config", {"config": '{"a":"1"}'})
    world.settle()
    found = world.roa("GET", f"/clusters/{cluster}/addon_instances/logtail-ds")
    assert (found["version"], found["config"]) == (newest, '{"a":"1"}')
    status = world.roa("GET", f"{components}/upgradestatus", componentIds='["logtail-ds"]')
    assert status["logtail-ds"]["tasks"]["status"] == "Success"
    assert status["logtail-ds"]["addon_info"]["version"] == newest
    assert set(status) == {"logtail-ds"}
    for reply in (
        world.roa.send("POST", f"{components}/upgrade", [{"component_name": "coredns", "next_version": "v2"}]),
        world.roa.send("POST", f"{components}/coredns/config", {"config": "{}"}),
        world.roa.send("GET", "/addons/no-such-addon"),
    ):
        assert (reply.status, reply.code) == (404, "AddonNotFound")


def test_tags_of_a_cluster_are_replaced_as_a_whole(world: Any) -> None:
    cluster, _ = world.cluster(tags=[{"key": "a", "value": "1"}])
    world.roa("POST", f"/clusters/{cluster}/tags", [{"key": "b", "value": "2"}])
    assert world.roa("GET", f"/clusters/{cluster}")["tags"] == [{"key": "b", "value": "2"}]


def test_an_unknown_path_is_loud(world: Any) -> None:
    reply = world.roa.send("POST", "/clusters/c1/hibernate")
    assert (reply.status, reply.code) == (404, "InvalidAction.NotFound")
    assert "POST /clusters/c1/hibernate" in reply.json()["Message"]


def test_new_labels_reach_the_nodes_that_are_there_only_when_asked_to(world: Any) -> None:
    cluster, vswitch = world.cluster()
    pool = make_pool(world, cluster, vswitch).json()["nodepool_id"]
    world.settle()
    path = f"/clusters/{cluster}/nodepools/{pool}"
    change = {"kubernetes_config": {"labels": [{"key": "business", "value": "chatbot"}]}}
    values = lambda: {node.labels["business"] for node in world.backends["cn-hangzhou"].nodes.values()}  # noqa: E731
    world.roa("PUT", path, change)
    world.settle()
    assert values() == {"qa"}
    world.roa("PUT", path, {**change, "update_nodes": True})
    world.settle()
    assert values() == {"chatbot"}


def test_a_nodes_patch_removes_what_the_pool_gave_and_keeps_what_others_did() -> None:
    foreign = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    old = {"key": "business", "value": "qa", "effect": "NoSchedule"}
    new = {"key": "business", "value": "chatbot", "effect": "NoExecute"}
    wanted = NodeSpec("n", labels={"a": "2"}, taints=[new])
    patch = node_patch({"spec": {"taints": [foreign, old]}}, wanted, {"a": "1", "b": "1"}, [old])
    assert patch == {"metadata": {"labels": {"a": "2", "b": None}}, "spec": {"taints": [foreign, new]}}
