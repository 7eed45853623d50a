"""What the kernel is given, to the letter."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from sandbox.region.network_policy.compilation import NodeRules
from sandbox.region.network_policy.rendering import render, render_sets, set_name
from tests.unit.sandbox.region.network_policy.cases import policy, rules

DB = {"matchLabels": {"role": "db"}}


def networks(*texts: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in texts)


def test_no_rules_are_empty_chains() -> None:
    rendered = render(NodeRules())
    assert rendered.sets == {}
    assert rendered.chains == (
        "*mangle\n"
        ":NETWORK-POLICY - [0:0]\n"
        ":NETWORK-POLICY-IN - [0:0]\n"
        ":NETWORK-POLICY-OUT - [0:0]\n"
        "-A NETWORK-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n"
        "COMMIT\n"
    )


def test_a_policy_of_both_directions() -> None:
    made = policy(
        podSelector=DB,
        policyTypes=["Ingress", "Egress"],
        ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 6379}]}, {}],
        egress=[
            {
                "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
                "ports": [{"port": 1, "endPort": 9, "protocol": "SCTP"}, {"protocol": "UDP"}],
            }
        ],
    )
    rendered = render(rules(made)["left"])
    db, web = set_name(networks("10.244.255.2/32")), set_name(networks("10.244.255.3/32"))
    comment = '-m comment --comment "qa/one" -j RETURN'
    assert rendered.chains.splitlines()[4:] == [
        "-A NETWORK-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        f"-A NETWORK-POLICY -m set --match-set {db} src -j NETWORK-POLICY-OUT",
        f"-A NETWORK-POLICY -m set --match-set {db} dst -j NETWORK-POLICY-IN",
        "-A NETWORK-POLICY-OUT -s 10.244.255.2/32 -d 10.244.255.2/32 -j RETURN",
        f"-A NETWORK-POLICY-OUT -p sctp -m sctp --dport 1:9 -m set --match-set {db} src {comment}",
        f"-A NETWORK-POLICY-OUT -p udp -m set --match-set {db} src {comment}",
        "-A NETWORK-POLICY-OUT -j DROP",
        "-A NETWORK-POLICY-IN -s 10.244.255.2/32 -d 10.244.255.2/32 -j RETURN",
        f"-A NETWORK-POLICY-IN -p tcp -m tcp --dport 6379 -m set --match-set {db} dst "
        f"-m set --match-set {web} src {comment}",
        f"-A NETWORK-POLICY-IN -m set --match-set {db} dst {comment}",
        "-A NETWORK-POLICY-IN -j DROP",
        "COMMIT",
    ]
    assert rendered.sets.keys() == {db, web}


def test_a_set_gets_its_name_when_it_is_whole() -> None:
    assert render_sets({"policy-a": networks("10.0.0.0/8", "10.244.0.1/32")}) == (
        "create policy.new hash:net family inet hashsize 64 maxelem 2\n"
        "add policy.new 10.0.0.0/8\n"
        "add policy.new 10.244.0.1\n"
        "rename policy.new policy-a\n"
    )


def test_all_addresses_are_two_halves_because_a_set_takes_no_block_of_all() -> None:
    text = render_sets({"policy-a": networks("0.0.0.0/0")})
    assert [line for line in text.splitlines() if line.startswith("add")] == [
        "add policy.new 0.0.0.0/1",
        "add policy.new 128.0.0.0/1",
    ]


@pytest.mark.parametrize("count", [1, 300])
def test_a_sets_name_fits_the_kernel_and_tells_its_content(count: int) -> None:
    hosts = tuple(IPv4Network((number << 8, 32)) for number in range(count))
    assert len(set_name(hosts)) == 31
    assert set_name(hosts) != set_name(hosts[1:])
