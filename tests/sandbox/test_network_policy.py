"""Network policies drop real packets, and nodes fail as machines do: one region with two nodes and a few pods.

What a policy compiles to, case by case, is in tests/unit/sandbox/region/network_policy.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest

from infra.network_policies import policies as business_policies
from infra.settings.platform import Network, Switch
from sandbox.addresses import Addresses
from sandbox.region import NodeSpec, Region, ensure_cloud_interface, leftovers, node_faults, sweep
from sandbox.region.network_policy.rendering import CHAIN
from sandbox.region.processes import read_pid_file
from sandbox.settings import SandboxSettings
from tests.sandbox.cluster import wait_for
from tests.sandbox.probe_region import IMAGE, Cluster, build_probe_image

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

INDEX = 7
SECONDS = 20.0
"""Within which a change of policies is seen by packets; measured: 0.1 to 0.3 s."""
NODES = ("left", "right")
DENY_INGRESS = {"podSelector": {}, "policyTypes": ["Ingress"]}
DENY_EGRESS = {"podSelector": {}, "policyTypes": ["Egress"]}
DNS_EGRESS = {
    "podSelector": {},
    "policyTypes": ["Egress"],
    "egress": [
        {
            "to": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                }
            ],
            "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
        }
    ],
}


class Fences:
    """A cluster whose policies a test sets."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def set(self, namespace: str = "default", **specs: dict[str, Any]) -> None:
        for name, spec in specs.items():
            metadata = {"name": name.replace("_", "-"), "namespace": namespace}
            body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
            self.cluster.kubectl("apply", "-f", "-", text=json.dumps(body))

    def clear(self) -> None:
        for namespace in ("default", "qa"):
            self.cluster.kubectl("delete", "networkpolicies", "--all", f"--namespace={namespace}")

    def address(self, pod: str, namespace: str = "default") -> str:
        """Where a pod listens; waits while it has no address, since without one a client asks itself."""
        query = ("get", "pod", pod, f"--namespace={namespace}", "-o", "jsonpath={.status.podIP}")
        found = wait_for(f"an address of {pod}", lambda: self.cluster.kubectl(*query), SECONDS)
        return f"{found}:8080"

    def reaches(self, pod: str, target: str, namespace: str = "default") -> bool:
        return self.cluster.ask(pod, "reach", target, namespace) == "yes"

    def opened(self, pod: str, target: str, namespace: str = "default") -> None:
        wait_for(f"{pod} reaches {target}", lambda: self.reaches(pod, target, namespace), SECONDS)

    def shut(self, pod: str, target: str, namespace: str = "default") -> None:
        wait_for(f"{pod} is kept from {target}", lambda: not self.reaches(pod, target, namespace), SECONDS)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxSettings]:
    folder = tmp_path_factory.mktemp("sandbox")
    made = SandboxSettings("network-policy-test", Addresses(INDEX), folder / "state", folder / "cache")
    sweep(made.addresses, made.state)
    build_probe_image(made)
    yield made
    sweep(made.addresses, made.state)
    assert leftovers(made.addresses, made.state) == []


@pytest.fixture(scope="module")
def region(settings: SandboxSettings) -> Region:
    made = Region("cn-hangzhou", 0, settings)
    made.start()
    for name in NODES:
        made.add_node(NodeSpec(name))
    return made


@pytest.fixture(scope="module")
def cluster(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A server and a neighbour on one node, a friend and a stranger on the other, and a pod of another namespace."""
    made = Cluster(region, tmp_path_factory.mktemp("kubeconfig"))
    made.kubectl("create", "namespace", "qa")
    made.run("server", "left")
    made.run("neighbour", "left")
    made.run("friend", "right", labels={"role": "friend"})
    made.run("stranger", "right")
    made.run("worker", "right", namespace="qa")
    made.run("master", "left", namespace="qa")
    made.kubectl("expose", "pod", "server", "--port=80", "--target-port=8080")
    made.kubectl("expose", "pod", "master", "--port=80", "--target-port=8080", "--namespace=qa")
    return made


@pytest.fixture
def fences(cluster: Cluster) -> Iterator[Fences]:
    made = Fences(cluster)
    yield made
    made.clear()


def kernel_rules(region: Region, node: str) -> str:
    command = ["nsenter", f"--net=/run/netns/{region.layout.node(node).network_namespace}", "iptables-save"]
    return subprocess.run([*command, "-t", "mangle"], capture_output=True, text=True, timeout=30, check=True).stdout


def test_without_policies_there_is_no_rule_and_all_is_open(fences: Fences, region: Region) -> None:
    assert all(CHAIN not in kernel_rules(region, node) for node in NODES)
    for pod in ("neighbour", "friend", "stranger"):
        assert fences.reaches(pod, fences.address("server"))


def test_a_default_deny_shuts_both_nodes_and_the_service_but_not_the_probes_of_kubelet(fences: Fences) -> None:
    server = fences.address("server")
    fences.set(deny=DENY_INGRESS)
    for pod in ("neighbour", "friend"):
        fences.shut(pod, server)
        assert not fences.reaches(pod, "server.default.svc.cluster.local:80")
    assert fences.cluster.ask("server", "fetch", "http://server.default.svc.cluster.local") == "server"
    ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    assert fences.cluster.kubectl("get", "pod", "server", "-o", ready) == "True"


def test_an_allowed_label_passes_by_the_ports_name_and_others_do_not(fences: Fences) -> None:
    server = fences.address("server")
    friends = [{"podSelector": {"matchLabels": {"role": "friend"}}}]
    allow = {
        "podSelector": {"matchLabels": {"app": "server"}},
        "ingress": [{"from": friends, "ports": [{"port": "http"}]}],
    }
    fences.set(deny=DENY_INGRESS, allow=allow)
    fences.shut("stranger", server)
    fences.opened("friend", server)
    assert fences.cluster.ask("friend", "fetch", "http://server.default.svc.cluster.local") == "server"
    assert not fences.reaches("neighbour", server)
    assert not fences.reaches("worker", server, "qa")
    fences.cluster.kubectl("label", "pod", "stranger", "role=friend")
    fences.opened("stranger", server)
    fences.cluster.kubectl("label", "pod", "stranger", "role-")
    fences.shut("stranger", server)


def test_egress_is_shut_save_for_names_and_opens_again_with_the_policies_end(fences: Fences, region: Region) -> None:
    server = fences.address("server")
    fences.set(deny=DENY_EGRESS, names=DNS_EGRESS)
    for pod in ("neighbour", "friend"):
        fences.shut(pod, server)
        assert fences.cluster.ask(pod, "resolve", "server.default.svc.cluster.local")
    assert not fences.reaches("friend", f"{region.layout.control_plane_address}:6443")
    fences.clear()
    fences.opened("friend", server)


def test_a_new_pod_is_fenced_before_its_first_packet(fences: Fences) -> None:
    server = fences.address("server")
    fences.set(deny=DENY_EGRESS)
    fences.shut("friend", server)
    container = {"name": "probe", "image": IMAGE, "args": ["reach", server]}
    spec = {"restartPolicy": "Never", "nodeName": "right", "containers": [container]}
    names = [f"hasty-{number}" for number in range(3)]
    for name in names:
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        fences.cluster.kubectl("apply", "-f", "-", text=json.dumps(body))
    for name in names:
        fences.cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
        assert fences.cluster.kubectl("logs", name) == "no"
        fences.cluster.kubectl("delete", "pod", name, "--wait=false")


def test_rules_outlive_their_writer_and_its_successor_goes_on(fences: Fences, region: Region) -> None:
    server = fences.address("server")
    fences.set(deny=DENY_INGRESS)
    fences.shut("friend", server)
    before = [kernel_rules(region, node).splitlines()[1:-1] for node in NODES]
    pid = read_pid_file(region.layout.runtime / "control-plane" / "network-policy.pid")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for("its end", lambda: not region.is_running(), SECONDS)
    assert not fences.reaches("friend", server)
    region.start()
    assert not fences.reaches("friend", server)
    assert [kernel_rules(region, node).splitlines()[1:-1] for node in NODES] == before
    fences.clear()
    fences.opened("friend", server)


@contextlib.contextmanager
def listening(address: str, port: int) -> Iterator[None]:
    with socketserver.TCPServer((address, port), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_a_business_own_policies_let_training_work_and_nothing_else(
    fences: Fences, region: Region, settings: SandboxSettings
) -> None:
    switch = Switch(
        zone="cn-hangzhou-h", addresses=IPv4Network("172.16.0.0/20"), pod_addresses=IPv4Network("172.17.0.0/18")
    )
    network = Network(addresses=IPv4Network("172.16.0.0/12"), switches=(switch,))
    master, server = fences.address("master", "qa"), fences.address("server")
    fences.opened("worker", server, "qa")
    fences.set("qa", **business_policies(network, 8080))
    fences.shut("worker", server, "qa")
    fences.shut("friend", master)
    assert fences.reaches("worker", master, "qa"), "workers reach master and parameter servers"
    assert fences.reaches("worker", "master.qa.svc.cluster.local:80", "qa"), "and by their Service's name"
    assert fences.reaches("worker", "kubernetes.default.svc.cluster.local:443", "qa"), "the API server, by its Service"
    assert fences.cluster.ask("worker", "resolve", "sts.aliyuncs.com", "qa") == str(settings.addresses.cloud)
    ensure_cloud_interface(settings.addresses)
    with listening(str(settings.addresses.cloud), 443), listening(str(settings.addresses.cloud), 8443):
        assert fences.reaches("worker", "oss-cn-hangzhou-internal.aliyuncs.com:443", "qa"), "the cloud"
        assert not fences.reaches("worker", "oss-cn-hangzhou-internal.aliyuncs.com:8443", "qa")


def test_a_cut_cable_separates_a_node_and_plugged_in_again_it_is_there(fences: Fences, region: Region) -> None:
    fences.opened("friend", fences.address("server"))
    node_faults.cut_network(region, "left")
    server = fences.address("server")
    assert not fences.reaches("friend", server)
    node_faults.restore_network(region, "left")
    fences.opened("friend", server)


def test_a_frozen_node_answers_nobody_until_it_goes_on(fences: Fences, region: Region) -> None:
    server = fences.address("server")
    node_faults.freeze_node(region, "left")
    with pytest.raises(RuntimeError, match=r"Timeout|timeout|deadline"):
        fences.cluster.ask("friend", "fetch", f"http://{server}")
    node_faults.thaw_node(region, "left")
    assert fences.cluster.ask("friend", "fetch", f"http://{server}") == "server"


def test_a_node_without_power_loses_its_processes_and_comes_back_fenced(fences: Fences, region: Region) -> None:
    fences.set(deny=DENY_INGRESS)
    fences.shut("friend", fences.address("server"))
    node_faults.stop_node(region, "left")
    node_faults.start_node(region, "left")

    def is_back() -> bool:
        """Whether the pod runs on the network that it has now: until kubelet reports, its status is the old one."""
        with contextlib.suppress(RuntimeError):
            return fences.cluster.ask("server", "fetch", f"http://{fences.address('server')}") == "server"
        return False

    wait_for("the server runs again", is_back, 60)
    assert not fences.reaches("friend", fences.address("server"))
    fences.clear()
    wait_for("it is open again", lambda: fences.reaches("friend", fences.address("server")), SECONDS)


def test_a_full_disk_evicts_and_a_new_one_takes_pods_again(fences: Fences, region: Region) -> None:
    pressure = "jsonpath={.status.conditions[?(@.type=='DiskPressure')].status}"
    phase = ("get", "pod", "friend", "-o", "jsonpath={.status.reason}")
    node_faults.fill_disk(region, "right")
    wait_for("pressure", lambda: fences.cluster.kubectl("get", "node", "right", "-o", pressure) == "True", 60)
    fences.cluster.kubectl("delete", "pod", "stranger", "--wait=false")
    wait_for("an eviction", lambda: fences.cluster.kubectl(*phase) == "Evicted", 60)
    node_faults.free_disk(region, "right")
    assert fences.cluster.kubectl("get", "node", "right", "-o", pressure) == "False"
    fences.cluster.kubectl("delete", "pod", "friend")
    fences.cluster.run("friend", "right")
    fences.opened("friend", fences.address("server"))
