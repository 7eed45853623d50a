"""Actions on switches."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import new_identifier, zones
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.vpc.errors import in_use, invalid_cidr, vswitch_not_found
from sandbox.cloud.vpc.model import VSwitch
from sandbox.cloud.vpc.networks import NetworkActions, parse_cidr


class SwitchActions(NetworkActions):
    """Switches of networks."""

    @action("CreateVSwitch", "VpcId ZoneId CidrBlock VSwitchName Description Tag")
    def create_vswitch(self, call: Call) -> Answer:
        """Make a switch inside a network's ranges, apart from its other switches."""
        parameters, vpc = call.parameters, self.find_vpc(call)
        zone = parameters.required("ZoneId")
        if zone not in zones(call.region):
            known = ", ".join(zones(call.region))
            raise CloudError("InvalidZoneId.NotFound", f"Zone {zone!r} is not in {call.region}; it has: {known}.", 404)
        block = parse_cidr(parameters.required("CidrBlock"), 16, 29)
        ranges = [ipaddress.IPv4Network(item) for item in (vpc.cidr_block, *vpc.secondary_cidr_blocks)]
        if not any(block.subnet_of(outer) for outer in ranges):
            raise invalid_cidr(str(block), f"it is outside the network's ranges {', '.join(map(str, ranges))}")
        for other in self.networks.vswitches_of(vpc.identifier):
            if block.overlaps(ipaddress.IPv4Network(other.cidr_block)):
                raise CloudError(
                    "InvalidCidrBlock.Overlapped",
                    f"CIDR block {block} overlaps {other.cidr_block} of {other.identifier}.",
                )
        vswitch = VSwitch(
            identifier=new_identifier("vsw", call.region),
            region=call.region,
            created=self.context.clock.now(),
            name=parameters.text("VSwitchName"),
            description=parameters.text("Description"),
            resource_group_id=vpc.resource_group_id,
            vpc_id=vpc.identifier,
            zone_id=zone,
            cidr_block=str(block),
        )
        with self.context.store.transaction():
            self.networks.vswitches.put(vswitch.identifier, vswitch, call.region)
            self.networks.tags.add("VSWITCH", vswitch.identifier, parameters.tags())
        return {"VSwitchId": vswitch.identifier}

    @action("DescribeVSwitchAttributes", "VSwitchId")
    def describe_vswitch_attributes(self, call: Call) -> Answer:
        """One switch; an unknown one is answered with an empty VSwitchId, as on the cloud."""
        vswitch = self.networks.vswitches.get(call.parameters.required("VSwitchId"))
        if vswitch is None or vswitch.region != call.region:
            return {"VSwitchId": "", "Status": "", "VpcId": ""}
        return self.describe_vswitch(vswitch)

    @action("DescribeVSwitches", f"VpcId VSwitchId ZoneId VSwitchName IsDefault {PAGING}")
    def describe_vswitches(self, call: Call) -> Answer:
        """The switches of a region."""
        parameters = call.parameters
        vpc_id, zone, name = parameters.text("VpcId"), parameters.text("ZoneId"), parameters.text("VSwitchName")
        wanted = [item for item in parameters.text("VSwitchId").split(",") if item]
        found = [
            vswitch
            for vswitch in self.networks.vswitches.list(call.region, wanted)
            if vpc_id in ("", vswitch.vpc_id) and zone in ("", vswitch.zone_id) and name in ("", vswitch.name)
        ]
        chosen, paging = page(found, parameters, maximum_size=50)
        return {"VSwitches": {"VSwitch": [self.describe_vswitch(vswitch) for vswitch in chosen]}, **paging}

    @action("ModifyVSwitchAttribute", "VSwitchId VSwitchName Description")
    def modify_vswitch_attribute(self, call: Call) -> Answer:
        """Change a switch's name or description."""
        vswitch = self.find_vswitch(call)
        changes = {}
        for parameter, field in (("VSwitchName", "name"), ("Description", "description")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        self.networks.vswitches.put(vswitch.identifier, vswitch.model_copy(update=changes), vswitch.region)
        return {}

    @action("DeleteVSwitch", "VSwitchId")
    def delete_vswitch(self, call: Call) -> Answer:
        """Delete a switch that nothing uses."""
        vswitch = self.find_vswitch(call)
        gateways = self.networks.nat_gateways.list(vswitch_id=vswitch.identifier)
        user = gateways[0].identifier if gateways else self.used_by(vswitch.identifier)
        if user is not None:
            raise in_use("VSwitch", vswitch.identifier, user)
        self.networks.vswitches.delete(vswitch.identifier)
        self.networks.tags.forget("VSWITCH", vswitch.identifier)
        return {}

    def find_vswitch(self, call: Call) -> VSwitch:
        """The switch that the call names."""
        identifier = call.parameters.required("VSwitchId")
        vswitch = self.networks.vswitches.get(identifier)
        if vswitch is None or vswitch.region != call.region:
            raise vswitch_not_found(identifier)
        return vswitch

    def describe_vswitch(self, vswitch: VSwitch) -> dict[str, Any]:
        """A switch as the cloud describes it."""
        size = ipaddress.IPv4Network(vswitch.cidr_block).num_addresses
        return {
            "VSwitchId": vswitch.identifier,
            "VSwitchName": vswitch.name,
            "Description": vswitch.description,
            "VpcId": vswitch.vpc_id,
            "ZoneId": vswitch.zone_id,
            "CidrBlock": vswitch.cidr_block,
            "Ipv6CidrBlock": "",
            "Status": vswitch.status(self.context.clock),
            "CreationTime": iso(vswitch.created),
            "IsDefault": False,
            "AvailableIpAddressCount": size - 4,
            "ResourceGroupId": vswitch.resource_group_id,
            "Tags": {"Tag": tag_list(self.networks.tags.of("VSWITCH", vswitch.identifier))},
        }
