"""Weights and rotation among records of one name, type and line."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sandbox.cloud.dns.resolver import Resolver


@pytest.fixture
def records(world: Any) -> dict[str, str]:
    """Two addresses of www.example.com, by value."""
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    values = ("192.0.2.1", "192.0.2.2")
    return {value: add(world, value) for value in values}


def add(world: Any, value: str, kind: str = "A", **more: str) -> str:
    made = world.rpc("Alidns", "AddDomainRecord", DomainName="example.com", RR="www", Type=kind, Value=value, **more)
    return str(made["RecordId"])


def draws(world: Any, count: int, line: str = "default", kind: str = "A") -> Counter[tuple[str, ...]]:
    zones = next(service.zones for service in world.cloud.services if service.name == "Alidns")
    resolver = Resolver(zones, random.Random(7))  # noqa: S311 (chooses test data)
    answers = [resolver.resolve("www.example.com", kind, line) for _ in range(count)]
    return Counter(tuple(str(record.rdata) for record in answer.answers) for answer in answers)


def test_without_weights_all_addresses_are_answered_in_turn(world: Any, records: dict[str, str]) -> None:
    assert draws(world, 4) == {("192.0.2.1", "192.0.2.2"): 2, ("192.0.2.2", "192.0.2.1"): 2}


def test_with_weights_one_address_is_answered_as_often_as_its_weight_says(world: Any, records: dict[str, str]) -> None:
    opened = world.rpc("Alidns", "SetDNSSLBStatus", SubDomain="www.example.com", Open="true")
    assert (opened["RecordCount"], opened["Open"]) == (2, True)
    world.rpc("Alidns", "UpdateDNSSLBWeight", RecordId=records["192.0.2.1"], Weight="9")
    found = draws(world, 1000)
    assert set(found) == {("192.0.2.1",), ("192.0.2.2",)}
    assert 860 < found["192.0.2.1",] < 940
    assert found == draws(world, 1000), "the same seed draws the same"


def test_weights_of_one_line_leave_the_others_alone(world: Any, records: dict[str, str]) -> None:
    add(world, "192.0.2.3", Line="oversea")
    add(world, "192.0.2.4", Line="oversea")
    world.rpc("Alidns", "SetDNSSLBStatus", SubDomain="www.example.com", Open="true", Line="oversea")
    assert {len(answer) for answer in draws(world, 20, "oversea")} == {1}
    assert {len(answer) for answer in draws(world, 20)} == {2}
    (described,) = world.rpc("Alidns", "DescribeDNSSLBSubDomains", DomainName="example.com")["SlbSubDomains"][
        "SlbSubDomain"
    ]
    assert (described["RecordCount"], described["Open"]) == (4, True)
    assert described["LineAlgorithms"]["LineAlgorithm"] == [
        {"Line": "default", "Open": False},
        {"Line": "oversea", "Open": True},
    ]


def test_a_disabled_record_is_not_drawn_and_weights_can_be_turned_off(world: Any, records: dict[str, str]) -> None:
    world.rpc("Alidns", "SetDNSSLBStatus", SubDomain="www.example.com", Open="true", Type="A")
    world.rpc("Alidns", "SetDomainRecordStatus", RecordId=records["192.0.2.1"], Status="Disable")
    assert draws(world, 20) == {("192.0.2.2",): 20}
    world.rpc("Alidns", "SetDomainRecordStatus", RecordId=records["192.0.2.1"], Status="Enable")
    world.rpc("Alidns", "SetDNSSLBStatus", SubDomain="www.example.com", Open="false")
    assert {len(answer) for answer in draws(world, 4)} == {2}


def test_several_aliases_are_answered_one_at_a_time_in_turn(world: Any) -> None:
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    for target in ("a.example.net", "b.example.net"):
        add(world, target, "CNAME")
    assert draws(world, 4) == {("a.example.net.",): 2, ("b.example.net.",): 2}


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("UpdateDNSSLBWeight", {"Weight": "5"}, "DisableDNSSLB"),
        ("UpdateDNSSLBWeight", {"Weight": "101"}, "InvalidParameter.Weight"),
        ("SetDNSSLBStatus", {"SubDomain": "other.example.com"}, "SubDomainInvalid.Value"),
        ("SetDNSSLBStatus", {"SubDomain": "www.example.org"}, "InvalidParameter.SubDomain"),
        ("SetDNSSLBStatus", {"SubDomain": "www.example.com", "Type": "MX"}, "InvalidParameter.Type"),
    ],
)
def test_weights_that_cannot_be_are_refused(
    world: Any, records: dict[str, str], action: str, parameters: dict[str, str], code: str
) -> None:
    more = {"RecordId": records["192.0.2.1"]} if "SubDomain" not in parameters else {}
    assert world.rpc.send("Alidns", action, **parameters, **more).code == code


def test_lines_are_listed_with_the_line_above(world: Any) -> None:
    lines = world.rpc("Alidns", "DescribeSupportLines")["RecordLines"]["RecordLine"]
    by_code = {line["LineCode"]: line.get("FatherCode") for line in lines}
    assert (by_code["default"], by_code["oversea_europe"]) == (None, "oversea")
