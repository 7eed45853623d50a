"""A zone's edition sets its shortest time to live."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def product(world: Any) -> str:
    """A bought personal edition, and the zone example.com that it is not bound to."""
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    parameters = {"Parameter.1.Code": "Version", "Parameter.1.Value": "version_personal"}
    more = {"ProductCode": "dns", "ProductType": "alidns_pre", "SubscriptionType": "Subscription"}
    return str(world.rpc("BssOpenApi", "CreateInstance", **more, **parameters)["Data"]["InstanceId"])


def add(world: Any, ttl: str) -> Any:
    fields = {"DomainName": "example.com", "RR": "www", "Type": "A", "Value": "192.0.2.1", "TTL": ttl}
    return world.rpc.send("Alidns", "AddDomainRecord", **fields)


def test_a_zone_without_a_bought_edition_allows_one_second(world: Any, product: str) -> None:
    assert world.rpc("Alidns", "DescribeDomainInfo", DomainName="example.com")["MinTtl"] == 1
    assert add(world, "1").status == 200


def test_a_bound_edition_is_the_zones_and_refuses_shorter_times(world: Any, product: str) -> None:
    world.rpc("Alidns", "ChangeDomainOfDnsProduct", InstanceId=product, NewDomain="example.com")
    found = world.rpc("Alidns", "DescribeDomainInfo", DomainName="example.com")
    assert (found["VersionCode"], found["MinTtl"]) == ("version_personal", 600)
    assert add(world, "599").code == "QuotaExceeded.TTL"
    record = add(world, "600").json()["RecordId"]
    changed = {"RecordId": record, "RR": "www", "Type": "A", "Value": "192.0.2.1", "TTL": "60"}
    assert world.rpc.send("Alidns", "UpdateDomainRecord", **changed).code == "QuotaExceeded.TTL"
    described = world.rpc("Alidns", "DescribeDnsProductInstance", InstanceId=product)
    assert (described["Domain"], described["TTLMinValue"]) == ("example.com", 600)


def test_a_deleted_zone_frees_its_edition(world: Any, product: str) -> None:
    world.rpc("Alidns", "ChangeDomainOfDnsProduct", InstanceId=product, NewDomain="example.com")
    world.rpc("Alidns", "DeleteDomain", DomainName="example.com")
    (found,) = world.rpc("Alidns", "DescribeDnsProductInstances")["DnsProducts"]["DnsProduct"]
    assert found["Domain"] == ""


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"InstanceId": "none", "NewDomain": "example.com"}, "InvalidDnsProduct"),
        ({"NewDomain": "example.org"}, "InvalidDomainName.NoExist"),
    ],
)
def test_what_cannot_be_bound_is_refused(world: Any, product: str, parameters: dict[str, str], code: str) -> None:
    fields = {"InstanceId": product} | parameters
    assert world.rpc.send("Alidns", "ChangeDomainOfDnsProduct", **fields).code == code
