"""Actions on load balancers and the servers behind them."""

from __future__ import annotations

from typing import Any, cast

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.slb.errors import deletion_protected
from sandbox.cloud.slb.lifecycle import BalancerLifecycle
from sandbox.cloud.slb.model import RESOURCE_TYPE, AddressType, Balancers, LoadBalancer

SPECIFICATIONS = (
    "slb.s1.small",
    "slb.s2.small",
    "slb.s2.medium",
    "slb.s3.small",
    "slb.s3.medium",
    "slb.s3.large",
    "slb.s4.large",
    "slb.lcu.elastic",
)
MAXIMUM_BANDWIDTH = 5120
"""Megabits a second; declared and described, not enforced on the sandbox's packets."""
CREATE = (
    "LoadBalancerName AddressType Address AddressIPVersion VSwitchId VpcId Bandwidth InternetChargeType "
    "LoadBalancerSpec MasterZoneId SlaveZoneId ResourceGroupId DeleteProtection ModificationProtectionStatus "
    "ModificationProtectionReason PayType InstanceChargeType Tag"
)
FILTERS = {
    "LoadBalancerName": "name",
    "LoadBalancerStatus": "status",
    "AddressType": "address_type",
    "Address": "address",
    "VpcId": "vpc_id",
    "VSwitchId": "vswitch_id",
    "InternetChargeType": "internet_charge_type",
    "MasterZoneId": "master_zone",
    "SlaveZoneId": "slave_zone",
    "PayType": "pay_type",
    "ResourceGroupId": "resource_group_id",
    "AddressIPVersion": "address_ip_version",
}


class LoadBalancerActions:
    """Load balancers. Their listeners are in the next module."""

    context: Context
    balancers: Balancers
    lifecycle: BalancerLifecycle

    @action("CreateLoadBalancer", CREATE)
    def create_load_balancer(self, call: Call) -> Answer:
        """Make a load balancer."""
        parameters, region = call.parameters, check_region(call.region)
        parameters.choice("AddressIPVersion", "ipv4", ("ipv4",))
        address_type = parameters.choice("AddressType", "internet", ("internet", "intranet"))
        parameters.text("VpcId")  # follows from the switch
        made = self.lifecycle.create(
            region,
            address_type=cast(AddressType, address_type),
            vswitch_id=parameters.text("VSwitchId"),
            address=parameters.text("Address"),
            tags=parameters.tags(),
            name=_name(call),
            bandwidth=parameters.integer("Bandwidth", MAXIMUM_BANDWIDTH, 1, MAXIMUM_BANDWIDTH),
            internet_charge_type=_internet_charge_type(call, "paybytraffic"),
            specification=parameters.choice("LoadBalancerSpec", SPECIFICATIONS[0], SPECIFICATIONS),
            master_zone=parameters.text("MasterZoneId"),
            slave_zone=parameters.text("SlaveZoneId"),
            resource_group_id=parameters.text("ResourceGroupId"),
            delete_protection=parameters.choice("DeleteProtection", "off", ("on", "off")),
            modification_protection=_protection(call),
            modification_protection_reason=parameters.text("ModificationProtectionReason"),
            pay_type=parameters.choice("PayType", "PayOnDemand", ("PayOnDemand", "PrePay")),
            instance_charge_type=parameters.choice("InstanceChargeType", "PayBySpec", ("PayBySpec", "PayByCLCU")),
        )
        return {
            "LoadBalancerId": made.identifier,
            "LoadBalancerName": made.name,
            "Address": made.address,
            "AddressIPVersion": made.address_ip_version,
            "NetworkType": _network_type(made),
            "VpcId": made.vpc_id,
            "VSwitchId": made.vswitch_id,
            "ResourceGroupId": made.resource_group_id,
        }

    @action("DescribeLoadBalancers", f"LoadBalancerId ServerId NetworkType Tag {' '.join(FILTERS)} {PAGING}")
    def describe_load_balancers(self, call: Call) -> Answer:
        """The load balancers of a region."""
        parameters = call.parameters
        wanted = [item for item in parameters.text("LoadBalancerId").split(",") if item]
        filters = {field: parameters.text(name) for name, field in FILTERS.items()}
        server, network, tags = parameters.text("ServerId"), parameters.text("NetworkType"), parameters.tags()
        found = [
            item
            for item in self.balancers.load_balancers.list(call.region, wanted)
            if all(value in ("", getattr(item, field)) for field, value in filters.items())
            and (not server or any(backend.server_id == server for backend in item.backends))
            and network in ("", _network_type(item))
            and tags.items() <= self.balancers.tags.of(RESOURCE_TYPE, item.identifier).items()
        ]
        chosen, paging = page(found, parameters, default_size=50)
        return {"LoadBalancers": {"LoadBalancer": [self.describe(item) for item in chosen]}, **paging}

    @action("DescribeLoadBalancerAttribute", "LoadBalancerId")
    def describe_load_balancer_attribute(self, call: Call) -> Answer:
        """One load balancer with its listeners and servers."""
        return self.describe_whole(self.find_load_balancer(call))

    @action("SetLoadBalancerName", "LoadBalancerId LoadBalancerName")
    def set_load_balancer_name(self, call: Call) -> Answer:
        """Rename it."""
        call.parameters.required("LoadBalancerName")
        return self._change(call, name=_name(call))

    @action("SetLoadBalancerStatus", "LoadBalancerId LoadBalancerStatus")
    def set_load_balancer_status(self, call: Call) -> Answer:
        """Turn it on or off. A cluster's Service is told apart from this: its address goes on working."""
        return self._change(call, status=call.parameters.choice("LoadBalancerStatus", "", ("active", "inactive")))

    @action("SetLoadBalancerDeleteProtection", "LoadBalancerId DeleteProtection")
    def set_load_balancer_delete_protection(self, call: Call) -> Answer:
        """Turn deletion protection on or off."""
        return self._change(call, delete_protection=call.parameters.choice("DeleteProtection", "", ("on", "off")))

    @action(
        "SetLoadBalancerModificationProtection",
        "LoadBalancerId ModificationProtectionStatus ModificationProtectionReason",
    )
    def set_load_balancer_modification_protection(self, call: Call) -> Answer:
        """Protect it from changes in the console, or not."""
        status = _protection(call)
        reason = call.parameters.text("ModificationProtectionReason") if status == "ConsoleProtection" else ""
        return self._change(call, modification_protection=status, modification_protection_reason=reason)

    @action("ModifyLoadBalancerInstanceSpec", "LoadBalancerId LoadBalancerSpec")
    def modify_load_balancer_instance_spec(self, call: Call) -> Answer:
        """Change its specification."""
        return self._change(call, specification=call.parameters.choice("LoadBalancerSpec", "", SPECIFICATIONS))

    @action("ModifyLoadBalancerInternetSpec", "LoadBalancerId Bandwidth InternetChargeType")
    def modify_load_balancer_internet_spec(self, call: Call) -> Answer:
        """Change its bandwidth or how traffic is charged."""
        before = self.find_load_balancer(call)
        return self._change(
            call,
            bandwidth=call.parameters.integer("Bandwidth", before.bandwidth, 1, MAXIMUM_BANDWIDTH),
            internet_charge_type=_internet_charge_type(call, before.internet_charge_type),
        )

    @action("ModifyLoadBalancerInstanceChargeType", "LoadBalancerId InstanceChargeType")
    def modify_load_balancer_instance_charge_type(self, call: Call) -> Answer:
        """Charge by specification or by capacity used."""
        chosen = call.parameters.choice("InstanceChargeType", "", ("PayBySpec", "PayByCLCU"))
        specification = {"specification": "slb.lcu.elastic"} if chosen == "PayByCLCU" else {}
        return self._change(call, instance_charge_type=chosen, **specification)

    @action("ModifyLoadBalancerPayType", "LoadBalancerId PayType Duration PricingCycle AutoPay")
    def modify_load_balancer_pay_type(self, call: Call) -> Answer:
        """Change how it is paid; nothing is ever charged."""
        for name in ("Duration", "PricingCycle", "AutoPay"):
            call.parameters.text(name)
        return self._change(call, pay_type=call.parameters.choice("PayType", "", ("PayOnDemand", "PrePay")))

    @action("DeleteLoadBalancer", "LoadBalancerId")
    def delete_load_balancer(self, call: Call) -> Answer:
        """Delete it with its listeners."""
        found = self.find_load_balancer(call)
        if found.delete_protection == "on":
            raise deletion_protected(found.identifier)
        self.lifecycle.delete(found)
        return {}

    def find_load_balancer(self, call: Call) -> LoadBalancer:
        """The load balancer that the call names."""
        return self.lifecycle.find(call.parameters.required("LoadBalancerId"), call.region)

    def _change(self, call: Call, **changes: Any) -> Answer:
        self.lifecycle.update(self.find_load_balancer(call), **changes)
        return {}

    def describe(self, item: LoadBalancer) -> dict[str, Any]:
        """A load balancer as a listing has it."""
        return {
            "LoadBalancerId": item.identifier,
            "LoadBalancerName": item.name,
            "LoadBalancerStatus": item.status,
            "Address": item.address,
            "AddressType": item.address_type,
            "AddressIPVersion": item.address_ip_version,
            "NetworkType": _network_type(item),
            "VpcId": item.vpc_id,
            "VSwitchId": item.vswitch_id,
            "RegionId": item.region,
            "RegionIdAlias": item.region,
            "MasterZoneId": item.master_zone,
            "SlaveZoneId": item.slave_zone,
            "InternetChargeType": item.internet_charge_type,
            "InternetChargeTypeAlias": item.internet_charge_type,
            "Bandwidth": item.bandwidth,
            "LoadBalancerSpec": item.specification,
            "PayType": item.pay_type,
            "InstanceChargeType": item.instance_charge_type,
            "ResourceGroupId": item.resource_group_id,
            "DeleteProtection": item.delete_protection,
            "ModificationProtectionStatus": item.modification_protection,
            "ModificationProtectionReason": item.modification_protection_reason,
            "CreateTime": iso(item.created),
            "CreateTimeStamp": int(item.created.timestamp() * 1000),
            "BusinessStatus": "Normal",
            "Tags": {
                "Tag": [
                    {"TagKey": tag["Key"], "TagValue": tag["Value"]}
                    for tag in tag_list(self.balancers.tags.of(RESOURCE_TYPE, item.identifier))
                ]
            },
        }

    def describe_whole(self, item: LoadBalancer) -> dict[str, Any]:
        """A load balancer with what belongs to it."""
        listeners = self.balancers.listeners_of(item.identifier)
        ports = [
            {
                "ListenerPort": listener.port,
                "ListenerProtocol": listener.protocol,
                "ListenerForward": listener.settings.get("ListenerForward", ""),
                "ForwardPort": listener.settings.get("ForwardPort", 0),
                "Description": listener.description,
            }
            for listener in listeners
        ]
        return {
            **self.describe(item),
            "ListenerPorts": {"ListenerPort": [listener.port for listener in listeners]},
            "ListenerPortsAndProtocol": {"ListenerPortAndProtocol": ports},
            "ListenerPortsAndProtocal": {"ListenerPortAndProtocal": []},
            "BackendServers": {"BackendServer": describe_backends(item)},
            "EndTime": "2999-09-08T16:00:00Z",
            "EndTimeStamp": 32493801600000,
            "AutoReleaseTime": 0,
            "HasReservedInfo": "false",
        }


def describe_backends(item: LoadBalancer) -> list[dict[str, Any]]:
    """The servers behind a load balancer."""
    return [
        {
            "ServerId": backend.server_id,
            "Weight": backend.weight,
            "Type": backend.kind,
            "ServerIp": backend.address,
            "Description": backend.description,
        }
        for backend in item.backends
    ]


def _network_type(item: LoadBalancer) -> str:
    return "vpc" if item.address_type == "intranet" else "classic"


def _name(call: Call) -> str:
    name = call.parameters.text("LoadBalancerName")
    if len(name) > 80:
        raise invalid_parameter("LoadBalancerName", name, "it has at most 80 characters")
    return name


def _internet_charge_type(call: Call, default: str) -> str:
    """Written in several ways by clients; kept in the one that the cloud answers with."""
    value = call.parameters.text("InternetChargeType", default).lower()
    if value not in ("paybytraffic", "paybybandwidth"):
        raise invalid_parameter("InternetChargeType", value, "it must be paybytraffic or paybybandwidth")
    return value


def _protection(call: Call) -> str:
    return call.parameters.choice(
        "ModificationProtectionStatus", "NonProtection", ("NonProtection", "ConsoleProtection")
    )
