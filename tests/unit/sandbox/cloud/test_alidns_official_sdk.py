"""The official SDK of the DNS service (alibabacloud-alidns20150109) is the judge of records, weights and managers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from alibabacloud_alidns20150109 import models
from alibabacloud_alidns20150109.client import Client
from alibabacloud_tea_openapi import utils_models
from darabonba.exceptions import DaraException

from sandbox.addresses import Addresses
from sandbox.cloud.alidns.api import AlidnsService
from sandbox.cloud.assembly import Cloud, CloudOptions, assemble
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import CloudClock
from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.backend import SimulatedBackend
from sandbox.cloud.server import CloudServer
from sandbox.settings import SandboxSettings


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud that goes by the machine's clock, as the SDK does."""
    nowhere = Path("/nonexistent")
    settings = SandboxSettings("test", Addresses(9), nowhere, nowhere)
    options = CloudOptions(endpoint="127.0.0.1", authority=nowhere, simulated=True)
    store = Store(None)
    made = assemble(settings, store, CloudClock(store), CallLog(None), SimulatedBackend, options)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def client(cloud: Cloud) -> AsyncIterator[Client]:
    server = CloudServer(cloud, None)
    await server.start("127.0.0.1", 0, 0, None)
    root = cloud.context.accounts.root
    configuration = utils_models.Config(
        access_key_id=root.access_key_id,
        access_key_secret=root.access_key_secret,
        protocol="HTTP",
        endpoint=f"127.0.0.1:{server.port}",
        region_id="cn-hangzhou",
    )
    yield Client(configuration)
    await server.stop()


async def test_records_with_weights(client: Client) -> None:
    def scenario() -> None:
        client.add_domain(models.AddDomainRequest(domain_name="example.com"))
        records = [
            client.add_domain_record(
                models.AddDomainRecordRequest(domain_name="example.com", rr="www", type="A", value=value, ttl=60)
            ).body.record_id
            for value in ("192.0.2.1", "192.0.2.2")
        ]
        opened = client.set_dnsslbstatus(models.SetDNSSLBStatusRequest(sub_domain="www.example.com", open=True)).body
        assert (opened.open, opened.record_count) == (True, 2)
        weighed = client.update_dnsslbweight(models.UpdateDNSSLBWeightRequest(record_id=records[0], weight=7)).body
        assert weighed.weight == 7
        listed = client.describe_domain_records(models.DescribeDomainRecordsRequest(domain_name="example.com")).body
        assert [record.weight for record in listed.domain_records.record] == [7, 1]
        weights = client.describe_dnsslbsub_domains(models.DescribeDNSSLBSubDomainsRequest(domain_name="example.com"))
        (found,) = weights.body.slb_sub_domains.slb_sub_domain
        assert (found.sub_domain, found.open) == ("www.example.com", True)
        lines = client.describe_support_lines(models.DescribeSupportLinesRequest()).body.record_lines.record_line
        assert "oversea" in [line.line_code for line in lines]

    await asyncio.to_thread(scenario)


async def test_a_traffic_manager_with_pool_monitor_and_strategy(cloud: Cloud, client: Client) -> None:
    names = next(service for service in cloud.services if isinstance(service, AlidnsService))
    instance = names.sell_traffic_manager({"PackageEdition": "ultimate"})

    def scenario() -> None:
        addresses = [
            models.AddDnsGtmAddressPoolRequestAddr(addr="192.0.2.1", mode="SMART", attribute_info="{}", lba_weight=3)
        ]
        pool = client.add_dns_gtm_address_pool(
            models.AddDnsGtmAddressPoolRequest(
                instance_id=instance, name="near", type="IPV4", lba_strategy="RATIO", addr=addresses
            )
        ).body.addr_pool_id
        monitor = client.add_dns_gtm_monitor(
            models.AddDnsGtmMonitorRequest(
                addr_pool_id=pool,
                protocol_type="TCP",
                interval=60,
                evaluation_count=2,
                timeout=3000,
                monitor_extend_info='{"port":80}',
                isp_city_node=[models.AddDnsGtmMonitorRequestIspCityNode(city_code="503", isp_code="465")],
            )
        ).body.monitor_config_id
        strategy = client.add_dns_gtm_access_strategy(
            models.AddDnsGtmAccessStrategyRequest(
                instance_id=instance,
                strategy_name="all",
                strategy_mode="GEO",
                lines='["default"]',
                default_addr_pool_type="IPV4",
                default_min_available_addr_num=1,
                default_addr_pool=[models.AddDnsGtmAccessStrategyRequestDefaultAddrPool(id=pool, lba_weight=5)],
            )
        ).body.strategy_id
        found = client.describe_dns_gtm_access_strategy(
            models.DescribeDnsGtmAccessStrategyRequest(strategy_id=strategy)
        ).body
        assert [(item.id, item.lba_weight) for item in found.default_addr_pools.default_addr_pool] == [(pool, 5)]
        assert (found.effective_addr_pool_group_type, found.lines.line[0].line_code) == ("DEFAULT", "default")
        described = client.describe_dns_gtm_instance_address_pool(
            models.DescribeDnsGtmInstanceAddressPoolRequest(addr_pool_id=pool)
        ).body
        assert (described.monitor_config_id, described.addrs.addr[0].lba_weight) == (monitor, 3)
        config = client.describe_dns_gtm_monitor_config(
            models.DescribeDnsGtmMonitorConfigRequest(monitor_config_id=monitor)
        ).body
        assert config.isp_city_nodes.isp_city_node[0].city_code == "503"
        listed = client.describe_dns_gtm_instances(models.DescribeDnsGtmInstancesRequest()).body
        assert (listed.total_items, listed.total_pages) == (1, 1)
        assert listed.gtm_instances[0].instance_id == instance
        assert listed.gtm_instances[0].config.public_zone_name
        with pytest.raises(DaraException) as caught:
            client.delete_dns_gtm_address_pool(models.DeleteDnsGtmAddressPoolRequest(addr_pool_id=pool))
        assert caught.value.code == "DnsGtmAddrPool.InUse"

    await asyncio.to_thread(scenario)
