"""Global Traffic Manager: what its strategies choose is what the DNS server answers, and what its probes find counts.

Probes are real here where they are cheap (connections on this machine); elsewhere a table stands for the network.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import random
from collections import Counter
from typing import Any

import pytest
from dnslib import QTYPE, RCODE

from sandbox.cloud.alidns.gtm_model import Health, Monitor
from sandbox.cloud.alidns.gtm_probes import Prober, judge, probe
from sandbox.cloud.alidns.gtm_routing import Routes
from sandbox.cloud.dns.resolver import Resolver

NEAR, FAR, SPARE = "192.0.2.10", "192.0.2.20", "192.0.2.30"


class Manager:
    """An instance with pools and strategies, and the network that its monitors see."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.service = next(service for service in world.cloud.services if service.name == "Alidns")
        bought = world.rpc(
            "BssOpenApi",
            "CreateInstance",
            ProductCode="dns",
            ProductType="dns_gtm_public_cn",
            SubscriptionType="Subscription",
            Period="1",
            **{"Parameter.1.Code": "PackageEdition", "Parameter.1.Value": "ultimate"},
        )
        self.instance = bought["Data"]["InstanceId"]
        config = world.rpc("Alidns", "DescribeDnsGtmInstance", InstanceId=self.instance)["Config"]
        self.name = f"{config['PublicRr']}.{config['PubicZoneName']}"
        self.down: set[str] = set()
        self.prober = Prober(self.service.managers, world.clock, self._probe)

    async def _probe(self, address: str, monitor: Monitor) -> bool:
        return address not in self.down

    def pool(self, *addresses: str, kind: str = "IPV4", sharing: str = "ALL_RR", **more: str) -> str:
        fields = {"InstanceId": self.instance, "Name": "pool", "Type": kind, "LbaStrategy": sharing}
        for number, address in enumerate(addresses, 1):
            fields |= {f"Addr.{number}.Addr": address, f"Addr.{number}.Mode": "SMART"}
            fields |= {f"Addr.{number}.AttributeInfo": "{}"}
        return str(self.world.rpc("Alidns", "AddDnsGtmAddressPool", **fields, **more)["AddrPoolId"])

    def monitor(self, pool: str, **more: str) -> str:
        fields = {"ProtocolType": "TCP", "Interval": "60", "EvaluationCount": "2", "Timeout": "2000"} | more
        return str(self.world.rpc("Alidns", "AddDnsGtmMonitor", AddrPoolId=pool, **fields)["MonitorConfigId"])

    def strategy(self, default: list[str], failover: list[str] | None = None, **more: str) -> str:
        fields = {
            "InstanceId": self.instance,
            "StrategyName": "strategy",
            "StrategyMode": "GEO",
            "DefaultAddrPoolType": "IPV4",
            "DefaultMinAvailableAddrNum": "1",
            "FailoverAddrPoolType": "IPV4",
        }
        fields |= {f"DefaultAddrPool.{number}.Id": pool for number, pool in enumerate(default, 1)}
        fields |= {f"FailoverAddrPool.{number}.Id": pool for number, pool in enumerate(failover or [], 1)}
        return str(self.world.rpc("Alidns", "AddDnsGtmAccessStrategy", **(fields | more))["StrategyId"])

    def describe(self, strategy: str) -> Any:
        return self.world.rpc("Alidns", "DescribeDnsGtmAccessStrategy", StrategyId=strategy)

    def ask(self, kind: str = "A", line: str = "default", name: str = "") -> list[str]:
        return [str(item.rdata) for item in self.resolver().resolve(name or self.name, kind, line).answers]

    def resolver(self) -> Resolver:
        return Resolver(self.service.zones, random.Random(3), Routes(self.service.managers))  # noqa: S311

    async def minutes(self, count: int) -> None:
        for _ in range(count):
            self.world.clock.advance(datetime.timedelta(minutes=1))
            await self.prober.run_due()


@pytest.fixture
def manager(world: Any) -> Manager:
    return Manager(world)


def test_an_alias_of_the_instance_resolves_to_the_pool_of_the_users_line(world: Any, manager: Manager) -> None:
    world.rpc("Alidns", "AddDomain", DomainName="example.com")
    world.rpc(
        "Alidns", "AddDomainRecord", DomainName="example.com", RR="www", Type="CNAME", Value=manager.name, TTL="60"
    )
    manager.strategy([manager.pool(NEAR)])
    manager.strategy([manager.pool(FAR)], Lines='["oversea"]')
    assert manager.ask(name="www.example.com") == [f"{manager.name}.", NEAR]
    assert manager.ask(name="www.example.com", line="oversea_europe") == [f"{manager.name}.", FAR]
    assert manager.ask(name="www.example.com", line="telecom") == [f"{manager.name}.", NEAR]


async def test_users_go_to_the_failover_pool_when_too_few_addresses_are_up_and_come_back(manager: Manager) -> None:
    near = manager.pool(NEAR, FAR)
    manager.monitor(near)
    strategy = manager.strategy([near], [manager.pool(SPARE)], DefaultMinAvailableAddrNum="2")
    await manager.minutes(1)
    assert sorted(manager.ask()) == [NEAR, FAR]
    manager.down = {FAR}
    await manager.minutes(1)
    assert sorted(manager.ask()) == [NEAR, FAR], "one failed evaluation of two"
    await manager.minutes(1)
    assert manager.ask() == [SPARE]
    found = manager.describe(strategy)
    assert (found["EffectiveAddrPoolGroupType"], found["DefaultAvailableAddrNum"]) == ("FAILOVER", 1)
    assert found["DefaultAddrPoolGroupStatus"] == "NOT_AVAILABLE"
    manager.down = set()
    await manager.minutes(2)
    assert sorted(manager.ask()) == [NEAR, FAR]


async def test_an_address_that_is_down_is_left_out_while_enough_are_up(manager: Manager) -> None:
    near = manager.pool(NEAR, FAR)
    manager.monitor(near, EvaluationCount="1")
    manager.strategy([near])
    manager.down = {FAR}
    await manager.minutes(1)
    assert manager.ask() == [NEAR]
    described = manager.world.rpc("Alidns", "DescribeDnsGtmInstanceAddressPool", AddrPoolId=near)["Addrs"]["Addr"]
    assert {item["Addr"]: item["AlertStatus"] for item in described} == {NEAR: "OK", FAR: "ALERT"}
    status = manager.world.rpc("Alidns", "DescribeDnsGtmInstanceStatus", InstanceId=manager.instance)
    assert (status["AddrAvailableNum"], status["AddrNotAvailableNum"]) == (1, 1)


async def test_with_both_sets_down_the_default_pools_addresses_are_answered(manager: Manager) -> None:
    pools = [manager.pool(NEAR), manager.pool(SPARE)]
    for pool in pools:
        manager.monitor(pool, EvaluationCount="1")
    manager.strategy(pools[:1], pools[1:])
    manager.down = {NEAR, SPARE}
    await manager.minutes(1)
    assert manager.ask() == [NEAR]


async def test_a_clock_moved_over_many_intervals_makes_one_probe(manager: Manager) -> None:
    manager.monitor(manager.pool(NEAR))
    assert await manager.prober.run_due() == 1
    assert await manager.prober.run_due() == 0
    manager.world.clock.advance(datetime.timedelta(days=90))
    assert await manager.prober.run_due() == 1


def test_the_access_mode_overrides_availability(manager: Manager) -> None:
    strategy = manager.strategy([manager.pool(NEAR)], [manager.pool(SPARE)])
    manager.world.rpc("Alidns", "SetDnsGtmAccessMode", StrategyId=strategy, AccessMode="FAILOVER")
    assert manager.ask() == [SPARE]


def test_an_address_turned_off_is_never_answered_and_one_always_on_is(manager: Manager) -> None:
    pool = manager.pool(NEAR)
    manager.strategy([pool])
    given = {"Addr.1.Addr": NEAR, "Addr.1.Mode": "OFFLINE", "Addr.2.Addr": FAR, "Addr.2.Mode": "ONLINE"}
    manager.world.rpc("Alidns", "UpdateDnsGtmAddressPool", AddrPoolId=pool, **given)
    assert manager.ask() == [FAR]


def test_weights_share_users_among_pools_and_among_a_pools_addresses(manager: Manager) -> None:
    pools = {"DefaultAddrPool.1.LbaWeight": "9", "DefaultAddrPool.2.LbaWeight": "1"}
    manager.strategy([manager.pool(NEAR), manager.pool(FAR)], DefaultLbaStrategy="RATIO", **pools)
    resolver = manager.resolver()
    found = Counter(str(resolver.resolve(manager.name, "A", "default").answers[0].rdata) for _ in range(500))
    assert 420 < found[NEAR] < 480
    assert found[NEAR] + found[FAR] == 500


def test_a_pool_of_domains_is_answered_as_one_alias(manager: Manager) -> None:
    manager.strategy([manager.pool("a.example.net", kind="DOMAIN")], DefaultAddrPoolType="DOMAIN")
    answer = manager.resolver().resolve(manager.name, "A", "default")
    assert [(QTYPE[item.rtype], str(item.rdata)) for item in answer.answers] == [("CNAME", "a.example.net.")]


def test_a_type_that_no_pool_has_is_no_data_with_the_zones_authority(manager: Manager) -> None:
    manager.strategy([manager.pool(NEAR)])
    answer = manager.resolver().resolve(manager.name, "AAAA", "default")
    assert (answer.code, answer.answers, len(answer.authority)) == (RCODE.NOERROR, [], 1)


def test_a_name_of_ones_own_and_the_time_to_live_are_answered(manager: Manager) -> None:
    manager.strategy([manager.pool(NEAR)])
    fields = {"PublicCnameMode": "CUSTOM", "PublicRr": "entry", "PublicZoneName": "Example.com", "Ttl": "120"}
    more = {"AlertConfig.1.NoticeType": "ADDR_ALERT", "AlertConfig.1.SmsNotice": "true", "AlertGroup": '["people"]'}
    manager.world.rpc("Alidns", "UpdateDnsGtmInstanceGlobalConfig", InstanceId=manager.instance, **fields, **more)
    (answer,) = manager.resolver().resolve("entry.example.com", "A", "default").answers
    assert (str(answer.rdata), answer.ttl) == (NEAR, 120)
    config = manager.world.rpc("Alidns", "DescribeDnsGtmInstance", InstanceId=manager.instance)["Config"]
    assert config["AlertConfig"]["AlertConfig"] == [{"NoticeType": "ADDR_ALERT", "SmsNotice": True}]


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("DescribeDnsGtmInstance", {"InstanceId": "none"}, "DnsGtmInstance.NotExists"),
        ("DescribeDnsGtmInstanceAddressPool", {"AddrPoolId": "none"}, "DnsGtmAddrPool.NotExists"),
        ("DescribeDnsGtmAccessStrategy", {"StrategyId": "none"}, "DnsGtmAccessStrategy.NotExists"),
        ("DescribeDnsGtmMonitorConfig", {"MonitorConfigId": "none"}, "DnsGtmMonitorConfig.NotExists"),
        ("AddDnsGtmMonitor", {"ProtocolType": "TCP", "MonitorExtendInfo": "[1]"}, "InvalidParameter.MonitorExtendInfo"),
        ("AddDnsGtmMonitor", {"ProtocolType": "TCP", "Interval": "61"}, "InvalidParameter.Interval"),
        ("UpdateDnsGtmAddressPool", {"Addr.1.Addr": "300.1.1.1"}, "InvalidParameter.Addr.Addr"),
        ("DeleteDnsGtmAddressPool", {}, "DnsGtmAddrPool.InUse"),
    ],
)
def test_what_cannot_be_is_refused(manager: Manager, action: str, parameters: dict[str, str], code: str) -> None:
    pool = manager.pool(NEAR)
    manager.strategy([pool])
    assert manager.world.rpc.send("Alidns", action, **({"AddrPoolId": pool} | parameters)).code == code


def test_one_line_has_one_strategy(manager: Manager) -> None:
    pool = manager.pool(NEAR)
    manager.strategy([pool])
    reply = manager.world.rpc.send(
        "Alidns",
        "AddDnsGtmAccessStrategy",
        InstanceId=manager.instance,
        StrategyName="second",
        StrategyMode="GEO",
        Lines='["default"]',
        DefaultAddrPoolType="IPV4",
        DefaultMinAvailableAddrNum="1",
        **{"DefaultAddrPool.1.Id": pool},
    )
    assert reply.code == "DnsGtmAccessStrategy.LineConflict"


def test_a_result_counts_only_after_as_many_in_a_row_as_asked_for() -> None:
    health = Health()
    for is_up, expected in ((False, True), (True, True), (False, True), (False, False), (True, False), (True, True)):
        health = judge(health, is_up, 2)
        assert health.up is expected


async def test_probes_connect_and_look_at_the_status() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        status = 503 if b"GET /broken" in line else 200
        writer.write(f"HTTP/1.1 {status} status\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    http = json.dumps({"port": port, "path": "/", "code": 400})
    assert await probe("127.0.0.1", monitor("HTTP", http))
    assert not await probe("127.0.0.1", monitor("HTTP", json.dumps({"port": port, "path": "/broken", "code": 400})))
    server.close()
    await server.wait_closed()
    assert not await probe("127.0.0.1", monitor("TCP", json.dumps({"port": port})))
    assert await probe("127.0.0.1", monitor("PING", "{}"))


def monitor(protocol: str, extension: str) -> Monitor:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return Monitor(
        identifier="m",
        enabled=True,
        protocol=protocol,
        interval=60,
        evaluations=1,
        timeout=2000,
        extension=extension,
        created=now,
        updated=now,
    )
