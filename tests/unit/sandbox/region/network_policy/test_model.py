"""Objects of the API are read as Kubernetes means them, with its defaults."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sandbox.region.network_policy.model import (
    BlockPeer,
    NamedPort,
    PodPeer,
    PolicyPort,
    read_pod,
    read_policy,
    read_selector,
    subtract,
)


def policy(**spec: Any) -> Any:
    return read_policy({"metadata": {"namespace": "qa", "name": "one"}, "spec": {"podSelector": {}, **spec}})


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({}, True, False),
        ({"egress": [{}]}, True, True),
        ({"egress": []}, True, False),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, False, True),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, True, False),
    ],
)
def test_a_policy_without_types_is_of_ingress_and_with_egress_rules_of_egress_too(
    spec: dict[str, Any], ingress: bool, egress: bool
) -> None:
    made = policy(**spec)
    assert (made.ingress is not None, made.egress is not None) == (ingress, egress)


def test_missing_and_empty_lists_of_peers_and_ports_are_everybody_and_every_port() -> None:
    (first, second) = policy(ingress=[{}, {"from": [], "ports": []}]).ingress
    assert first == second
    assert (first.peers, first.ports) == (None, None)


def test_ports_are_numbers_ranges_names_or_all_of_a_protocol() -> None:
    entries = [{"port": 80}, {"port": 1, "endPort": 9, "protocol": "UDP"}, {"port": "http"}, {"protocol": "SCTP"}]
    (rule,) = policy(ingress=[{"ports": entries}]).ingress
    assert rule.ports == (
        PolicyPort("TCP", 80, 80),
        PolicyPort("UDP", 1, 9),
        PolicyPort("TCP", name="http"),
        PolicyPort("SCTP"),
    )


def test_peers_are_pods_here_pods_elsewhere_or_blocks() -> None:
    here, elsewhere, block, foreign = (
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"a": "b"}}},
        {"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.0/31"]}},
        {"ipBlock": {"cidr": "fd00::/8"}},
    )
    (rule,) = policy(ingress=[{"from": [here, elsewhere, block, foreign]}]).ingress
    assert rule.peers == (
        PodPeer(None, read_selector({})),
        PodPeer(read_selector({"matchLabels": {"a": "b"}}), read_selector({})),
        BlockPeer((IPv4Network("10.0.0.2/31"),)),
        BlockPeer(()),
    )


@pytest.mark.parametrize(
    ("operator", "values", "labels", "accepted"),
    [
        ("In", ["x", "y"], {"k": "y"}, True),
        ("In", ["x"], {}, False),
        ("NotIn", ["x"], {"k": "y"}, True),
        ("NotIn", ["x"], {}, True),
        ("NotIn", ["x"], {"k": "x"}, False),
        ("Exists", [], {"k": ""}, True),
        ("Exists", [], {"other": ""}, False),
        ("DoesNotExist", [], {"other": ""}, True),
        ("DoesNotExist", [], {"k": ""}, False),
    ],
)
def test_expressions_select_as_kubernetes_does(
    operator: str, values: list[str], labels: dict[str, str], accepted: bool
) -> None:
    selector = read_selector({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]})
    assert selector.accepts(labels) is accepted


def test_all_conditions_of_a_selector_must_hold_and_none_is_everything() -> None:
    both = read_selector({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]})
    assert both.accepts({"a": "1", "b": ""})
    assert not both.accepts({"a": "1"})
    assert read_selector({}).accepts({})


def test_a_pod_has_its_address_and_the_named_ports_of_what_keeps_running() -> None:
    body = {
        "metadata": {"namespace": "qa", "name": "one", "uid": "1", "labels": {"a": "b"}},
        "spec": {
            "nodeName": "left",
            "containers": [{"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 1}]}],
            "initContainers": [
                {"ports": [{"name": "passing", "containerPort": 2}]},
                {"restartPolicy": "Always", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]},
            ],
        },
        "status": {"podIP": "10.244.255.2", "phase": "Running"},
    }
    pod = read_pod(body)
    assert pod is not None
    assert (pod.node, pod.address) == ("left", IPv4Address("10.244.255.2"))
    assert pod.named_ports == (NamedPort("http", "TCP", 8080), NamedPort("dns", "UDP", 53))


@pytest.mark.parametrize(
    ("spec", "status"), [({"hostNetwork": True}, {}), ({}, {"phase": "Succeeded"}), ({}, {"phase": "Failed"})]
)
def test_pods_of_the_hosts_network_and_ended_ones_have_no_place_in_it(
    spec: dict[str, Any], status: dict[str, Any]
) -> None:
    metadata = {"namespace": "qa", "name": "one"}
    assert read_pod({"metadata": metadata, "spec": spec, "status": {"podIP": "10.0.0.1", **status}}) is None


@pytest.mark.parametrize(
    ("block", "excepted", "left"),
    [
        ("10.0.0.0/30", [], ["10.0.0.0/30"]),
        ("10.0.0.0/30", ["10.0.0.1/32"], ["10.0.0.0/32", "10.0.0.2/31"]),
        ("10.0.0.0/30", ["10.0.0.0/30"], []),
        ("10.0.0.0/30", ["10.0.0.0/31", "10.0.0.2/31"], []),
        ("10.0.0.0/30", ["192.168.0.0/16"], ["10.0.0.0/30"]),
        ("0.0.0.0/0", ["128.0.0.0/1"], ["0.0.0.0/1"]),
    ],
)
def test_a_block_without_its_exceptions(block: str, excepted: list[str], left: list[str]) -> None:
    found = subtract(IPv4Network(block), [IPv4Network(entry) for entry in excepted])
    assert [str(network) for network in found] == left
