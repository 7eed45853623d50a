"""The emulator's container service with a real cluster: kubeconfig, real nodes, workload identity, a killed emulator.

What each call answers in detail is tested with simulated clusters in tests/unit/sandbox/cloud.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_sls20201230 import models as log_models
from alibabacloud_sls20201230.client import Client as LogClient
from alibabacloud_tea_openapi import utils_models
from darabonba.runtime import RuntimeOptions

from sandbox import cloud_process, lifecycle, snapshots
from sandbox.certificates import certificate_authority
from sandbox.environment import proxy_environment
from sandbox.images.settings import CONTROLLERS_REFERENCE
from sandbox.progress import Progress
from sandbox.region import leftovers
from sandbox.region.control_plane import ControlPlane
from sandbox.region.layout import RegionLayout
from sandbox.settings import SandboxSettings
from tests.sandbox.cloud_api import REGION, STEP_SECONDS, Api
from tests.sandbox.cluster import Cluster, wait_for

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(900),
    # The cloud is meant to outlive who starts it.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def api(empty_sandbox: SandboxSettings, progress: Progress) -> Iterator[Api]:
    lifecycle.start(empty_sandbox, progress)
    client = Api(empty_sandbox)
    yield client
    client.close()


@pytest.fixture(scope="module")
def cluster_id(api: Api) -> Iterator[str]:
    """A running cluster with workload identity, which is deleted at the end."""
    vpc = api.rpc("vpc", "CreateVpc", CidrBlock="10.0.0.0/8")["VpcId"]
    vswitch = api.rpc("vpc", "CreateVSwitch", VpcId=vpc, ZoneId="cn-hangzhou-h", CidrBlock="10.1.0.0/16")
    body = {
        "name": "platform",
        "region_id": REGION,
        "cluster_type": "ManagedKubernetes",
        "vswitch_ids": [vswitch["VSwitchId"]],
        "enable_rrsa": True,
        "kubernetes_version": "1.33.3-aliyun.1",
        "audit_log_config": {"enabled": True},
    }
    made = api.cs("POST", "/clusters", body)
    api.task(made)
    yield made["cluster_id"]
    api.task(api.cs("DELETE", f"/clusters/{made['cluster_id']}"))


@pytest.fixture(scope="module")
def kubernetes(api: Api, cluster_id: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    path: Path = tmp_path_factory.mktemp("kubeconfig") / "config"
    path.write_text(api.cs("GET", f"/k8s/{cluster_id}/user_config")["config"])
    path.chmod(0o600)
    return Cluster(path, "qa")


@pytest.fixture(scope="module")
def pool(api: Api, cluster_id: str) -> str:
    """A pool with one GPU node."""
    vswitch = api.cs("GET", f"/clusters/{cluster_id}")["vswitch_ids"][0]
    body = {
        "nodepool_info": {"name": "gpu"},
        "scaling_group": {
            "instance_types": ["ecs.gn6i-c4g1.xlarge"],
            "vswitch_ids": [vswitch],
            "desired_size": 1,
        },
        "kubernetes_config": {
            "labels": [{"key": "business", "value": "qa"}],
            "taints": [{"key": "business", "value": "qa", "effect": "NoSchedule"}],
        },
    }
    made = api.cs("POST", f"/clusters/{cluster_id}/nodepools", body)
    api.task(made)
    return str(made["nodepool_id"])


def test_the_kubeconfig_opens_the_real_cluster(kubernetes: Cluster) -> None:
    assert json.loads(kubernetes.run("get", "--raw", "/version"))["major"] == "1"


def test_a_pools_node_is_real_and_has_what_was_asked_for(kubernetes: Cluster, pool: str) -> None:
    (node,) = kubernetes.objects("nodes", "--selector", f"alibabacloud.com/nodepool-id={pool}")
    assert node["metadata"]["labels"]["business"] == "qa"
    assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "cn-hangzhou-h"
    assert {"key": "business", "value": "qa", "effect": "NoSchedule"} in node["spec"]["taints"]
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "1"
    conditions = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_new_labels_reach_the_real_node(api: Api, cluster_id: str, kubernetes: Cluster, pool: str) -> None:
    config = {"labels": [{"key": "tier", "value": "serving"}], "taints": []}
    change = {"kubernetes_config": config, "update_nodes": True}
    api.task(api.cs("PUT", f"/clusters/{cluster_id}/nodepools/{pool}", change))
    (node,) = kubernetes.objects("nodes", "--selector", f"alibabacloud.com/nodepool-id={pool}")
    assert node["metadata"]["labels"]["tier"] == "serving"
    assert "business" not in node["metadata"]["labels"]
    assert "business" not in {taint["key"] for taint in node["spec"].get("taints", [])}


def test_the_audit_log_tells_who_changed_what(
    cluster_id: str, kubernetes: Cluster, empty_sandbox: SandboxSettings
) -> None:
    """By the log service's official SDK from this machine: its real host names, through the cloud's proxy."""
    kubernetes.run("create", "namespace", "audited")
    credentials = json.loads((empty_sandbox.state / "credentials.json").read_text())
    configuration = utils_models.Config(
        access_key_id=credentials["access_key_id"],
        access_key_secret=credentials["access_key_secret"],
        protocol="HTTPS",
        endpoint=f"{REGION}.log.aliyuncs.com",
        region_id=REGION,
    )
    client = LogClient(configuration)
    proxy = proxy_environment(empty_sandbox)["HTTPS_PROXY"]
    authority = str(certificate_authority(empty_sandbox.cache).certificate_path)
    runtime = RuntimeOptions(ca=authority, https_proxy=proxy)
    query, now = "verb: create and objectRef: audited", int(time.time())
    request = log_models.GetLogsRequest(query=query, from_=now - 600, to=now + 600)
    store = f"k8s-log-{cluster_id}", f"audit-{cluster_id}"

    def found() -> list[Json]:
        answer = client.get_logs_with_options(*store, request, log_models.GetLogsHeaders(), runtime)
        return list(answer.body.data or [])

    event = wait_for("the audit event", found, 60)[0]
    assert json.loads(event["user"])["username"]
    assert json.loads(event["responseStatus"])["code"] == 201
    kubernetes.run("delete", "namespace", "audited", "--wait=false")


def test_an_upgrade_restarts_the_api_server_and_leaves_the_node_ready(
    api: Api, cluster_id: str, kubernetes: Cluster, pool: str, empty_sandbox: SandboxSettings
) -> None:
    server = ControlPlane(RegionLayout(empty_sandbox, REGION, 0)).daemons()["kube-apiserver"]
    before = server.pid()
    api.task(api.cs("POST", f"/api/v2/clusters/{cluster_id}/upgrade", {"next_version": "1.34.4-aliyun.1"}))
    after = server.pid()
    assert None not in (before, after)
    assert before != after
    assert api.cs("GET", f"/clusters/{cluster_id}")["current_version"] == "1.34.4-aliyun.1"
    (node,) = kubernetes.objects("nodes", "--selector", f"alibabacloud.com/nodepool-id={pool}")
    conditions = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_a_load_balancers_address_is_answered_from_the_host_and_goes_with_its_service(
    api: Api, kubernetes: Cluster, pool: str, empty_sandbox: SandboxSettings
) -> None:
    """The endpoint is the API server, which needs no image: what is shown is the way there through a node."""
    server = str(empty_sandbox.addresses.control_plane(0))
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"type": "LoadBalancer", "ports": [port]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "web",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            "endpoints": [{"addresses": [server], "conditions": {"ready": True}}],
        },
    )
    path = ("get", "service", "web", "--namespace", "default", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
    address = wait_for("the load balancer's address", lambda: kubernetes.run(*path), 60)
    assert address == str(empty_sandbox.addresses.public(0, 0))
    client = httpx.Client(verify=False, timeout=5, trust_env=False)  # noqa: S501 (its certificate names others)

    def answers() -> bool:
        try:
            return client.get(f"https://{address}/version").status_code in (200, 401, 403)
        except httpx.HTTPError:
            return False

    wait_for("an answer from the load balancer's address", answers, 60)
    (balancer,) = api.rpc("slb", "DescribeLoadBalancers")["LoadBalancers"]["LoadBalancer"]
    found = api.rpc("slb", "DescribeLoadBalancerAttribute", LoadBalancerId=balancer["LoadBalancerId"])
    assert found["ListenerPorts"]["ListenerPort"] == [443]
    assert len(found["BackendServers"]["BackendServer"]) == 1
    kubernetes.run("delete", "service", "web", "--namespace", "default")
    assert api.rpc("slb", "DescribeLoadBalancers")["TotalCount"] == 0
    assert not answers()
    client.close()


def test_a_pending_gpu_pod_brings_a_node_that_goes_when_idle(
    api: Api, cluster_id: str, kubernetes: Cluster, empty_sandbox: SandboxSettings
) -> None:
    """From zero to one and back; only the pool's own pod tolerates its taint, so other pods do not matter."""
    api.cs("POST", f"/cluster/{cluster_id}/autoscale/config/", {"scan_interval": "1s"})
    vswitch = api.cs("GET", f"/clusters/{cluster_id}")["vswitch_ids"][0]
    taint = {"key": "elastic", "value": "yes", "effect": "NoSchedule"}
    body = {
        "nodepool_info": {"name": "elastic"},
        "scaling_group": {"instance_types": ["ecs.gn6i-c4g1.xlarge"], "vswitch_ids": [vswitch]},
        "auto_scaling": {"enable": True, "min_instances": 0, "max_instances": 1},
        "kubernetes_config": {"taints": [taint], "labels": [{"key": "elastic", "value": "yes"}]},
    }
    made = api.cs("POST", f"/clusters/{cluster_id}/nodepools", body)
    api.task(made)
    selector = ("--selector", f"alibabacloud.com/nodepool-id={made['nodepool_id']}")
    assert kubernetes.objects("nodes", *selector) == []
    limits = {"nvidia.com/gpu": "1"}
    pod = {
        "nodeSelector": {"elastic": "yes"},
        "tolerations": [{"key": "elastic", "operator": "Exists"}],
        "containers": [{"name": "main", "image": "none", "resources": {"limits": limits}}],
    }
    metadata = {"name": "elastic", "namespace": "default"}
    kubernetes.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    where = ("get", "pod", "elastic", "--namespace", "default", "-o", "jsonpath={.spec.nodeName}")
    name = wait_for("the pod's node", lambda: kubernetes.run(*where), STEP_SECONDS)
    (node,) = kubernetes.objects("nodes", *selector)
    assert node["metadata"]["name"] == name
    reasons = ("get", "events", "--namespace", "default", "-o", "jsonpath={.items[*].reason}")
    assert "TriggeredScaleUp" in kubernetes.run(*reasons)
    kubernetes.run("delete", "pod", "elastic", "--namespace", "default", "--grace-period=0", "--force")
    taints = ("get", "node", name, "-o", "jsonpath={.spec.taints[*].key}")
    wait_for("the mark of an idle node", lambda: "DeletionCandidate" in kubernetes.run(*taints), 60)
    cloud_process.ask(empty_sandbox, "POST", "clock", {"advance_seconds": 660})
    wait_for("the node's end", lambda: kubernetes.objects("nodes", *selector) == [], 120)
    path = f"/clusters/{cluster_id}/nodepools/{made['nodepool_id']}"
    wait_for("the pool's being empty", lambda: api.cs("GET", path)["status"]["total_nodes"] == 0, 30)
    assert "ScaleDown" in kubernetes.run(*reasons).split()
    api.task(api.cs("DELETE", path))


def volume_pod(name: str, script: str, node: str | None = None) -> Json:
    """A pod as the namespace's Pod Security demands it, of a user that is not root, with the claim "data"."""
    container = {
        "name": "main",
        "image": CONTROLLERS_REFERENCE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "volumes"},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {"kubernetes.io/hostname": node} if node else {},
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }


def test_a_volume_outlives_its_pods_node_and_its_data_go_with_the_claim(
    api: Api, cluster_id: str, kubernetes: Cluster, pool: str, empty_sandbox: SandboxSettings
) -> None:
    """Written on a node that is removed then, read on another of the zone; under Pod Security "restricted"."""
    path = f"/clusters/{cluster_id}/nodepools/{pool}"
    nodes = ("--selector", f"alibabacloud.com/nodepool-id={pool}", "--sort-by=.metadata.creationTimestamp")
    api.task(api.cs("PUT", path, {"scaling_group": {"desired_size": 2}}))
    first, second = (node["metadata"]["name"] for node in kubernetes.objects("nodes", *nodes))
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "alicloud-disk-topology-alltype",
        "resources": {"requests": {"storage": "20Gi"}},
    }
    kubernetes.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "volumes", "labels": labels}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "volumes"},
            "spec": claim,
        },
    )
    in_volumes = ("--namespace", "volumes")
    ended = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=50s", *in_volumes)
    kubernetes.apply(volume_pod("writer", "id -u > /data/page && sync", second))
    kubernetes.run(*ended, "pod/writer")
    (volume,) = kubernetes.objects("persistentvolumes")
    assert volume["status"]["phase"] == "Bound"
    folder = Path(volume["spec"]["local"]["path"])
    assert folder.parent == RegionLayout(empty_sandbox, REGION, 0).volumes
    kubernetes.run("delete", "pod", "writer", *in_volumes)
    api.task(api.cs("PUT", path, {"scaling_group": {"desired_size": 1}}))
    assert [node["metadata"]["name"] for node in kubernetes.objects("nodes", *nodes)] == [first]
    kubernetes.apply(volume_pod("reader", "cat /data/page"))
    kubernetes.run(*ended, "pod/reader")
    assert kubernetes.run("logs", "reader", *in_volumes) == "10001\n"
    kubernetes.run("delete", "pod", "reader", *in_volumes)
    kubernetes.run("delete", "persistentvolumeclaim", "data", *in_volumes)
    wait_for("the volume's end", lambda: kubernetes.objects("persistentvolumes") == [], 30)
    assert not folder.exists()
    kubernetes.run("delete", "namespace", "volumes", "--wait=false")


@pytest.fixture(scope="module")
def identity(api: Api, cluster_id: str, kubernetes: Cluster) -> str:
    """A role that the service account qa/trainer may take on; gives the identity provider's name."""
    provider = f"acs:ram::{api.account}:oidc-provider/ack-rrsa-{cluster_id}"
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [provider]},
        "Condition": {"StringEquals": {"oidc:sub": "system:serviceaccount:qa:trainer"}},
    }
    trust = json.dumps({"Version": "1", "Statement": [statement]})
    api.rpc("ram", "CreateRole", RoleName="trainer", AssumeRolePolicyDocument=trust)
    kubernetes.run("create", "namespace", "qa")
    kubernetes.run("label", "namespace", "qa", "pod-identity.alibabacloud.com/injection=on")
    kubernetes.run("create", "serviceaccount", "trainer")
    kubernetes.run("annotate", "serviceaccount", "trainer", "pod-identity.alibabacloud.com/role-name=trainer")
    return provider


def test_a_pod_is_given_its_role_by_the_webhook(kubernetes: Cluster, identity: str, api: Api) -> None:
    overrides = json.dumps({"spec": {"serviceAccountName": "trainer"}})
    made = json.loads(
        kubernetes.run(
            *("run", "probe", "--image=none", "--restart=Never", "--dry-run=server", "-o", "json"),
            f"--overrides={overrides}",
        )
    )
    (container,) = made["spec"]["containers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["ALIBABA_CLOUD_ROLE_ARN"] == f"acs:ram::{api.account}:role/trainer"
    assert variables["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"] == identity
    assert "rrsa-oidc-token" in {volume["name"] for volume in made["spec"]["volumes"]}


def test_a_real_token_becomes_credentials(kubernetes: Cluster, identity: str, api: Api) -> None:
    token = kubernetes.run("create", "token", "trainer", "--audience=sts.aliyuncs.com").strip()
    answer = api.rpc(
        "sts",
        "AssumeRoleWithOIDC",
        signed=False,
        RoleArn=f"acs:ram::{api.account}:role/trainer",
        OIDCProviderArn=identity,
        OIDCToken=token,
        RoleSessionName="qa.trainer",
    )
    assert answer["Credentials"]["AccessKeyId"].startswith("STS.")
    assert answer["OIDCTokenInfo"]["Subject"] == "system:serviceaccount:qa:trainer"


def test_a_killed_emulator_comes_back_to_its_cluster_and_shrinks_the_pool(
    api: Api, cluster_id: str, kubernetes: Cluster, pool: str, empty_sandbox: SandboxSettings
) -> None:
    process = cloud_process.process_id(empty_sandbox)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    wait_for("the emulator's end", lambda: cloud_process.process_id(empty_sandbox) is None, 30)
    cloud_process.start(empty_sandbox)
    assert api.cs("GET", f"/clusters/{cluster_id}")["state"] == "running"
    service = ("service", "later", "--namespace", "default")
    kubernetes.run("create", "service", "loadbalancer", "later", "--tcp=80:80", "--namespace", "default")
    address = ("get", *service, "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
    wait_for("a load balancer after the restart", lambda: kubernetes.run(*address), 60)
    kubernetes.run("delete", *service)
    path = f"/clusters/{cluster_id}/nodepools/{pool}"
    api.task(api.cs("PUT", path, {"scaling_group": {"desired_size": 0}}))
    assert kubernetes.objects("nodes", "--selector", f"alibabacloud.com/nodepool-id={pool}") == []


def test_a_reset_ends_the_real_cluster_and_a_restored_snapshot_boots_it_anew(
    api: Api, cluster_id: str, empty_sandbox: SandboxSettings, progress: Progress, tmp_path: Path
) -> None:
    def traces() -> list[str]:
        return [trace for trace in leftovers(empty_sandbox.addresses, empty_sandbox.state) if REGION in trace]

    snapshots.save(empty_sandbox, "with-a-cluster")
    assert traces()
    lifecycle.replace_state(empty_sandbox, progress, partial(snapshots.stage_empty, empty_sandbox))
    assert traces() == []
    assert api.cs("GET", "/api/v1/clusters")["clusters"] == []
    restore = partial(snapshots.stage_snapshot, empty_sandbox, "with-a-cluster")
    lifecycle.replace_state(empty_sandbox, progress, restore)
    path = tmp_path / "config"
    path.touch(mode=0o600)
    path.write_text(api.cs("GET", f"/k8s/{cluster_id}/user_config")["config"])  # answered once the cluster is back
    assert json.loads(Cluster(path, "default").run("get", "--raw", "/version"))["major"] == "1"


def test_nothing_secret_is_in_the_log(api: Api, cluster_id: str, empty_sandbox: SandboxSettings) -> None:
    credentials = json.loads((empty_sandbox.state / "credentials.json").read_text())
    found = subprocess.run(
        ["grep", "-r", "-l", "-F", credentials["access_key_secret"], str(empty_sandbox.state / "logs")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert found.stdout == ""
