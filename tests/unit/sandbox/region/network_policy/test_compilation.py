"""The cases of Kubernetes' own documentation ("Network Policies"), and those where implementations go wrong."""

from __future__ import annotations

import itertools
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from infra.network_policies import policies as business_policies
from infra.settings.platform import Network, Switch
from tests.unit.sandbox.region.network_policy.cases import DNS, PODS, Judge, pod, policy, rules

NAMES = [one.name for one in PODS]
OTHERS = ("web", "worker", "client", "other", "198.51.100.7")
FRONTEND = {"matchLabels": {"role": "frontend"}}
CLIENT = {"matchLabels": {"role": "client"}}
CHAT = {"matchLabels": {"team": "chat"}}
DB = {"matchLabels": {"role": "db"}}
KUBE_DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}


def test_without_policies_nothing_is_enforced() -> None:
    assert all(one.is_empty() for one in rules().values())


def test_default_deny_all_ingress_shuts_the_namespace_and_leaves_its_egress_open() -> None:
    judge = Judge(policy(policyTypes=["Ingress"]))
    assert judge.reachable("db", *OTHERS) == []
    assert judge.reachable("client", "db", "web", "worker") == ["db", "web", "worker"]
    assert judge.passes("db", "198.51.100.7")


def test_allow_all_ingress_opens_what_another_policy_shuts() -> None:
    judge = Judge(policy("deny", policyTypes=["Ingress"]), policy("allow", ingress=[{}], policyTypes=["Ingress"]))
    assert judge.reachable("db", *OTHERS) == list(OTHERS)
    assert judge.passes("client", "db", 5, "ICMP")


def test_default_deny_all_egress_shuts_the_way_out_and_leaves_ingress_open() -> None:
    judge = Judge(policy(policyTypes=["Egress"]))
    assert not any(judge.passes("db", target) for target in ("web", "client", "198.51.100.7"))
    assert judge.passes("client", "db")


def test_default_deny_all_ingress_and_egress_shuts_both() -> None:
    judge = Judge(policy(policyTypes=["Ingress", "Egress"]))
    assert not judge.passes("db", "client")
    assert not judge.passes("client", "db")
    assert judge.passes("client", "other")


def test_the_documentations_example_policy() -> None:
    judge = Judge(
        policy(
            podSelector=DB,
            policyTypes=["Ingress", "Egress"],
            ingress=[
                {
                    "from": [
                        {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                        {"namespaceSelector": CHAT},
                        {"podSelector": FRONTEND},
                    ],
                    "ports": [{"protocol": "TCP", "port": 6379}],
                }
            ],
            egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 5978}]}],
        )
    )
    sources = ("web", "worker", "client", "other", "172.17.0.9", "172.17.1.9", "172.18.0.1")
    assert judge.reachable("db", *sources, port=6379) == ["web", "worker", "client", "other", "172.17.0.9"]
    assert judge.reachable("db", *sources, port=6380) == []
    assert not judge.passes("web", "db", 6379, "UDP")
    assert judge.passes("db", "10.0.0.200", 5978)
    assert not judge.passes("db", "10.0.1.1", 5978)
    assert not judge.passes("db", "10.0.0.1", 80)


def test_selectors_of_namespace_and_pods_in_one_peer_must_both_hold_and_in_two_either() -> None:
    both = Judge(policy(podSelector=DB, ingress=[{"from": [{"namespaceSelector": CHAT, "podSelector": CLIENT}]}]))
    assert both.reachable("db", *OTHERS) == ["client"]
    either = Judge(policy(podSelector=DB, ingress=[{"from": [{"namespaceSelector": CHAT}, {"podSelector": FRONTEND}]}]))
    assert either.reachable("db", *OTHERS) == ["web", "worker", "client", "other"]


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    assert Judge(policy(ingress=[{"from": [{"podSelector": {}}]}])).reachable("db", *OTHERS) == ["web", "worker"]


def test_an_empty_namespace_selector_means_all_pods_and_no_address_outside() -> None:
    judge = Judge(policy(ingress=[{"from": [{"namespaceSelector": {}}]}]))
    assert judge.reachable("db", *OTHERS) == ["web", "worker", "client", "other"]


def test_egress_to_dns_alone_opens_the_dns_server_at_its_ports_and_not_the_api_server_beside_it() -> None:
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    judge = Judge(policy(policyTypes=["Egress"], egress=[{"to": [KUBE_DNS], "ports": ports}]))
    assert judge.passes("db", str(DNS), 53, "UDP")
    assert judge.passes("db", str(DNS), 53, "TCP")
    assert not judge.passes("db", str(DNS), 6443)
    assert not judge.passes("db", "web")
    assert not judge.passes("db", "198.51.100.7", 53, "UDP")


@pytest.mark.parametrize("ports", [None, [{"protocol": "UDP", "port": "dns"}], [{"protocol": "UDP"}]])
def test_the_dns_server_is_opened_at_no_other_port_however_wide_the_rule(ports: list[object] | None) -> None:
    rule = {"to": [KUBE_DNS], **({"ports": ports} if ports else {})}
    judge = Judge(policy(policyTypes=["Egress"], egress=[rule]))
    assert judge.passes("db", str(DNS), 53, "UDP")
    assert not judge.passes("db", str(DNS), 6443)
    assert judge.passes("db", str(DNS), 53) is (ports is None)


def test_a_range_of_ports_holds_from_its_first_to_its_last() -> None:
    judge = Judge(policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 32000, "endPort": 32768}]}]))
    found = [port for port in (31999, 32000, 32768, 32769) if judge.passes("db", "198.51.100.7", port)]
    assert found == [32000, 32768]


def test_a_ports_name_is_each_pods_own_that_listens() -> None:
    ingress = Judge(policy(ingress=[{"ports": [{"port": "http"}]}]))
    assert (ingress.passes("client", "db", 8080), ingress.passes("client", "db", 9090)) == (True, False)
    assert (ingress.passes("client", "worker", 8080), ingress.passes("client", "worker", 9090)) == (False, True)
    egress = Judge(policy(namespace="chat", policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}]))
    assert (egress.passes("client", "worker", 9090), egress.passes("client", "worker", 8080)) == (True, False)
    assert (egress.passes("client", "db", 8080), egress.passes("client", "198.51.100.7", 8080)) == (True, False)


def test_a_name_that_no_pod_has_and_a_protocol_that_it_has_not_open_nothing() -> None:
    for port in ({"port": "absent"}, {"port": "http", "protocol": "UDP"}):
        assert Judge(policy(ingress=[{"ports": [port]}])).reachable("db", *OTHERS) == []


def test_overlapping_exceptions_take_nothing_from_another_block() -> None:
    wide = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["203.0.113.0/24"]}}
    narrow = {"ipBlock": {"cidr": "203.0.113.8/32"}}
    judge = Judge(policy(ingress=[{"from": [wide, narrow]}]))
    assert judge.reachable("db", "198.51.100.7", "203.0.113.8", "203.0.113.9") == ["198.51.100.7", "203.0.113.8"]


def test_policies_add_up_and_their_order_does_not_matter() -> None:
    policies = (
        policy("deny", policyTypes=["Ingress"]),
        policy("frontend", podSelector=DB, ingress=[{"from": [{"podSelector": FRONTEND}]}]),
        policy("chat", podSelector=DB, ingress=[{"from": [{"namespaceSelector": CHAT, "podSelector": CLIENT}]}]),
    )
    assert Judge(*policies).reachable("db", *OTHERS) == ["web", "worker", "client"]
    assert len({str(rules(*order)) for order in itertools.permutations(policies)}) == 1
    assert rules(*policies) == rules(*policies, pods=PODS[::-1])


def test_both_ends_must_agree() -> None:
    out = policy("out", "chat", podSelector=CLIENT, policyTypes=["Egress"])
    into = policy("in", "qa", podSelector=DB, ingress=[{"from": [{"namespaceSelector": CHAT}]}])
    assert Judge(into).passes("client", "db")
    assert not Judge(into, out).passes("client", "db")
    assert Judge(into, out).passes("other", "db")


def test_a_node_has_rules_for_its_own_pods_only() -> None:
    made = rules(policy(podSelector=DB))
    assert [str(host) for host in made["left"].ingress.isolated] == ["10.244.255.2/32"]
    assert made["right"].is_empty()


def test_a_pod_without_an_address_is_nowhere_until_it_has_one() -> None:
    waiting = replace(pod("qa", "new", "left", "10.244.255.9", role="frontend"), address=None)
    judge = policy(podSelector=DB, ingress=[{"from": [{"podSelector": FRONTEND}]}])
    before, after = (
        rules(judge, pods=(*PODS, one)) for one in (waiting, replace(waiting, address=IPv4Address("10.244.255.9")))
    )
    assert before != after
    assert Judge(judge, pods=(*PODS, pod("qa", "new", "left", "10.244.255.9", role="frontend"))).passes("new", "db")


def test_a_business_own_policies_open_what_training_needs_in_the_sandbox() -> None:
    switch = Switch(
        zone="cn-hangzhou-h", addresses=IPv4Network("172.16.0.0/20"), pod_addresses=IPv4Network("172.17.0.0/18")
    )
    network = Network(addresses=IPv4Network("172.16.0.0/12"), switches=(switch,))
    cloud = "172.30.112.1"
    made = [policy(name, "qa", **spec) for name, spec in business_policies(network, 8080).items()]
    judge = Judge(*made)
    assert judge.passes("worker", "db", 50001), "worker to master and parameter server"
    assert judge.passes("db", "worker", 50002)
    assert judge.passes("worker", str(DNS), 53, "UDP")
    assert judge.passes("worker", str(DNS), 6443), "the API server"
    assert judge.passes("worker", cloud, 443), "object storage and STS"
    assert not judge.passes("worker", cloud, 80)
    assert not judge.passes("worker", "client")
    assert not judge.passes("client", "db")
    assert not judge.passes("worker", "198.51.100.7", 443)
