"""What kwok is told, and the nodes that it plays; kwok itself runs in tests/sandbox/test_simulated_nodes.py."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.addresses import CLUSTER_NETWORK, MAXIMUM_SIMULATED_NODES, POD_NETWORK, SERVICE_NETWORK, Addresses
from sandbox.region.control_plane import ControlPlane
from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout, simulated_pod_network
from sandbox.region.simulation import kwok
from sandbox.region.simulation.node_object import is_ready, node_object
from sandbox.region.simulation.nodes import SimulatedNodes
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings

TAINT = {"key": "business", "value": "qa", "effect": "NoSchedule"}
SPEC = NodeSpec("cn-hangzhou.198.18.0.3", {"business": "qa"}, [TAINT], "ecs.gn6i-c4g1.xlarge", 4, 15360, 1, simulated=2)


def layout(state: Path = Path("/state"), *, rootless: bool = False) -> RegionLayout:
    return RegionLayout(SandboxSettings("test", Addresses(3), state, Path("/cache"), rootless), "cn-hangzhou", 1)


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(kwok.render_configuration(layout())))


def stage(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {document["metadata"]["name"]: document for document in stages()}[name]["spec"]
    return found


def stages() -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == "Stage"]


def test_kwok_plays_the_labelled_nodes_only_and_listens_where_no_other_region_does() -> None:
    given = dict(argument.removeprefix("--").split("=", 1) for argument in kwok.arguments(layout(), Path("/pki")))
    assert given["manage-nodes-with-label-selector"] == "sandbox/simulated=true"
    assert "manage-all-nodes" not in given
    assert given["server-address"] == "127.0.0.1:10247"
    rootless = kwok.arguments(layout(rootless=True), Path("/pki"))
    assert "--server-address=127.0.0.1:21625" in rootless


def test_the_stages_are_those_of_a_node_and_of_a_pods_life() -> None:
    names = [document["metadata"]["name"] for document in stages()]
    assert names == ["node-ready", "node-heartbeat", "pod-ready", "pod-ready-again", "pod-complete", "pod-delete"]
    assert {document["apiVersion"] for document in stages()} == {"kwok.x-k8s.io/v1alpha1"}


def test_a_simulated_pod_is_shown_as_such_wherever_one_looks() -> None:
    template = stage("pod-ready")["next"]["statusTemplate"]
    assert "reason: Simulated" in template
    assert "no container of it runs" in template
    assert stage("node-ready")["next"]["event"]["reason"] == "Simulated"
    assert "Nothing runs here" in kwok.log_lines(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))


def test_only_a_jobs_pods_end_by_themselves_after_what_they_ask_for() -> None:
    spec = stage("pod-complete")
    kinds = [rule["values"] for rule in spec["selector"]["matchExpressions"] if "ownerReferences" in rule["key"]]
    assert kinds == [["Job"]]
    assert "pod-complete.stage.kwok.x-k8s.io/delay" in spec["delay"]["durationFrom"]["expressionFrom"]


def test_leases_are_renewed_twice_before_a_node_is_given_up() -> None:
    latest_renewal = kwok.LEASE_SECONDS / 4 * 1.1
    assert 2 * latest_renewal < 50  # the controller manager's grace period


def test_kwok_may_not_read_secrets_nor_delete_nodes() -> None:
    role = next(body for _, body in kwok.objects() if body["kind"] == "ClusterRole")
    granted = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert ("pods", "delete") in granted
    assert ("nodes", "delete") not in granted
    assert not any(resource in ("secrets", "*") or verb == "*" for resource, verb in granted)


def test_a_simulated_node_has_its_pools_labels_taints_size_and_gpus() -> None:
    node = node_object(SPEC, layout(), "v1.34.4")
    labels = node["metadata"]["labels"]
    assert (labels["business"], labels["sandbox/simulated"]) == ("qa", "true")
    assert labels["node.kubernetes.io/instance-type"] == "ecs.gn6i-c4g1.xlarge"
    assert node["spec"]["taints"] == [TAINT]
    assert node["status"]["allocatable"] == node["status"]["capacity"]
    assert node["status"]["capacity"].items() >= {"cpu": "4", "memory": "15360Mi", "nvidia.com/gpu": "1"}.items()


def test_no_load_balancer_leads_packets_to_a_simulated_node() -> None:
    labels = node_object(SPEC, layout(), "v1.34.4")["metadata"]["labels"]
    assert "node.kubernetes.io/exclude-from-external-load-balancers" in labels


def test_a_real_node_is_not_made_simulated_by_mistake() -> None:
    with pytest.raises(ValueError, match="is a real one"):
        node_object(NodeSpec("a"), layout(), "v1.34.4")


def test_a_simulated_node_is_ready_when_no_condition_says_otherwise() -> None:
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "spec": {"taints": [TAINT]}}
    assert is_ready(ready)
    assert not is_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    waiting = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert not is_ready({**ready, "spec": {"taints": [waiting]}})


def test_pods_of_simulated_nodes_have_ranges_that_no_real_node_has() -> None:
    networks = {simulated_pod_network(number) for number in range(MAXIMUM_SIMULATED_NODES)}
    assert len(networks) == MAXIMUM_SIMULATED_NODES
    assert all(network.subnet_of(CLUSTER_NETWORK) and not network.overlaps(POD_NETWORK) for network in networks)
    assert POD_NETWORK.subnet_of(CLUSTER_NETWORK)
    assert not CLUSTER_NETWORK.overlaps(SERVICE_NETWORK)


@pytest.mark.parametrize("number", [-1, MAXIMUM_SIMULATED_NODES])
def test_a_simulated_node_outside_the_plan_is_refused(number: int) -> None:
    with pytest.raises(RegionError, match=r"outside 0\.\.3839"):
        simulated_pod_network(number)


def test_addresses_of_simulated_nodes_tell_their_number_and_meet_in_no_region() -> None:
    addresses = Addresses(3)
    found = [(slot, addresses.simulated_node(slot, number)) for slot in range(15) for number in (0, 7, 3839)]
    assert len({address for _, address in found}) == len(found)
    assert [addresses.simulated_number(slot, address) for slot, address in found] == [0, 7, 3839] * 15


def test_a_region_without_simulated_nodes_needs_no_kwok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.region.control_plane.binary", Path)
    region = layout(tmp_path)
    nodes = SimulatedNodes(region, ControlPlane(region))
    assert nodes.is_running()
    assert nodes.names() == []
    (region.state / "simulated-nodes").mkdir(parents=True)
    (region.state / "simulated-nodes" / f"{SPEC.name}.json").write_text("{}")
    assert nodes.names() == [SPEC.name]
    assert not nodes.is_running()


def test_nodes_are_forgotten_also_while_no_api_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.region.control_plane.binary", Path)
    region = layout(tmp_path)
    nodes = SimulatedNodes(region, ControlPlane(region))
    (region.state / "simulated-nodes").mkdir(parents=True)
    (region.state / "simulated-nodes" / "a.json").write_text("{}")
    nodes.remove(None, ["a", "never-there"])
    assert not nodes.has("a")
