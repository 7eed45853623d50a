"""Networks, their gateways, security groups and load balancers, by the provider."""

from __future__ import annotations

from functools import partial

import pytest

from tests.sandbox.test_terraform_provider.provider import Provider, Resource, at_once

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]


def test_gateway_address_and_rule_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    vpc, vswitch = network
    make_gateway = partial(
        provider.live,
        "alicloud:vpc/natGateway:NatGateway",
        {
            "vpcId": vpc.identifier,
            "vswitchId": vswitch.identifier,
            "natGatewayName": "one",
            "natType": "Enhanced",
            "paymentType": "PayAsYouGo",
            "tags": {"a": "1"},
        },
        {"natGatewayName": "two", "description": "way out"},
        {"natGatewayName": "two", "natType": "Enhanced", "vpcId": vpc.identifier},
    )
    make_address = partial(
        provider.live,
        "alicloud:ecs/eipAddress:EipAddress",
        {"addressName": "one", "bandwidth": "10", "internetChargeType": "PayByTraffic", "tags": {"a": "1"}},
        {"bandwidth": "20", "addressName": "two"},
        {"bandwidth": "20", "addressName": "two", "internetChargeType": "PayByTraffic"},
    )
    gateway, address = at_once((make_gateway, make_address))
    binding = provider.create(
        "alicloud:ecs/eipAssociation:EipAssociation",
        {"allocationId": address.identifier, "instanceId": gateway.identifier, "instanceType": "Nat"},
    )
    rule = provider.live(
        "alicloud:vpc/snatEntry:SnatEntry",
        {
            "snatTableId": gateway.state["snatTableIds"],
            "snatIp": address.state["ipAddress"],
            "sourceVswitchId": vswitch.identifier,
        },
        {"snatEntryName": "out"},
        {"snatEntryName": "out", "snatIp": address.state["ipAddress"]},
    )
    for resource in (rule, binding):
        provider.die(resource)
    at_once(partial(provider.die, gone) for gone in (address, gateway))


def test_security_groups_and_rules_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    vpc, _ = network
    group = provider.live(
        "alicloud:ecs/securityGroup:SecurityGroup",
        {"securityGroupName": "one", "vpcId": vpc.identifier, "description": "a", "tags": {"a": "1"}},
        {"description": "b", "innerAccessPolicy": "Drop"},
        {"description": "b", "innerAccessPolicy": "Drop", "vpcId": vpc.identifier},
    )
    rule = provider.create(
        "alicloud:ecs/securityGroupRule:SecurityGroupRule",
        {
            "securityGroupId": group.identifier,
            "type": "ingress",
            "ipProtocol": "tcp",
            "portRange": "443/443",
            "cidrIp": "10.0.0.0/8",
        },
    )
    provider.update(rule, {"description": "why"})
    provider.die(rule)
    provider.die(group)


def test_load_balancers_and_listeners_live_and_die(provider: Provider, network: tuple[Resource, Resource]) -> None:
    _, vswitch = network
    private = provider.create(
        "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
        {"addressType": "intranet", "vswitchId": vswitch.identifier, "loadBalancerSpec": "slb.s2.small"},
    )
    balancer = provider.live(
        "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
        {
            "loadBalancerName": "one",
            "addressType": "internet",
            "internetChargeType": "PayByTraffic",
            "loadBalancerSpec": "slb.s1.small",
            "tags": {"a": "1"},
        },
        {"loadBalancerName": "two", "loadBalancerSpec": "slb.s2.small", "tags": {"a": "2"}},
        {"loadBalancerName": "two", "loadBalancerSpec": "slb.s2.small", "addressType": "internet", "tags": {"a": "2"}},
    )
    tcp = provider.live(
        "alicloud:slb/listener:Listener",
        {
            "loadBalancerId": balancer.identifier,
            "protocol": "tcp",
            "frontendPort": 80,
            "backendPort": 30080,
            "bandwidth": 10,
        },
        {"establishedTimeout": 600, "description": "web"},
        {"protocol": "tcp", "frontendPort": 80, "backendPort": 30080, "establishedTimeout": 600},
    )
    http = provider.create(
        "alicloud:slb/listener:Listener",
        {
            "loadBalancerId": balancer.identifier,
            "protocol": "http",
            "frontendPort": 8080,
            "backendPort": 30081,
            "bandwidth": -1,
            "stickySession": "on",
            "stickySessionType": "insert",
            "cookieTimeout": 60,
        },
    )
    for resource in (http, tcp, balancer, private):
        provider.die(resource)
