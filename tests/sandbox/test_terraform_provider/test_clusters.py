"""Clusters, node pools and components, by the provider; also when the emulator is killed between its calls."""

from __future__ import annotations

import signal
from functools import partial

import grpc
import pytest

from tests.sandbox.test_terraform_provider.provider import EmulatorProcess, Provider, Resource, at_once

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


def test_clusters_and_node_pools_live_and_die(
    provider: Provider, network: tuple[Resource, Resource], emulator: EmulatorProcess
) -> None:
    _, vswitch = network
    project = provider.create("alicloud:log/project:Project", {"projectName": "cluster-logs"})
    cluster = provider.create(
        "alicloud:cs/managedKubernetes:ManagedKubernetes",
        {
            "name": "platform",
            "vswitchIds": [vswitch.identifier],
            "podCidr": "172.20.0.0/16",
            "serviceCidr": "172.21.0.0/20",
            "newNatGateway": False,
            "enableRrsa": True,
            "skipSetCertificateAuthority": True,
            "clusterSpec": "ack.pro.small",
            "version": "1.33.3-aliyun.1",
            "tags": {"a": "1"},
            "auditLogConfig": {"enabled": True, "slsProjectName": "cluster-logs"},
            "controlPlaneLogProject": "cluster-logs",
            "controlPlaneLogTtl": "30",
            "controlPlaneLogComponents": ["apiserver", "kcm", "scheduler"],
            "addons": [{"name": "ack-pod-identity-webhook"}],
        },
    )
    account = emulator.credentials()["account_id"]
    rrsa = cluster.state["rrsaMetadata"]
    assert rrsa["ramOidcProviderArn"] == f"acs:ram::{account}:oidc-provider/ack-rrsa-{cluster.identifier}"
    store = provider.read("alicloud:log/store:Store", f"cluster-logs:audit-{cluster.identifier}")
    assert store is not None
    assert store["retentionPeriod"] == 30
    imported = provider.read(cluster.token, cluster.identifier)
    assert imported is not None
    assert (imported["name"], imported["version"]) == ("platform", "1.33.3-aliyun.1")
    provider.update(cluster, {"version": "1.34.4-aliyun.1"})
    assert cluster.state["version"] == "1.34.4-aliyun.1"
    token = "alicloud:cs/getClusterCredential:getClusterCredential"
    credential = provider.invoke(token, clusterId=cluster.identifier, temporaryDurationMinutes=60)
    assert "clusters:" in credential["kubeConfig"]
    pool = provider.create(
        "alicloud:cs/nodePool:NodePool",
        {
            "name": "gpu",
            "clusterId": cluster.identifier,
            "vswitchIds": [vswitch.identifier],
            "instanceTypes": ["ecs.gn6i-c4g1.xlarge"],
            "desiredSize": "1",
            "labels": [{"key": "business", "value": "qa"}],
            "taints": [{"key": "business", "value": "qa", "effect": "NoSchedule"}],
            "systemDiskCategory": "cloud_essd",
            "systemDiskSize": 120,
            "tags": {"a": "1"},
        },
    )
    provider.update(pool, {"desiredSize": "2"})
    scaled = provider.create(
        "alicloud:cs/nodePool:NodePool",
        {
            "name": "elastic",
            "clusterId": cluster.identifier,
            "vswitchIds": [vswitch.identifier],
            "instanceTypes": ["ecs.g7.xlarge"],
            "scalingConfig": {"enable": True, "minSize": 0, "maxSize": 3},
        },
    )
    with pytest.raises(grpc.RpcError, match="at most 2000 nodes a region"):
        provider.update(pool, {"desiredSize": "2001"})
    emulator.stop(signal.SIGKILL)
    emulator.start()
    provider.expect_no_difference(pool)
    found = provider.read(pool.token, pool.identifier)
    assert found is not None
    assert (found["clusterId"], found["desiredSize"]) == (cluster.identifier, "2")
    lives = (_component_lives, _settings_of_the_autoscaler_live)
    at_once(partial(life, provider, cluster) for life in lives)
    at_once(partial(provider.die, gone) for gone in (scaled, pool))
    provider.die(cluster)
    provider.die(project)


def _component_lives(provider: Provider, cluster: Resource) -> None:
    addon = provider.create(
        "alicloud:cs/kubernetesAddon:KubernetesAddon",
        {"clusterId": cluster.identifier, "name": "logtail-ds", "config": '{"level":"info"}'},
    )
    provider.update(addon, {"config": '{"level":"debug"}'})
    found = provider.read(addon.token, f"{cluster.identifier}:logtail-ds")
    assert found is not None
    assert (found["name"], found["version"]) == ("logtail-ds", addon.state["version"])
    provider.delete(addon)  # 1.285 only forgets it: it asks an answer that lacks it whether the component may go


def _settings_of_the_autoscaler_live(provider: Provider, cluster: Resource) -> None:
    settings = provider.create(
        "alicloud:cs/autoscalingConfig:AutoscalingConfig",
        {"clusterId": cluster.identifier, "coolDownDuration": "5m", "scaleDownEnabled": True},
    )
    provider.update(settings, {"coolDownDuration": "15m", "scanInterval": "15s", "expander": "random"})
    provider.update(settings, {"maxGracefulTerminationSec": 600, "skipNodesWithSystemPods": True})
    found = provider.read(settings.token, cluster.identifier, {"clusterId": cluster.identifier})
    assert found is not None
    assert (found["coolDownDuration"], found["expander"]) == ("15m", "random")
    provider.delete(settings)  # which the provider only forgets: they go with their cluster
