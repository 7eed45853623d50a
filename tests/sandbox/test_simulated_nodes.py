"""A pool past its region's limit of real nodes: simulated ones that take pods, tell what they are, and leave.

Which nodes are simulated is tested in tests/unit/sandbox/cloud; a region with simulated nodes only in test_rootless.py.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.container_service import ContainerService
from sandbox import cloud_process, lifecycle
from sandbox.progress import Progress
from sandbox.region import Region
from sandbox.region.pause_image import REFERENCE as PAUSE
from sandbox.settings import SandboxSettings
from tests.sandbox.cluster import Cluster, wait_for

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.timeout(600),
    # The cloud is meant to outlive who starts it.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

REGION = "cn-hangzhou"
TAINT = {"key": "business", "value": "qa", "effect": "NoSchedule"}
SIMULATED, REAL = "sandbox/simulated=true", "sandbox/simulated!=true"


class Play:
    """A pool of three GPU nodes in a region that may have one real one."""

    def __init__(self, settings: SandboxSettings, folder: Path) -> None:
        self.settings = settings
        self.service = ContainerService(settings, REGION)
        cloud_process.ask(settings, "PUT", "nodes", {"region": REGION, "real_nodes": 1})
        self.cluster, switch = self.service.create_cluster()
        config = {"labels": [{"key": "business", "value": "qa"}], "taints": [TAINT]}
        self.pool = self.service.create_pool(self.cluster, switch, 3, kubernetes_config=config)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(self.service.kubeconfig(self.cluster))
        self.kubernetes = Cluster(kubeconfig, "default")

    def pods(self) -> list[dict[str, Any]]:
        """The pods with their nodes, once all three run."""
        pods = self.kubernetes.objects("pods", "--selector", "app=one-a-node")
        running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
        return running if len(running) == 3 else []


@pytest.fixture(scope="module")
def play(
    empty_sandbox: SandboxSettings, progress: Progress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Play]:
    lifecycle.start(empty_sandbox, progress)
    play = Play(empty_sandbox, tmp_path_factory.mktemp("simulated"))
    yield play
    play.service.close()


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """Pods that need a GPU each, and so a node each."""
    container = {"name": "main", "image": PAUSE, "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    toleration = {"key": "business", "operator": "Exists"}
    pod = {"containers": [container], "tolerations": [toleration], "terminationGracePeriodSeconds": 1}
    template = {"metadata": {"labels": {"app": name}}, "spec": {**pod, **spec.pop("pod", {})}}
    version = "batch/v1" if kind == "Job" else "apps/v1"
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {**spec, "template": template}}


def test_nodes_past_the_limit_are_simulated_and_look_like_the_pools_others(play: Play) -> None:
    (real,) = play.kubernetes.objects("nodes", "--selector", REAL)
    simulated = play.kubernetes.objects("nodes", "--selector", SIMULATED)
    assert len(simulated) == 2
    for node in simulated:
        assert node["status"]["allocatable"]["nvidia.com/gpu"] == real["status"]["allocatable"]["nvidia.com/gpu"]
        assert node["status"]["capacity"]["cpu"] == real["status"]["capacity"]["cpu"]
        assert node["metadata"]["labels"]["business"] == "qa"
        assert TAINT in node["spec"]["taints"]
    found = cloud_process.ask(play.settings, "GET", "nodes")["regions"]
    assert sorted(node["simulated"] for node in found[0]["nodes"]) == [False, True, True]


def test_pods_run_on_all_of_them_and_the_simulated_ones_say_that_they_only_seem_to(play: Play) -> None:
    play.kubernetes.apply(
        workload("Deployment", "one-a-node", replicas=3, selector={"matchLabels": {"app": "one-a-node"}})
    )
    pods = wait_for("three running pods", play.pods, 120)
    reasons = sorted(pod["status"].get("reason", "") for pod in pods)
    assert reasons == ["", "Simulated", "Simulated"]
    name = next(pod["metadata"]["name"] for pod in pods if pod["status"].get("reason"))
    assert "Simulated" in play.kubernetes.run("get", "pod", name)
    assert "Nothing runs here" in play.kubernetes.run("logs", name)
    events = play.kubernetes.objects("events", "--field-selector", "reason=Simulated", "--all-namespaces")
    assert {event["involvedObject"]["kind"] for event in events} == {"Node"}


def test_pods_of_a_node_that_was_silent_are_ready_again(play: Play) -> None:
    name = next(pod["metadata"]["name"] for pod in play.pods() if pod["status"].get("reason"))
    # What the node lifecycle controller writes when it gives a node up.
    conditions = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    play.kubernetes.run("patch", "pod", name, "--subresource=status", "--patch", json.dumps(conditions))
    play.kubernetes.run("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=20s")


def test_a_job_on_simulated_nodes_ends(play: Play) -> None:
    play.kubernetes.run("delete", "deployment", "one-a-node")
    pod = {"restartPolicy": "Never", "nodeSelector": {"sandbox/simulated": "true"}}
    play.kubernetes.apply(workload("Job", "once", completions=4, parallelism=2, pod=pod))
    play.kubernetes.run("wait", "job/once", "--for=condition=Complete", "--timeout=50s")


def test_nodes_come_back_when_who_plays_them_was_killed(play: Play) -> None:
    region = Region(REGION, 0, play.settings)
    pid_file = region.layout.runtime / "control-plane" / "kwok.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    wait_for("its death", lambda: not region.is_running(), 10)
    region.start()
    play.kubernetes.apply(
        workload("Deployment", "one-a-node", replicas=3, selector={"matchLabels": {"app": "one-a-node"}})
    )
    wait_for("three running pods", play.pods, 120)


def test_a_pool_that_shrinks_loses_its_simulated_nodes_with_their_pods(play: Play) -> None:
    play.service.resize_pool(play.cluster, play.pool, 1)
    assert play.kubernetes.objects("nodes", "--selector", SIMULATED) == []
    assert len(play.kubernetes.objects("nodes")) == 1
    pods = play.kubernetes.objects("pods", "--selector", "app=one-a-node")
    assert sorted(pod["spec"].get("nodeName") is None for pod in pods) == [False, True, True]
