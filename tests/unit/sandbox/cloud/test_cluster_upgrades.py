"""The official SDK of the container service (alibabacloud-cs20151215): upgrades, and where clusters' logs go."""

from __future__ import annotations

import pytest
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi import utils_models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from darabonba.exceptions import DaraException

from benchmarks.in_process_cloud import SimulatedCloud
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.cloud.cs.model import DEFAULT_VERSION
from sandbox.cloud.cs.versions import following
from tests.unit.sandbox.cloud.conftest import World

REGION = "cn-hangzhou"
OLD = "1.33.3-aliyun.1"


@pytest.fixture
def old_cluster(world: World) -> str:
    return world.cluster(kubernetes_version=OLD)[0]


def test_versions_follow_each_other_by_one_minor_version_at_most() -> None:
    assert following("1.32.7-aliyun.1") == [OLD]
    assert following(OLD) == [DEFAULT_VERSION]
    assert following(DEFAULT_VERSION) == []


def test_an_upgrade_restarts_the_api_server_and_ends_with_the_new_version(world: World, old_cluster: str) -> None:
    described = world.roa("GET", f"/clusters/{old_cluster}")
    assert (described["current_version"], described["next_version"]) == (OLD, DEFAULT_VERSION)
    started = world.roa("POST", f"/api/v2/clusters/{old_cluster}/upgrade", {"next_version": DEFAULT_VERSION})
    world.settle()
    assert world.roa("GET", f"/tasks/{started['task_id']}")["state"] == "success"
    assert world.roa("GET", f"/api/v2/clusters/{old_cluster}/upgrade/status")["status"] == "success"
    described = world.roa("GET", f"/clusters/{old_cluster}")
    assert (described["current_version"], described["init_version"]) == (DEFAULT_VERSION, OLD)
    assert (described["state"], described["next_version"]) == ("running", "")
    assert world.backends["cn-hangzhou"].restarts == 1


@pytest.mark.parametrize("version", ["1.31.9-aliyun.1", OLD, "1.35.0-aliyun.1", "newest", ""])
def test_only_a_version_that_may_follow_is_taken(world: World, old_cluster: str, version: str) -> None:
    reply = world.roa.send("POST", f"/api/v2/clusters/{old_cluster}/upgrade", {"next_version": version})
    assert (reply.status, reply.code) == (400, "ErrorParameterInvalid")
    assert DEFAULT_VERSION in reply.text


def test_an_upgrade_that_fails_leaves_the_old_version_running(world: World, old_cluster: str) -> None:
    world.backends["cn-hangzhou"].failure = RuntimeError("no room")
    started = world.roa("POST", f"/api/v2/clusters/{old_cluster}/upgrade", {"next_version": DEFAULT_VERSION})
    world.settle()
    task = world.roa("GET", f"/tasks/{started['task_id']}")
    assert (task["state"], task["error"]["message"]) == ("failed", "no room")
    described = world.roa("GET", f"/clusters/{old_cluster}")
    assert (described["state"], described["current_version"]) == ("running", OLD)


def test_a_pools_nodes_are_made_anew_when_they_are_to_be_replaced(world: World) -> None:
    cluster, vswitch = world.cluster()
    group = {"instance_types": ["ecs.g6.large"], "vswitch_ids": [vswitch], "desired_size": 2}
    body = {"nodepool_info": {"name": "workers"}, "scaling_group": group}
    pool = world.roa("POST", f"/clusters/{cluster}/nodepools", body)["nodepool_id"]
    world.settle()
    before = {node["instance_id"] for node in world.roa("GET", f"/clusters/{cluster}/nodes")["nodes"]}
    path = f"/clusters/{cluster}/nodepools/{pool}/upgrade"
    started = world.roa("POST", path, {"kubernetes_version": DEFAULT_VERSION, "use_replace": True})
    world.settle()
    assert world.roa("GET", f"/tasks/{started['task_id']}")["state"] == "success"
    after = world.roa("GET", f"/clusters/{cluster}/nodes")["nodes"]
    assert len(after) == 2
    assert before.isdisjoint({node["instance_id"] for node in after})
    assert {node["state"] for node in after} == {"running"}
    assert world.roa.send("POST", path, {"kubernetes_version": "1.99.0-aliyun.1"}).status == 400


def configuration(served: SimulatedCloud) -> utils_models.Config:
    root = served.cloud.context.accounts.root
    return utils_models.Config(
        access_key_id=root.access_key_id,
        access_key_secret=root.access_key_secret,
        protocol="HTTP",
        endpoint=served.endpoint,
        region_id=REGION,
    )


def make_switch(served: SimulatedCloud) -> str:
    client = VpcClient(configuration(served))
    vpc = client.create_vpc(vpc_models.CreateVpcRequest(region_id=REGION, cidr_block="10.0.0.0/8")).body.vpc_id
    request = vpc_models.CreateVSwitchRequest(
        region_id=REGION, vpc_id=vpc, zone_id="cn-hangzhou-h", cidr_block="10.1.0.0/16"
    )
    return str(client.create_vswitch(request).body.v_switch_id)


def test_the_official_sdk_upgrades_and_sets_where_logs_go(served_cloud: SimulatedCloud) -> None:
    cloud, client = served_cloud.cloud, Client(configuration(served_cloud))
    vswitch = make_switch(served_cloud)
    made = client.create_cluster(
        models.CreateClusterRequest(
            name="platform",
            region_id=REGION,
            cluster_type="ManagedKubernetes",
            kubernetes_version=OLD,
            vswitch_ids=[vswitch],
        )
    ).body
    cloud.operations.submit(REGION, "nothing", lambda: None).result(timeout=20)
    client.upgrade_cluster(made.cluster_id, models.UpgradeClusterRequest(next_version=DEFAULT_VERSION))
    cloud.operations.submit(REGION, "nothing", lambda: None).result(timeout=20)
    assert client.describe_cluster_detail(made.cluster_id).body.current_version == DEFAULT_VERSION
    backend = cloud.operations.backend(REGION)
    assert isinstance(backend, SimulatedBackend)
    assert backend.restarts == 1
    client.update_cluster_audit_log_config(made.cluster_id, models.UpdateClusterAuditLogConfigRequest(disable=False))
    audit = client.get_cluster_audit_project(made.cluster_id).body
    assert (audit.audit_enabled, audit.sls_project_name) == (True, f"k8s-log-{made.cluster_id}")
    request = models.UpdateControlPlaneLogRequest(components=["apiserver", "kcm"], log_ttl="7")
    client.update_control_plane_log(made.cluster_id, request)
    logs = client.check_control_plane_log_enable(made.cluster_id).body
    assert (logs.components, logs.log_ttl) == (["apiserver", "kcm"], "7")
    stores = cloud.context.store.list("log-store")
    assert len(stores) == 3
    wrong = models.UpdateControlPlaneLogRequest(components=["apiserver"], log_project="none")
    with pytest.raises(DaraException, match="create it first"):
        client.update_control_plane_log(made.cluster_id, wrong)
