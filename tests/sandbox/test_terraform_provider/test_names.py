"""DNS zones, records and traffic managers, by the provider."""

from __future__ import annotations

import grpc
import pytest

from tests.sandbox.test_terraform_provider.provider import Provider

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


def test_domains_and_records_live_and_die(provider: Provider) -> None:
    domain = provider.live(
        "alicloud:dns/alidnsDomain:AlidnsDomain",
        {"domainName": "example.com", "tags": {"a": "1"}},
        {"remark": "zone", "tags": {"b": "2"}},
        {"domainName": "example.com", "remark": "zone", "tags": {"b": "2"}},
    )
    record = provider.live(
        "alicloud:dns/alidnsRecord:AlidnsRecord",
        {"domainName": "example.com", "rr": "qa", "type": "A", "value": "192.0.2.1", "ttl": 600},
        {"value": "192.0.2.2", "status": "DISABLE", "remark": "standing by"},
        {"rr": "qa", "value": "192.0.2.2", "status": "DISABLE", "line": "default"},
    )
    provider.die(record)
    provider.die(domain)


def test_traffic_managers_with_pools_monitors_and_strategies_live_and_die(provider: Provider) -> None:
    manager = provider.live(
        "alicloud:dns/gtmInstance:GtmInstance",
        {
            "instanceName": "qa",
            "paymentType": "Subscription",
            "period": 1,
            "renewalStatus": "ManualRenewal",
            "packageEdition": "ultimate",
            "healthCheckTaskCount": 100,
            "smsNotificationCount": 1000,
            "publicCnameMode": "SYSTEM_ASSIGN",
            "ttl": 60,
            "cnameType": "PUBLIC",
            "resourceGroupId": "rg-default",
            "alertGroups": ["operations"],
            "publicUserDomainName": "example.com",
            "strategyMode": "GEO",
            "alertConfigs": [{"noticeType": "ADDR_ALERT", "emailNotice": True}],
        },
        {"instanceName": "qa-answers", "ttl": 120},
        {"instanceName": "qa-answers", "ttl": 120, "publicCnameMode": "SYSTEM_ASSIGN"},
    )
    pools = [
        provider.create(
            "alicloud:dns/addressPool:AddressPool",
            {
                "addressPoolName": name,
                "instanceId": manager.identifier,
                "lbaStrategy": "RATIO",
                "type": "IPV4",
                "addresses": [
                    {
                        "attributeInfo": '{"lineCodeRectifyType":"RECTIFIED","lineCodes":["default"]}',
                        "address": address,
                        "mode": "SMART",
                        "lbaWeight": 1,
                    }
                ],
            },
        )
        for name, address in (("hangzhou", "192.0.2.1"), ("shanghai", "192.0.2.2"))
    ]
    provider.update(pools[0], {"addressPoolName": "near"})
    monitor = provider.create(
        "alicloud:dns/monitorConfig:MonitorConfig",
        {
            "addrPoolId": pools[0].identifier,
            "evaluationCount": 1,
            "interval": 60,
            "timeout": 5000,
            "protocolType": "TCP",
            "monitorExtendInfo": '{"failureRate":50,"port":80}',
            "ispCityNodes": [{"cityCode": "503", "ispCode": "465"}],
        },
    )
    strategy = provider.create(
        "alicloud:dns/accessStrategy:AccessStrategy",
        {
            "strategyName": "nearest",
            "instanceId": manager.identifier,
            "strategyMode": "GEO",
            "defaultAddrPoolType": "IPV4",
            "defaultAddrPools": [{"addrPoolId": pools[0].identifier, "lbaWeight": 1}],
            "defaultMinAvailableAddrNum": 1,
            "defaultLbaStrategy": "RATIO",
            "failoverLbaStrategy": "RATIO",
            "failoverAddrPoolType": "IPV4",
            "failoverAddrPools": [{"addrPoolId": pools[1].identifier, "lbaWeight": 1}],
            "failoverMinAvailableAddrNum": 1,
            "lines": [{"lineCode": "default"}],
        },
    )
    provider.update(strategy, {"strategyName": "nearest-first"})
    provider.die(strategy)
    provider.delete(monitor)  # which the provider only forgets: it goes with its pool
    for pool in pools:
        provider.die(pool)
    with pytest.raises(grpc.RpcError, match=r"DnsGtmMonitorConfig\.NotExists"):
        provider.read(monitor.token, monitor.identifier, monitor.state, monitor.inputs)
