"""Networks, gateways, addresses and security groups keep what they are told, and refuse what cannot be."""

from __future__ import annotations

import datetime
from typing import Any

import pytest


def test_a_new_vpc_is_pending_and_then_available_with_its_route_table(world: Any) -> None:
    made = world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", VpcName="main", Tag__1__Key="a", Tag__1__Value="b")
    assert world.rpc("Vpc", "DescribeVpcAttribute", VpcId=made["VpcId"])["Status"] == "Pending"
    world.clock.advance(datetime.timedelta(seconds=1))
    found = world.rpc("Vpc", "DescribeVpcAttribute", VpcId=made["VpcId"])
    assert (found["Status"], found["VpcName"]) == ("Available", "main")
    assert found["Tags"]["Tag"] == [{"Key": "a", "Value": "b"}]
    tables = world.rpc("Vpc", "DescribeRouteTableList", VpcId=made["VpcId"])["RouterTableList"]["RouterTableListType"]
    assert [(table["RouteTableId"], table["RouteTableType"]) for table in tables] == [(made["RouteTableId"], "System")]


def test_an_unknown_vpc_is_described_as_empty_and_deleted_with_an_error(world: Any) -> None:
    assert world.rpc("Vpc", "DescribeVpcAttribute", VpcId="vpc-none")["VpcId"] == ""
    reply = world.rpc.send("Vpc", "DeleteVpc", VpcId="vpc-none")
    assert (reply.status, reply.code) == (404, "InvalidVpcId.NotFound")


def test_a_vpc_of_another_region_is_not_seen(world: Any) -> None:
    vpc, _ = world.network()
    assert world.rpc("Vpc", "DescribeVpcAttribute", VpcId=vpc, RegionId="cn-shanghai")["VpcId"] == ""


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"CidrBlock": "192.168.0.0/24"}, "InvalidCidrBlock"),
        ({"CidrBlock": "10.1.128.0/24"}, "InvalidCidrBlock.Overlapped"),
        ({"CidrBlock": "10.2.0.0/16", "ZoneId": "cn-beijing-a"}, "InvalidZoneId.NotFound"),
        ({"CidrBlock": "10.2.0.0/16", "VpcId": "vpc-none"}, "InvalidVpcId.NotFound"),
    ],
)
def test_a_vswitch_must_fit_its_network(world: Any, parameters: dict[str, str], code: str) -> None:
    vpc, _ = world.network()
    reply = world.rpc.send("Vpc", "CreateVSwitch", **{"VpcId": vpc, "ZoneId": "cn-hangzhou-h", **parameters})
    assert reply.code == code


def test_a_network_goes_only_after_what_uses_it(world: Any) -> None:
    vpc, vswitch = world.network()
    assert world.rpc.send("Vpc", "DeleteVpc", VpcId=vpc).code == "DependencyViolation"
    world.rpc("Vpc", "DeleteVSwitch", VSwitchId=vswitch)
    group = world.rpc("Ecs", "CreateSecurityGroup", VpcId=vpc)["SecurityGroupId"]
    assert group in world.rpc.send("Vpc", "DeleteVpc", VpcId=vpc).json()["Message"]
    world.rpc("Ecs", "DeleteSecurityGroup", SecurityGroupId=group)
    world.rpc("Vpc", "DeleteVpc", VpcId=vpc)
    assert world.rpc("Vpc", "DescribeVpcs")["TotalCount"] == 0


def test_tags_are_added_listed_and_removed(world: Any) -> None:
    vpc, _ = world.network()
    one = {"ResourceType": "VPC", "ResourceId__1": vpc}
    world.rpc("Vpc", "TagResources", **one, Tag__1__Key="a", Tag__1__Value="1", Tag__2__Key="b", Tag__2__Value="2")
    world.rpc("Vpc", "UnTagResources", **one, TagKey__1="a")
    found = world.rpc("Vpc", "ListTagResources", **one)["TagResources"]["TagResource"]
    assert [(tag["ResourceId"], tag["TagKey"], tag["TagValue"]) for tag in found] == [(vpc, "b", "2")]


def test_traffic_leaves_through_an_address_bound_to_the_gateway(world: Any) -> None:
    vpc, vswitch = world.network()
    gateway = world.rpc("Vpc", "CreateNatGateway", VpcId=vpc, VSwitchId=vswitch)
    table = gateway["SnatTableIds"]["SnatTableId"][0]
    eip = world.rpc("Vpc", "AllocateEipAddress", Bandwidth="10")
    rule = {"SnatTableId": table, "SnatIp": eip["EipAddress"], "SourceVSwitchId": vswitch}
    assert world.rpc.send("Vpc", "CreateSnatEntry", **rule).code == "EIP_NOT_IN_GATEWAY"
    binding = {"AllocationId": eip["AllocationId"], "InstanceId": gateway["NatGatewayId"], "InstanceType": "Nat"}
    world.rpc("Vpc", "AssociateEipAddress", **binding)
    entry = world.rpc("Vpc", "CreateSnatEntry", **rule)["SnatEntryId"]
    found = world.rpc("Vpc", "DescribeSnatTableEntries", SnatTableId=table)["SnatTableEntries"]["SnatTableEntry"]
    assert [(item["SnatEntryId"], item["SourceCIDR"]) for item in found] == [(entry, "10.1.0.0/16")]
    gateway_id = gateway["NatGatewayId"]
    assert world.rpc.send("Vpc", "DeleteNatGateway", NatGatewayId=gateway_id).code == "DependencyViolation"
    assert world.rpc.send("Vpc", "UnassociateEipAddress", **binding).code == "OperationUnsupported.EipInSnat"
    world.rpc("Vpc", "DeleteSnatEntry", SnatTableId=table, SnatEntryId=entry)
    world.rpc("Vpc", "UnassociateEipAddress", **binding)
    world.rpc("Vpc", "DeleteNatGateway", NatGatewayId=gateway_id)
    world.rpc("Vpc", "ReleaseEipAddress", AllocationId=eip["AllocationId"])
    assert world.rpc("Vpc", "DescribeEipAddresses")["TotalCount"] == 0


def test_addresses_come_from_the_regions_plan_until_it_is_used_up(world: Any) -> None:
    addresses = {world.rpc("Vpc", "AllocateEipAddress")["EipAddress"] for _ in range(51)}
    assert len(addresses) == 51
    assert min(addresses) == "172.30.65.200"
    reply = world.rpc.send("Vpc", "AllocateEipAddress")
    assert reply.code == "QuotaExceeded.Eip"
    assert "51" in reply.json()["Message"]


def test_a_protected_address_is_not_released(world: Any) -> None:
    eip = world.rpc("Vpc", "AllocateEipAddress")["AllocationId"]
    world.rpc("Vpc", "DeletionProtection", InstanceId=eip, Type="EIP", ProtectionEnable="true")
    reply = world.rpc.send("Vpc", "ReleaseEipAddress", AllocationId=eip)
    assert reply.code == "OperationDenied.DeletionProtection"


def test_a_security_group_holds_each_rule_once(world: Any) -> None:
    vpc, _ = world.network()
    group = world.rpc("Ecs", "CreateSecurityGroup", VpcId=vpc, SecurityGroupName="web")["SecurityGroupId"]
    rule = {
        "SecurityGroupId": group,
        "Permissions__1__IpProtocol": "tcp",
        "Permissions__1__PortRange": "443/443",
        "Permissions__1__SourceCidrIp": "10.0.0.0/8",
    }
    world.rpc("Ecs", "AuthorizeSecurityGroup", **rule)
    world.rpc("Ecs", "AuthorizeSecurityGroup", **rule)
    found = world.rpc("Ecs", "DescribeSecurityGroupAttribute", SecurityGroupId=group)
    permissions = found["Permissions"]["Permission"]
    assert [(item["IpProtocol"], item["PortRange"], item["Direction"]) for item in permissions] == [
        ("TCP", "443/443", "ingress")
    ]
    world.rpc("Ecs", "RevokeSecurityGroup", **rule)
    found = world.rpc("Ecs", "DescribeSecurityGroupAttribute", SecurityGroupId=group)
    assert found["Permissions"]["Permission"] == []


def test_zones_and_instance_types_are_those_of_the_region(world: Any) -> None:
    zones = world.rpc("Ecs", "DescribeZones", RegionId="cn-shanghai")["Zones"]["Zone"]
    assert "cn-shanghai-l" in [zone["ZoneId"] for zone in zones]
    types = world.rpc("Ecs", "DescribeInstanceTypes", InstanceTypes__1="ecs.gn6i-c4g1.xlarge")
    (found,) = types["InstanceTypes"]["InstanceType"]
    assert (found["CpuCoreCount"], found["MemorySize"], found["GPUAmount"]) == (4, 15.0, 1)


def test_listings_come_in_pages(world: Any) -> None:
    for number in range(3):
        world.rpc("Vpc", "CreateVpc", CidrBlock="10.0.0.0/8", VpcName=f"v{number}")
    second = world.rpc("Vpc", "DescribeVpcs", PageSize="2", PageNumber="2")
    assert (second["TotalCount"], [vpc["VpcName"] for vpc in second["Vpcs"]["Vpc"]]) == (3, ["v2"])
    assert world.rpc.send("Vpc", "DescribeVpcs", PageSize="1000").code == "InvalidParameter.PageSize"
