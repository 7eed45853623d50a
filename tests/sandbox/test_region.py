"""A real region end to end: real control plane, real kubelets, real containers, and nothing left behind.

Runs at an index of its own, with node images of its own (one small static program), so that a sandbox that is in use
on the same machine is not touched. Not covered here: the trainer's image and the emulator, which have their own tests.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest

from sandbox.addresses import Addresses
from sandbox.paths import REPOSITORY
from sandbox.region import (
    NodeSpec,
    Region,
    RegionError,
    ensure_cloud_interface,
    leftovers,
    remove_cloud_interface,
    sweep,
)
from sandbox.region.machine import KERNEL_PARAMETERS
from sandbox.region.processes import start_time
from sandbox.settings import SandboxSettings
from tests.sandbox.probe_region import IMAGE, Cluster, build_probe_image

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

INDEX = 12
OUTSIDE = "203.0.113.10:80"  # reserved for documentation: no such host
BUSINESS_TAINT = {"key": "business", "value": "qa", "effect": "NoSchedule"}
GPU_NODE = NodeSpec(
    name="gpu-1",
    labels={"business": "qa", "node-role.kubernetes.io/training": "true"},
    taints=[BUSINESS_TAINT],
    instance_type="ecs.gn6i-c4g1.xlarge",
    cpu_cores=4,
    memory_mebibytes=15360,
    gpus=1,
)
SMALL_NODE = NodeSpec(name="small", memory_mebibytes=512)
"""Claims less memory than the machine uses already."""
PLAIN_NODE = NodeSpec(name="plain-1", instance_type="ecs.g7.large", cpu_cores=2, memory_mebibytes=8192)


def machine_wide() -> dict[str, str]:
    """What a sandbox must not change on the machine: kernel parameters that daemons like to set, the firewall."""
    names = [*KERNEL_PARAMETERS, "net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"]
    values = {name: Path("/proc/sys", name).read_text() for name in names}
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, timeout=30, check=True).stdout
    return {**values, "rules": "".join(line for line in rules.splitlines(keepends=True) if not line.startswith("#"))}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The machine before the first region."""
    return machine_wide()


@pytest.fixture(scope="module")
def settings(before: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxSettings]:
    """A sandbox of its own; at the end, a last line of defence, not the thing under test."""
    folder = tmp_path_factory.mktemp("sandbox")
    made = SandboxSettings("region-test", Addresses(INDEX), folder / "state", folder / "cache")
    sweep(made.addresses, made.state)
    build_probe_image(made)
    yield made
    sweep(made.addresses, made.state)


@pytest.fixture(scope="module")
def region(settings: SandboxSettings) -> Region:
    """A region with a GPU node and a plain one."""
    made = Region("cn-hangzhou", 0, settings)
    made.start()
    made.add_node(GPU_NODE)
    made.add_node(PLAIN_NODE)
    return made


@pytest.fixture(scope="module")
def cluster(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The region with a server on each node."""
    made = Cluster(region, tmp_path_factory.mktemp("kubeconfig"))
    made.run("on-gpu", "gpu-1")
    made.run("on-plain", "plain-1")
    for pod in ("on-gpu", "on-plain"):
        made.kubectl("expose", "pod", pod, "--port=80", "--target-port=8080")
    return made


def test_a_node_reports_what_its_specification_says(cluster: Cluster) -> None:
    node = cluster.node("gpu-1")
    capacity = node["status"]["capacity"]  # type: ignore[index]
    assert (capacity["cpu"], capacity["memory"], capacity["nvidia.com/gpu"]) == ("4", "15Gi", "1")
    labels = node["metadata"]["labels"]  # type: ignore[index]
    assert labels["business"] == "qa"
    assert labels["node-role.kubernetes.io/training"] == "true"
    assert labels["node.kubernetes.io/instance-type"] == "ecs.gn6i-c4g1.xlarge"
    assert node["spec"]["taints"] == [BUSINESS_TAINT]  # type: ignore[index]


def test_adding_a_node_twice_changes_nothing(region: Region) -> None:
    before = time.monotonic()
    region.add_node(GPU_NODE)
    assert time.monotonic() - before < 5
    assert region.node_names() == ["gpu-1", "plain-1"]


def test_a_pod_with_a_gpu_is_placed_and_its_log_is_read_from_the_host(cluster: Cluster) -> None:
    cluster.run("with-gpu", gpus=1)
    assert cluster.kubectl("get", "pod", "with-gpu", "-o", "jsonpath={.spec.nodeName}") == "gpu-1"
    assert cluster.kubectl("logs", "with-gpu") == "serving\n"
    assert cluster.ask("with-gpu", "environment", "NVIDIA_VISIBLE_DEVICES") == "GPU-0"


@pytest.mark.parametrize("pod", ["on-gpu", "on-plain"])
def test_a_service_answers_by_address_and_by_name_from_both_nodes_and_from_its_own_pod(
    cluster: Cluster, pod: str
) -> None:
    address = cluster.kubectl("get", "service", "on-gpu", "-o", "jsonpath={.spec.clusterIP}")
    assert cluster.ask(pod, "fetch", f"http://{address}") == "on-gpu"
    assert cluster.ask(pod, "fetch", "http://on-gpu.default.svc.cluster.local") == "on-gpu"


def test_pods_of_two_nodes_talk_directly(cluster: Cluster) -> None:
    address = cluster.kubectl("get", "pod", "on-plain", "-o", "jsonpath={.status.podIP}")
    assert cluster.ask("on-gpu", "fetch", f"http://{address}:8080") == "on-plain"


def test_every_name_of_the_cloud_is_the_clouds_address_and_pods_reach_it(
    cluster: Cluster, settings: SandboxSettings
) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"cloud asked by {self.client_address[0]}".encode())

        def log_message(self, format: str, *values: object) -> None:
            return

    name = "bucket.oss-cn-hangzhou-internal.aliyuncs.com"
    assert cluster.ask("on-gpu", "resolve", name) == str(settings.addresses.cloud)
    with http.server.HTTPServer((str(settings.addresses.cloud), 8080), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = cluster.ask("on-gpu", "fetch", f"http://{name}:8080")
        server.shutdown()
    assert answer == f"cloud asked by {settings.addresses.node(0, 0)}"


def test_an_autoscaler_scales_on_the_processor_time_that_kubelets_report(cluster: Cluster) -> None:
    container = {"name": "probe", "image": IMAGE, "args": ["burn", "10ms"], "resources": {"requests": {"cpu": "20m"}}}
    labels = {"app": "busy"}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "busy"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    cluster.kubectl("apply", "-f", "-", text=json.dumps(deployment))
    cluster.kubectl("autoscale", "deployment", "busy", "--cpu=50%", "--min=1", "--max=2")
    (line,) = eventually(lambda: cluster.kubectl("top", "pods", "--no-headers", "--selector=app=busy")).splitlines()
    assert int(line.split()[1].removesuffix("m")) > 20
    assert {line.split()[0] for line in cluster.kubectl("top", "nodes", "--no-headers").splitlines()} >= {"plain-1"}
    cluster.kubectl("wait", "deployment/busy", "--for=jsonpath={.spec.replicas}=2", "--timeout=60s")
    cluster.kubectl("delete", "deployment/busy", "horizontalpodautoscaler/busy")


def test_nothing_outside_is_reached_from_a_pod_or_a_node(cluster: Cluster) -> None:
    with pytest.raises(RuntimeError, match=r"unreachable|timeout"):
        cluster.ask("on-plain", "dial", OUTSIDE)
    for namespace in ("lmc12-cn-hangzhou", "lmc12-cn-hangzhou.plain-1"):
        routes = subprocess.run(
            ["ip", "-netns", namespace, "route"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
        assert "default" not in routes


def test_a_projected_token_is_verified_with_the_regions_public_key(cluster: Cluster) -> None:
    token = cluster.kubectl("create", "token", "default", "--audience=sts.aliyuncs.com").strip()
    claims = jwt.decode(
        token,
        cluster.region.service_account_public_key(),
        algorithms=["RS256"],
        audience="sts.aliyuncs.com",
        issuer=cluster.region.issuer,
    )
    assert claims["sub"] == "system:serviceaccount:default:default"


def test_a_killed_container_is_restarted_by_its_kubelet(cluster: Cluster) -> None:
    cluster.region.kill_container("default", "on-plain")
    path = "jsonpath={.status.containerStatuses[0].restartCount}"
    cluster.kubectl(
        "wait", "pod/on-plain", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=60s"
    )
    assert cluster.kubectl("get", "pod", "on-plain", "-o", path) == "1"
    code = "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}"
    assert cluster.kubectl("get", "pod", "on-plain", "-o", code) == "137"


def test_killing_what_does_not_run_names_what_there_is(cluster: Cluster) -> None:
    with pytest.raises(RegionError, match="no pod default/absent"):
        cluster.region.kill_container("default", "absent")
    with pytest.raises(RegionError, match=r"name one of its containers \(probe\), not 'other'"):
        cluster.region.kill_container("default", "on-gpu", "other")


def test_gpus_survive_a_killed_kubelet(cluster: Cluster) -> None:
    kill_daemon(cluster.region, "node-gpu-1/kubelet")
    cluster.region.start()
    cluster.region.add_node(GPU_NODE)
    assert cluster.node("gpu-1")["status"]["allocatable"]["nvidia.com/gpu"] == "1"  # type: ignore[index]
    assert eventually(lambda: cluster.ask("on-gpu", "fetch", "http://on-plain.default.svc.cluster.local")) == "on-plain"


def test_a_second_region_runs_beside_the_first(cluster: Cluster, settings: SandboxSettings, tmp_path: Path) -> None:
    second = Region("cn-shanghai", 1, settings)
    second.start()
    second.add_node(PLAIN_NODE)
    other = Cluster(second, tmp_path)
    other.run("alone", "plain-1")
    assert other.ask("alone", "environment", "NVIDIA_VISIBLE_DEVICES") == ""
    with pytest.raises(RuntimeError, match=r"unreachable|refused|timeout"):
        other.ask("alone", "dial", f"{settings.addresses.control_plane(0)}:6443")
    second.purge()
    assert not [line for line in leftovers(settings.addresses, settings.state) if "shanghai" in line]
    assert cluster.ask("on-gpu", "fetch", "http://on-plain") == "on-plain"


def test_a_node_that_claims_little_memory_is_under_no_pressure_from_the_rest_of_the_machine(cluster: Cluster) -> None:
    cluster.region.add_node(SMALL_NODE)
    cluster.run("in-a-small-node", "small")
    cluster.region.remove_node("small")


def test_a_removed_node_leaves_nothing(cluster: Cluster, settings: SandboxSettings) -> None:
    cluster.region.add_node(NodeSpec(name="short-lived"))
    cluster.run("doomed", "short-lived")
    cluster.region.remove_node("short-lived")
    cluster.region.remove_node("short-lived")
    assert cluster.region.node_names() == ["gpu-1", "plain-1"]
    assert "short-lived" not in cluster.kubectl("get", "nodes", "-o", "name")
    assert "doomed" not in cluster.kubectl("get", "pods", "-o", "name")
    assert not [line for line in leftovers(settings.addresses, settings.state) if "short-lived" in line]
    assert not list(cluster.region.layout.state.rglob("*short-lived*"))


def test_a_new_node_that_fails_is_removed_and_its_logs_are_kept(
    cluster: Cluster, settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sandbox.region.node.binary", lambda name: Path("/bin/false" if name == "kubelet" else f"/usr/bin/{name}")
    )
    with pytest.raises(RegionError, match="kubelet of node broken"):
        cluster.region.add_node(NodeSpec(name="broken"))
    assert cluster.region.node_names() == ["gpu-1", "plain-1"]
    assert not [line for line in leftovers(settings.addresses, settings.state) if "broken" in line]
    assert (cluster.region.layout.logs / "failed-broken" / "kubelet.log").exists()


def test_a_stopped_region_comes_back_with_its_objects_and_its_pods(cluster: Cluster) -> None:
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    cluster.region.stop()
    assert not cluster.region.is_running()
    cluster.region.start()
    assert cluster.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"
    for spec in (GPU_NODE, PLAIN_NODE):
        cluster.region.add_node(spec)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/on-gpu", "pod/on-plain", "--timeout=60s")


@pytest.mark.parametrize(
    "victim", ["control-plane/kube-apiserver", "control-plane/etcd", "control-plane/kube-scheduler"]
)
def test_start_heals_a_region_whose_process_was_killed(cluster: Cluster, victim: str) -> None:
    kill_daemon(cluster.region, victim)
    assert not cluster.region.is_running()
    cluster.region.start()
    assert cluster.region.is_running()
    assert "on-gpu" in cluster.kubectl("get", "pods", "-o", "name")


def test_nothing_is_left_after_kills_and_a_stop(
    cluster: Cluster, settings: SandboxSettings, before: dict[str, str]
) -> None:
    for victim in ("control-plane/etcd", "node-gpu-1/containerd", "node-gpu-1/kubelet", "node-plain-1/kube-proxy"):
        kill_daemon(cluster.region, victim)
    cluster.region.stop()
    cluster.region.stop()
    remove_cloud_interface(settings.addresses)
    assert leftovers(settings.addresses, settings.state) == []
    assert machine_wide() == before


@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0, 9.0])
def test_a_killed_starter_leaves_nothing_that_a_sweep_without_state_does_not_find(
    settings: SandboxSettings, tmp_path: Path, seconds: float
) -> None:
    """The worst case: the starter dies at some moment, and the state directory is deleted before anyone cleans up."""
    state = tmp_path / "state"
    program = f"""
from pathlib import Path
from sandbox.addresses import Addresses
from sandbox.region import NodeSpec, Region
from sandbox.region.processes import start_time
from sandbox.settings import SandboxSettings
settings = SandboxSettings("region-test", Addresses({INDEX}), Path({str(state)!r}), Path({str(settings.cache)!r}))
region = Region("cn-beijing", 2, settings)
region.start()
for number in range(50):
    region.add_node(NodeSpec(name=f"node-{{number}}", gpus=1))
"""
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)
    with pytest.raises(subprocess.TimeoutExpired):
        starter.wait(timeout=seconds)
    starter.send_signal(signal.SIGKILL)
    starter.wait(timeout=10)
    shutil.rmtree(state, ignore_errors=True)
    sweep(settings.addresses, state)
    assert leftovers(settings.addresses, state) == []


def test_the_cloud_interface_is_made_once_and_goes(settings: SandboxSettings) -> None:
    ensure_cloud_interface(settings.addresses)
    ensure_cloud_interface(settings.addresses)
    assert leftovers(settings.addresses, settings.state) == ["interface lmc12-cloud"]
    remove_cloud_interface(settings.addresses)
    remove_cloud_interface(settings.addresses)
    assert leftovers(settings.addresses, settings.state) == []


def eventually(question: Callable[[], str], seconds: float = 30) -> str:
    """The first answer that is not an error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def kill_daemon(region: Region, path: str) -> None:
    """SIGKILL a daemon by its pid file below the region's runtime directory."""
    pid = int((region.layout.runtime / f"{path}.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while start_time(pid) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} does not die")
        os.sched_yield()
