"""Actions on NAT gateways and their rules for traffic that leaves."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.vpc.errors import (
    deletion_protected,
    in_use,
    nat_gateway_not_found,
    snat_entry_not_found,
    snat_table_not_found,
    vpc_not_found,
    vswitch_not_found,
)
from sandbox.cloud.vpc.model import NatGateway, Networks, SnatEntry


class GatewayActions:
    """NAT gateways and SNAT entries."""

    context: Context
    networks: Networks

    @action(
        "CreateNatGateway",
        "VpcId VSwitchId Name Description NatType InstanceChargeType InternetChargeType Spec NetworkType EipBindMode "
        "IcmpReplyEnabled PrivateLinkEnabled Tag",
    )
    def create_nat_gateway(self, call: Call) -> Answer:
        """Make a NAT gateway on a switch."""
        parameters = call.parameters
        vpc = self.networks.vpcs.get(parameters.required("VpcId"))
        if vpc is None or vpc.region != call.region:
            raise vpc_not_found(parameters.text("VpcId"))
        vswitch = self.networks.vswitches.get(parameters.required("VSwitchId"))
        if vswitch is None or vswitch.vpc_id != vpc.identifier:
            raise vswitch_not_found(parameters.text("VSwitchId"))
        taken = sum(1 for gateway in self.networks.nat_gateways_of(vpc.identifier) if gateway.vswitch_id)
        gateway = NatGateway(
            identifier=new_identifier("ngw", call.region),
            region=call.region,
            created=self.context.clock.now(),
            name=parameters.text("Name"),
            description=parameters.text("Description"),
            resource_group_id=vpc.resource_group_id,
            vpc_id=vpc.identifier,
            vswitch_id=vswitch.identifier,
            nat_type=parameters.choice("NatType", "Enhanced", ("Enhanced", "Normal")),
            charge_type=parameters.choice("InstanceChargeType", "PostPaid", ("PostPaid", "PrePaid")),
            internet_charge_type=parameters.text("InternetChargeType", "PayByLcu"),
            specification=parameters.text("Spec"),
            network_type=parameters.choice("NetworkType", "internet", ("internet", "intranet")),
            eip_bind_mode=parameters.choice("EipBindMode", "MULTI_BINDED", ("MULTI_BINDED", "NAT")),
            snat_table_id=new_identifier("stb", call.region),
            forward_table_id=new_identifier("ftb", call.region),
            private_address=str(ipaddress.IPv4Network(vswitch.cidr_block)[-4 - taken]),
            icmp_reply=parameters.boolean("IcmpReplyEnabled", True),
            private_link=parameters.boolean("PrivateLinkEnabled"),
        )
        with self.context.store.transaction():
            self.networks.nat_gateways.put(gateway.identifier, gateway, call.region)
            self.networks.tags.add("NATGATEWAY", gateway.identifier, parameters.tags())
        return {
            "NatGatewayId": gateway.identifier,
            "SnatTableIds": {"SnatTableId": [gateway.snat_table_id]},
            "ForwardTableIds": {"ForwardTableId": [gateway.forward_table_id]},
        }

    @action("DescribeNatGateways", f"NatGatewayId VpcId Name NatType {PAGING}")
    def describe_nat_gateways(self, call: Call) -> Answer:
        """The NAT gateways of a region."""
        parameters = call.parameters
        identifier, vpc_id, name = (parameters.text(item) for item in ("NatGatewayId", "VpcId", "Name"))
        kind = parameters.text("NatType")
        found = [
            gateway
            for gateway in self.networks.nat_gateways.list(call.region)
            if identifier in ("", gateway.identifier)
            and vpc_id in ("", gateway.vpc_id)
            and name in ("", gateway.name)
            and kind in ("", gateway.nat_type)
        ]
        chosen, paging = page(found, parameters, maximum_size=50)
        return {"NatGateways": {"NatGateway": [self.describe_nat_gateway(gateway) for gateway in chosen]}, **paging}

    @action("ModifyNatGatewayAttribute", "NatGatewayId Name Description EipBindMode IcmpReplyEnabled")
    def modify_nat_gateway_attribute(self, call: Call) -> Answer:
        """Change a NAT gateway."""
        gateway = self.find_nat_gateway(call)
        changes: dict[str, Any] = {}
        for parameter, field in (("Name", "name"), ("Description", "description"), ("EipBindMode", "eip_bind_mode")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        if call.parameters.given("IcmpReplyEnabled"):
            changes["icmp_reply"] = call.parameters.boolean("IcmpReplyEnabled")
        self.networks.nat_gateways.put(gateway.identifier, gateway.model_copy(update=changes), gateway.region)
        return {}

    @action("ModifyNatGatewaySpec", "NatGatewayId Spec")
    def modify_nat_gateway_spec(self, call: Call) -> Answer:
        """Change a NAT gateway's size."""
        gateway = self.find_nat_gateway(call)
        changed = gateway.model_copy(update={"specification": call.parameters.required("Spec")})
        self.networks.nat_gateways.put(gateway.identifier, changed, gateway.region)
        return {}

    @action("DeleteNatGateway", "NatGatewayId Force")
    def delete_nat_gateway(self, call: Call) -> Answer:
        """Delete a NAT gateway; with Force also its rules and bindings."""
        gateway = self.find_nat_gateway(call)
        if gateway.deletion_protection:
            raise deletion_protected("NAT gateway", gateway.identifier)
        entries = self.networks.snat_entries_of(gateway.snat_table_id)
        eips = self.networks.eips_of(gateway.identifier)
        if (entries or eips) and not call.parameters.boolean("Force"):
            raise in_use("NAT gateway", gateway.identifier, (*entries, *eips)[0].identifier)
        with self.context.store.transaction():
            for entry in entries:
                self.networks.snat_entries.delete(entry.identifier)
            for eip in eips:
                freed = eip.model_copy(update={"instance_id": "", "instance_type": "", "private_address": ""})
                self.networks.eips.put(eip.identifier, freed, eip.region)
            self.networks.nat_gateways.delete(gateway.identifier)
            self.networks.tags.forget("NATGATEWAY", gateway.identifier)
        return {}

    @action("CreateSnatEntry", "SnatTableId SnatIp SourceVSwitchId SourceCIDR SnatEntryName EipAffinity")
    def create_snat_entry(self, call: Call) -> Answer:
        """Let a switch or range leave through addresses bound to the gateway."""
        parameters = call.parameters
        gateway = self.find_by_snat_table(call)
        addresses = parameters.required("SnatIp")
        self.check_addresses_bound(gateway, addresses)
        vswitch_id, cidr = parameters.text("SourceVSwitchId"), parameters.text("SourceCIDR")
        if not vswitch_id and not cidr:
            raise CloudError("MissingParameter", "One of SourceVSwitchId and SourceCIDR must be given.")
        if vswitch_id:
            vswitch = self.networks.vswitches.get(vswitch_id)
            if vswitch is None or vswitch.vpc_id != gateway.vpc_id:
                raise vswitch_not_found(vswitch_id)
            cidr = vswitch.cidr_block
        entry = SnatEntry(
            identifier=new_identifier("snat", call.region),
            region=call.region,
            created=self.context.clock.now(),
            name=parameters.text("SnatEntryName"),
            snat_table_id=gateway.snat_table_id,
            nat_gateway_id=gateway.identifier,
            snat_addresses=addresses,
            source_vswitch_id=vswitch_id,
            source_cidr=cidr,
            eip_affinity=parameters.integer("EipAffinity", 0, 0, 1),
        )
        self.networks.snat_entries.put(entry.identifier, entry, call.region)
        return {"SnatEntryId": entry.identifier}

    @action("DescribeSnatTableEntries", f"SnatTableId SnatEntryId SourceVSwitchId NatGatewayId {PAGING}")
    def describe_snat_table_entries(self, call: Call) -> Answer:
        """The rules of a table."""
        parameters = call.parameters
        table, identifier = parameters.text("SnatTableId"), parameters.text("SnatEntryId")
        vswitch_id, gateway_id = parameters.text("SourceVSwitchId"), parameters.text("NatGatewayId")
        found = [
            entry
            for entry in self.networks.snat_entries.list(call.region)
            if table in ("", entry.snat_table_id)
            and identifier in ("", entry.identifier)
            and vswitch_id in ("", entry.source_vswitch_id)
            and gateway_id in ("", entry.nat_gateway_id)
        ]
        chosen, paging = page(found, parameters, maximum_size=50)
        return {"SnatTableEntries": {"SnatTableEntry": [self.describe_snat(entry) for entry in chosen]}, **paging}

    @action("ModifySnatEntry", "SnatTableId SnatEntryId SnatIp SnatEntryName EipAffinity")
    def modify_snat_entry(self, call: Call) -> Answer:
        """Change a rule."""
        entry, gateway = self.find_snat_entry(call), self.find_by_snat_table(call)
        changes: dict[str, Any] = {}
        if call.parameters.given("SnatIp"):
            changes["snat_addresses"] = call.parameters.required("SnatIp")
            self.check_addresses_bound(gateway, changes["snat_addresses"])
        if call.parameters.given("SnatEntryName"):
            changes["name"] = call.parameters.text("SnatEntryName")
        if call.parameters.given("EipAffinity"):
            changes["eip_affinity"] = call.parameters.integer("EipAffinity", 0, 0, 1)
        self.networks.snat_entries.put(entry.identifier, entry.model_copy(update=changes), entry.region)
        return {}

    @action("DeleteSnatEntry", "SnatTableId SnatEntryId")
    def delete_snat_entry(self, call: Call) -> Answer:
        """Delete a rule."""
        self.networks.snat_entries.delete(self.find_snat_entry(call).identifier)
        return {}

    def find_nat_gateway(self, call: Call) -> NatGateway:
        """The NAT gateway that the call names."""
        identifier = call.parameters.required("NatGatewayId")
        gateway = self.networks.nat_gateways.get(identifier)
        if gateway is None or gateway.region != call.region:
            raise nat_gateway_not_found(identifier)
        return gateway

    def find_by_snat_table(self, call: Call) -> NatGateway:
        """The NAT gateway whose table the call names."""
        table = call.parameters.required("SnatTableId")
        for gateway in self.networks.nat_gateways.list(call.region):
            if gateway.snat_table_id == table:
                return gateway
        raise snat_table_not_found(table)

    def find_snat_entry(self, call: Call) -> SnatEntry:
        """The rule that the call names."""
        identifier = call.parameters.required("SnatEntryId")
        entry = self.networks.snat_entries.get(identifier)
        if entry is None or entry.snat_table_id != call.parameters.required("SnatTableId"):
            raise snat_entry_not_found(identifier)
        return entry

    def check_addresses_bound(self, gateway: NatGateway, addresses: str) -> None:
        """Refuse addresses that are not bound to the gateway."""
        bound = {eip.address for eip in self.networks.eips_of(gateway.identifier)}
        for address in addresses.split(","):
            try:
                ipaddress.IPv4Address(address)
            except ValueError:
                raise invalid_parameter("SnatIp", address, "it must be an IPv4 address") from None
            if gateway.network_type == "internet" and address not in bound:
                raise CloudError(
                    "EIP_NOT_IN_GATEWAY",
                    f"Address {address} is not bound to {gateway.identifier}; associate its EIP with that first.",
                )

    def describe_nat_gateway(self, gateway: NatGateway) -> dict[str, Any]:
        """A NAT gateway as the cloud describes it."""
        eips = self.networks.eips_of(gateway.identifier)
        vswitch = self.networks.vswitches.get(gateway.vswitch_id)
        return {
            "NatGatewayId": gateway.identifier,
            "Name": gateway.name,
            "Description": gateway.description,
            "RegionId": gateway.region,
            "VpcId": gateway.vpc_id,
            "Status": gateway.status(self.context.clock),
            "CreationTime": iso(gateway.created),
            "NatType": gateway.nat_type,
            "InstanceChargeType": gateway.charge_type,
            "InternetChargeType": gateway.internet_charge_type,
            "Spec": gateway.specification,
            "NetworkType": gateway.network_type,
            "EipBindMode": gateway.eip_bind_mode,
            "DeletionProtection": gateway.deletion_protection,
            "IcmpReplyEnabled": gateway.icmp_reply,
            "PrivateLinkEnabled": gateway.private_link,
            "BusinessStatus": "Normal",
            "EcsMetricEnabled": False,
            "ExpiredTime": "",
            "ResourceGroupId": gateway.resource_group_id,
            "ForwardTableIds": {"ForwardTableId": [gateway.forward_table_id]},
            "SnatTableIds": {"SnatTableId": [gateway.snat_table_id]},
            "BandwidthPackageIds": {"BandwidthPackageId": []},
            "IpLists": {
                "IpList": [
                    {"AllocationId": eip.identifier, "IpAddress": eip.address, "PrivateIpAddress": eip.private_address}
                    for eip in eips
                ]
            },
            "NatGatewayPrivateInfo": {
                "VswitchId": gateway.vswitch_id,
                "IzNo": vswitch.zone_id if vswitch is not None else "",
                "PrivateIpAddress": gateway.private_address,
            },
            "Tags": {"Tag": tag_list(self.networks.tags.of("NATGATEWAY", gateway.identifier))},
        }

    def describe_snat(self, entry: SnatEntry) -> dict[str, Any]:
        """A rule as the cloud describes it."""
        return {
            "SnatEntryId": entry.identifier,
            "SnatEntryName": entry.name,
            "SnatTableId": entry.snat_table_id,
            "NatGatewayId": entry.nat_gateway_id,
            "SnatIp": entry.snat_addresses,
            "SourceVSwitchId": entry.source_vswitch_id,
            "SourceCIDR": entry.source_cidr,
            "EipAffinity": str(entry.eip_affinity),
            "Status": entry.status(self.context.clock),
        }
