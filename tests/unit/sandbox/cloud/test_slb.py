"""Load balancers and listeners keep what they are told; their public addresses are never an elastic address, too."""

from __future__ import annotations

import json
from typing import Any

import pytest


def make(world: Any, **parameters: Any) -> str:
    return str(world.rpc("Slb", "CreateLoadBalancer", **parameters)["LoadBalancerId"])


def attribute(world: Any, identifier: str) -> dict[str, Any]:
    return dict(world.rpc("Slb", "DescribeLoadBalancerAttribute", LoadBalancerId=identifier))


def test_a_load_balancer_is_described_as_it_was_made(world: Any) -> None:
    identifier = make(world, LoadBalancerName="web", Bandwidth=10, Tag__1__Key="a", Tag__1__Value="b")
    found = attribute(world, identifier)
    assert (found["LoadBalancerName"], found["Bandwidth"], found["LoadBalancerStatus"]) == ("web", 10, "active")
    assert (found["AddressType"], found["DeleteProtection"]) == ("internet", "off")
    records = world.rpc("Slb", "ListTagResources", ResourceType="instance", ResourceId__1=identifier)
    assert [(item["TagKey"], item["TagValue"]) for item in records["TagResources"]["TagResource"]] == [("a", "b")]


def test_public_addresses_are_shared_with_elastic_ones_and_given_back(world: Any) -> None:
    first = world.rpc("Vpc", "AllocateEipAddress")["EipAddress"]
    balancer = world.rpc("Slb", "CreateLoadBalancer")
    second = world.rpc("Vpc", "AllocateEipAddress")["EipAddress"]
    assert len({first, balancer["Address"], second}) == 3
    world.rpc("Slb", "DeleteLoadBalancer", LoadBalancerId=balancer["LoadBalancerId"])
    assert world.rpc("Vpc", "AllocateEipAddress")["EipAddress"] == balancer["Address"]


def test_an_intranet_address_is_of_its_switch_which_cannot_go_before(world: Any) -> None:
    _, vswitch = world.network()
    made = world.rpc("Slb", "CreateLoadBalancer", AddressType="intranet", VSwitchId=vswitch)
    assert made["Address"] == "10.1.255.251"
    assert world.rpc.send("Vpc", "DeleteVSwitch", VSwitchId=vswitch).code == "DependencyViolation"
    again = {"AddressType": "intranet", "VSwitchId": vswitch, "Address": made["Address"]}
    assert world.rpc.send("Slb", "CreateLoadBalancer", **again).code == "InvalidAddress"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"AddressType": "intranet"}, "InvalidParameter.VSwitchId"),
        ({"AddressType": "intranet", "VSwitchId": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ({"AddressIPVersion": "ipv6"}, "InvalidParameter.AddressIPVersion"),
        ({"Bandwidth": 5121}, "InvalidParameter.Bandwidth"),
        ({"LoadBalancerSpec": "slb.s9.huge"}, "InvalidParameter.LoadBalancerSpec"),
        ({"LoadBalancerName": "x" * 81}, "InvalidParameter.LoadBalancerName"),
    ],
)
def test_what_cannot_be_is_refused(world: Any, parameters: dict[str, Any], code: str) -> None:
    assert world.rpc.send("Slb", "CreateLoadBalancer", **parameters).code == code


def test_changes_are_kept(world: Any) -> None:
    identifier = make(world)
    for action, parameters in {
        "SetLoadBalancerName": {"LoadBalancerName": "new"},
        "SetLoadBalancerStatus": {"LoadBalancerStatus": "inactive"},
        "ModifyLoadBalancerInstanceSpec": {"LoadBalancerSpec": "slb.s2.small"},
        "ModifyLoadBalancerInternetSpec": {"Bandwidth": 7, "InternetChargeType": "PayByBandwidth"},
        "SetLoadBalancerModificationProtection": {"ModificationProtectionStatus": "ConsoleProtection"},
        "ModifyLoadBalancerPayType": {"PayType": "PrePay", "Duration": 1, "PricingCycle": "month", "AutoPay": "true"},
    }.items():
        world.rpc("Slb", action, LoadBalancerId=identifier, **parameters)
    found = attribute(world, identifier)
    assert (found["LoadBalancerName"], found["LoadBalancerStatus"]) == ("new", "inactive")
    assert (found["LoadBalancerSpec"], found["Bandwidth"]) == ("slb.s2.small", 7)
    assert (found["InternetChargeType"], found["PayType"]) == ("paybybandwidth", "PrePay")
    assert found["ModificationProtectionStatus"] == "ConsoleProtection"


def test_a_protected_load_balancer_stays(world: Any) -> None:
    identifier = make(world, DeleteProtection="on")
    reply = world.rpc.send("Slb", "DeleteLoadBalancer", LoadBalancerId=identifier)
    assert reply.code == "OperationDenied.DeleteProtectionIsOn"
    world.rpc("Slb", "SetLoadBalancerDeleteProtection", LoadBalancerId=identifier, DeleteProtection="off")
    world.rpc("Slb", "DeleteLoadBalancer", LoadBalancerId=identifier)
    reply = world.rpc.send("Slb", "DescribeLoadBalancerAttribute", LoadBalancerId=identifier)
    assert (reply.status, reply.code) == (404, "InvalidLoadBalancerId.NotFound")


def test_a_listing_is_filtered_and_paged(world: Any) -> None:
    wanted = make(world, LoadBalancerName="a", Tag__1__Key="team", Tag__1__Value="qa")
    make(world, LoadBalancerName="b")

    def identifiers(**parameters: Any) -> list[str]:
        found = world.rpc("Slb", "DescribeLoadBalancers", **parameters)["LoadBalancers"]["LoadBalancer"]
        return [item["LoadBalancerId"] for item in found]

    assert identifiers(LoadBalancerName="a") == [wanted]
    assert identifiers(Tag__1__Key="team", Tag__1__Value="qa") == [wanted]
    assert identifiers(PageSize=1) == [wanted]
    assert identifiers(RegionId="cn-shanghai") == []


def test_a_listener_is_made_stopped_started_changed_and_deleted(world: Any) -> None:
    identifier = make(world)
    port = {"LoadBalancerId": identifier, "ListenerPort": 80}
    world.rpc("Slb", "CreateLoadBalancerTCPListener", **port, BackendServerPort=30080)
    assert world.rpc.send("Slb", "CreateLoadBalancerHTTPListener", **port, BackendServerPort=1).code == (
        "ListenerAlreadyExists"
    )
    world.rpc("Slb", "CreateLoadBalancerUDPListener", **port, BackendServerPort=30081)
    assert world.rpc("Slb", "DescribeLoadBalancerTCPListenerAttribute", **port)["Status"] == "stopped"
    assert world.rpc.send("Slb", "StartLoadBalancerListener", **port).code == "InvalidParameter.ListenerProtocol"
    world.rpc("Slb", "StartLoadBalancerListener", **port, ListenerProtocol="tcp")
    world.rpc("Slb", "SetLoadBalancerTCPListenerAttribute", **port, EstablishedTimeout=600, Description="web")
    found = world.rpc("Slb", "DescribeLoadBalancerTCPListenerAttribute", **port)
    assert (found["Status"], found["BackendServerPort"], found["Scheduler"]) == ("running", 30080, "wrr")
    assert (found["EstablishedTimeout"], found["Description"]) == (600, "web")
    ports = attribute(world, identifier)["ListenerPortsAndProtocol"]["ListenerPortAndProtocol"]
    assert [(item["ListenerPort"], item["ListenerProtocol"]) for item in ports] == [(80, "tcp"), (80, "udp")]
    world.rpc("Slb", "DeleteLoadBalancerListener", **port, ListenerProtocol="tcp")
    reply = world.rpc.send("Slb", "DescribeLoadBalancerTCPListenerAttribute", **port)
    assert "The specified resource does not exist" in reply.json()["Message"]


def test_servers_are_added_weighed_and_removed(world: Any) -> None:
    identifier = make(world)

    def send(action: str, servers: object) -> Any:
        return world.rpc.send("Slb", action, LoadBalancerId=identifier, BackendServers=json.dumps(servers))

    assert send("AddBackendServers", [{"ServerId": "i-1"}, {"ServerId": "i-2", "Weight": "50"}]).status == 200
    assert send("SetBackendServers", [{"ServerId": "i-1", "Weight": 10}]).status == 200
    assert send("SetBackendServers", [{"ServerId": "i-9", "Weight": 10}]).code == "ObtainIpFail"
    assert send("AddBackendServers", [{"ServerId": "i-3", "Weight": "101"}]).code == "InvalidParameter.BackendServers"
    assert send("RemoveBackendServers", [{"ServerId": "i-2"}]).status == 200
    servers = attribute(world, identifier)["BackendServers"]["BackendServer"]
    assert [(item["ServerId"], item["Weight"]) for item in servers] == [("i-1", 10)]
