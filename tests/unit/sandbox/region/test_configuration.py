"""What the daemons are told: rendered configuration holds what the design rests on."""

from __future__ import annotations

import base64
import json
import tomllib
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from sandbox.addresses import Addresses
from sandbox.region import container_runtime, dns, kubelet, metrics_server, policy_access
from sandbox.region import control_plane_arguments as control_plane
from sandbox.region.layout import RegionLayout, pod_network
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings

LAYOUT = RegionLayout(SandboxSettings("test", Addresses(3), Path("/state"), Path("/cache")), "cn-hangzhou", 1)
NODE = LAYOUT.node("gpu-1")
TAINT = {"key": "business", "value": "qa", "effect": "NoSchedule"}


def flags(arguments: list[str]) -> dict[str, str]:
    pairs = (argument.removeprefix("--").partition("=") for argument in arguments)
    return {name: value or "true" for name, _, value in pairs}


def test_the_api_server_speaks_tls_to_everyone_and_advertises_its_own_address() -> None:
    given = flags(control_plane.api_server_arguments(LAYOUT, LAYOUT.pki))
    assert given["advertise-address"] == "172.30.50.2"
    assert given["service-account-issuer"] == "https://172.30.50.2:6443"
    assert given["authorization-mode"] == "Node,RBAC"
    assert given["enable-admission-plugins"] == "NodeRestriction"
    assert given["kubelet-preferred-address-types"] == "InternalDNS,InternalIP"
    assert given["etcd-servers"].startswith("https://")
    assert "kubelet-certificate-authority" in given
    assert "WatchList=false" in given["feature-gates"]
    assert "disable-admission-plugins" not in given


def test_etcd_takes_only_clients_with_a_certificate() -> None:
    given = flags(control_plane.etcd_arguments(LAYOUT, LAYOUT.pki))
    assert given["client-cert-auth"] == given["peer-client-cert-auth"] == "true"
    assert all(value.startswith("https://") for name, value in given.items() if name.endswith("urls"))


@pytest.mark.parametrize("arguments", [control_plane.controller_manager_arguments, control_plane.scheduler_arguments])
def test_single_instances_elect_no_leader_and_serve_nobody_outside(arguments: object) -> None:
    given = flags(arguments(LAYOUT, LAYOUT.pki))  # type: ignore[operator]
    assert given["leader-elect"] == "false"
    assert given["bind-address"] == "127.0.0.1"


def test_dns_answers_the_clouds_names_with_its_address_and_never_asks_the_machines_resolver() -> None:
    text = dns.render_corefile(IPv4Address("172.30.50.2"), IPv4Address("172.30.48.1"), "/pki/coredns.kubeconfig")
    assert 'answer "{{ .Name }} 60 IN A 172.30.48.1"' in text
    assert "forward . 172.30.48.1:53" in text
    assert "resolv.conf" not in text
    assert text.count("bind 172.30.50.2") == 3
    assert "96.10.in-addr.arpa 244.10.in-addr.arpa" in text
    assert text.count("{") == text.count("}")


def test_dns_objects_point_the_kube_dns_service_at_the_process() -> None:
    objects = dict(dns.service_objects(IPv4Address("172.30.50.2")))
    service = objects["/api/v1/namespaces/kube-system/services/kube-dns"]
    assert service["spec"]["clusterIP"] == "10.96.0.10"
    slice_ = next(body for body in objects.values() if body["kind"] == "EndpointSlice")
    assert slice_["endpoints"][0]["addresses"] == ["172.30.50.2"]


def test_metrics_are_served_to_those_for_whom_the_api_server_vouches() -> None:
    given = flags(metrics_server.arguments(IPv4Address("172.30.50.2"), LAYOUT.pki))
    assert (given["bind-address"], given["kubelet-preferred-address-types"]) == ("172.30.50.2", "InternalIP")
    assert given["requestheader-allowed-names"] == "front-proxy-client"
    assert "kubelet-insecure-tls" not in given
    objects = {body["kind"]: body for _, body in metrics_server.objects(IPv4Address("172.30.50.2"), "PEM")}
    assert objects["EndpointSlice"]["endpoints"][0]["addresses"] == ["172.30.50.2"]
    assert base64.b64decode(objects["APIService"]["spec"]["caBundle"]) == b"PEM"
    assert objects["APIService"]["spec"]["service"]["name"] == objects["Service"]["metadata"]["name"]


def test_containerd_is_configured_for_a_machine_that_may_not_lower_oom_scores() -> None:
    text = container_runtime.render_configuration(Path('/state/a "b"'), Path("/state/cni"), "pause:1")
    document = tomllib.loads(text)
    runtime = document["plugins"]["io.containerd.grpc.v1.cri"]
    assert document["root"] == '/state/a "b"'
    assert runtime["restrict_oom_score_adj"] is True
    assert runtime["sandbox_image"] == "pause:1"
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_pods_are_routed_and_their_addresses_are_not_translated_by_the_plugin() -> None:
    first, *others = json.loads(container_runtime.render_pod_network(pod_network(0), Path("/run/socket")))["plugins"]
    assert (first["type"], first["ipMasq"]) == ("ptp", False)
    assert first["ipam"]["ranges"] == [[{"subnet": "10.244.255.0/24"}]]
    assert [plugin["type"] for plugin in others] == ["portmap", "network-policy"]
    assert others[-1]["socket"] == "/run/socket"


def test_kubelet_uses_the_nodes_control_group_and_the_clusters_dns() -> None:
    document = json.loads(kubelet.render_kubelet_configuration(NODE, 4, Path("/pki/ca.pem")))
    assert document["cgroupRoot"] == "/lmc3-cn-hangzhou/node-gpu-1"
    assert document["clusterDNS"] == ["172.30.50.2"]
    assert document["address"] == "172.30.50.14"
    assert document["authentication"]["anonymous"]["enabled"] is False
    assert document["resolvConf"].startswith("/state/")
    assert document["evictionHard"]["memory.available"] == "0%"
    assert (document["failCgroupV1"], document["oomScoreAdj"]) == (False, 0)


def test_a_full_disk_is_a_limit_that_it_can_never_meet_and_nothing_else_changes() -> None:
    healthy = kubelet.render_kubelet_configuration(NODE, 4, Path("/pki/ca.pem"))
    full = json.loads(kubelet.with_full_disk(healthy, 2**40))
    assert full["evictionHard"].pop("nodefs.available") == str(2**40)
    expected = json.loads(healthy)
    del expected["evictionHard"]["nodefs.available"]
    assert full == expected


def test_who_enforces_policies_may_read_and_change_nothing() -> None:
    role, binding = (body for _, body in policy_access.objects())
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert binding["subjects"][0]["name"] == policy_access.USER
    given = flags(control_plane.network_policy_arguments(LAYOUT, LAYOUT.pki))
    assert (given["prefix"], given["dns"]) == ("lmc3-cn-hangzhou.", "172.30.50.2")
    assert len(given["socket"]) < 108


def test_a_node_has_the_machines_plugins_and_ours_in_one_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    (machine / "ptp").touch()
    monkeypatch.setattr(container_runtime, "PLUGIN_DIRECTORY", machine)
    for _ in range(2):
        container_runtime.write_plugins(tmp_path / "node")
    assert (tmp_path / "node" / "ptp").readlink() == machine / "ptp"
    ours = tmp_path / "node" / container_runtime.POLICY_PLUGIN
    assert ours.stat().st_mode & 0o111
    assert str(container_runtime.POLICY_PROGRAM) in ours.read_text()
    assert container_runtime.POLICY_PROGRAM.exists()


def test_kube_proxy_leaves_the_machines_connection_tracking_alone() -> None:
    document = json.loads(kubelet.render_proxy_configuration(NODE))
    assert document["conntrack"]["maxPerCore"] == document["conntrack"]["min"] == 0
    assert document["iptables"]["localhostNodePorts"] is False


def test_the_node_object_has_labels_taints_and_pods_range_from_the_start() -> None:
    spec = NodeSpec("gpu-1", {"business": "qa", "node-restriction.kubernetes.io/x": "y"}, [TAINT], "ecs.gn6i", gpus=1)
    body = kubelet.node_object(spec, 0, "cn-hangzhou")
    labels = body["metadata"]["labels"]
    assert labels["business"] == "qa"
    assert labels["node-restriction.kubernetes.io/x"] == "y"
    assert labels["node.kubernetes.io/instance-type"] == "ecs.gn6i"
    assert labels["topology.kubernetes.io/region"] == "cn-hangzhou"
    assert body["spec"] == {"podCIDR": "10.244.255.0/24", "podCIDRs": ["10.244.255.0/24"], "taints": [TAINT]}


def node(*, ready: str = "True", gpus: str | None = None, taint: str | None = None) -> dict[str, object]:
    allocatable = {} if gpus is None else {"nvidia.com/gpu": gpus}
    taints = [] if taint is None else [{"key": taint, "effect": "NoSchedule"}]
    conditions = [{"type": "Ready", "status": ready}]
    return {"spec": {"taints": taints}, "status": {"conditions": conditions, "allocatable": allocatable}}


def test_a_node_is_ready_with_its_gpus_and_without_a_taint_of_its_condition() -> None:
    assert kubelet.is_ready(node(gpus="2", taint="business"), 2)
    assert kubelet.is_ready(node(), 0)
    assert not kubelet.is_ready(node(gpus="0"), 2)
    assert not kubelet.is_ready(node(ready="Unknown"), 0)
    assert not kubelet.is_ready(node(taint="node.kubernetes.io/not-ready"), 0)
    assert not kubelet.is_ready({}, 0)
    assert not kubelet.is_ready(None, 0)


def test_a_report_of_the_kubelet_before_does_not_count() -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    found = node()
    found["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-01-02T03:04:05Z"  # type: ignore[index]
    assert kubelet.is_ready(found, 0, started)
    assert not kubelet.is_ready(found, 0, started + timedelta(seconds=1))
    assert not kubelet.is_ready(node(), 0, started)


def test_a_specification_survives_its_state_file() -> None:
    spec = NodeSpec("gpu-1", {"a": "b"}, [TAINT], "ecs.gn6i", 4, 15360, 1)
    assert NodeSpec.from_dictionary(json.loads(json.dumps(spec.to_dictionary()))) == spec


def test_a_node_pulls_every_image_from_the_clouds_address(tmp_path: Path) -> None:
    text = container_runtime.render_configuration(Path("/s"), Path("/c"), "pause:1", registries=tmp_path)
    runtime = tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]
    assert runtime["registry"]["config_path"] == str(tmp_path)
    container_runtime.write_registries(tmp_path, "172.30.0.1", "the authority")
    hosts = tomllib.loads((tmp_path / "_default" / "hosts.toml").read_text())
    assert hosts["server"] == "https://172.30.0.1"
    assert list(hosts["host"]) == ["https://172.30.0.1"]
    for place in (hosts, *hosts["host"].values()):
        assert Path(place["ca"]).read_text() == "the authority"
