"""Actions on elastic public addresses."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.vpc.errors import allocation_not_found, deletion_protected, nat_gateway_not_found
from sandbox.cloud.vpc.model import Eip, Networks
from sandbox.cloud.vpc.networks import default_resource_group

ADDRESSES_A_REGION = 51
"""How many public addresses a region has in the sandbox's address plan."""

INSTANCE_TYPES = ("EcsInstance", "SlbInstance", "Nat", "HaVip", "NetworkInterface", "IpAddress")


def free_public_address(context: Context, networks: Networks, region: str) -> str:
    """The lowest address of the region's plan that neither an elastic address nor a load balancer has.

    The only place that chooses public addresses; call it inside the transaction that writes the address down.

    Raises:
        CloudError: QuotaExceeded.Eip when the region has none left.
    """
    slot = context.slots.slot(region)
    taken = {eip.address for eip in networks.eips.list(region)}
    taken |= {claim.address for claim in networks.address_claims.list(region)}
    for number in range(ADDRESSES_A_REGION):
        address = str(context.addresses.public(slot, number))
        if address not in taken:
            return address
    raise CloudError(
        "QuotaExceeded.Eip",
        f"The sandbox has {ADDRESSES_A_REGION} public addresses a region, all in use; free one.",
    )


class AddressActions:
    """Elastic addresses and what they are bound to."""

    context: Context
    networks: Networks

    @action(
        "AllocateEipAddress",
        "InstanceId Bandwidth Name Description ResourceGroupId InstanceChargeType InternetChargeType ISP Netmode Tag",
    )
    def allocate_eip_address(self, call: Call) -> Answer:
        """Take the next free address of the region."""
        parameters, region = call.parameters, check_region(call.region)
        with self.context.store.transaction():
            address = free_public_address(self.context, self.networks, region)
            identifier = parameters.text("InstanceId") or new_identifier("eip", region)
            if self.networks.eips.get(identifier) is not None:
                raise CloudError("InvalidInstanceId.AlreadyExists", f"The address {identifier} is allocated already.")
            eip = Eip(
                identifier=identifier,
                region=region,
                created=self.context.clock.now(),
                name=parameters.text("Name"),
                description=parameters.text("Description"),
                resource_group_id=parameters.text("ResourceGroupId", default_resource_group(self.context)),
                address=address,
                bandwidth=str(parameters.integer("Bandwidth", 5, 1, 1000)),
                charge_type=parameters.choice("InstanceChargeType", "PostPaid", ("PostPaid", "PrePaid")),
                internet_charge_type=parameters.choice(
                    "InternetChargeType", "PayByBandwidth", ("PayByBandwidth", "PayByTraffic", "PayByDominantTraffic")
                ),
                isp=parameters.text("ISP", "BGP"),
                netmode=parameters.text("Netmode", "public"),
            )
            self.networks.eips.put(eip.identifier, eip, region)
            self.networks.tags.add("EIP", eip.identifier, parameters.tags())
        return {"AllocationId": eip.identifier, "EipAddress": eip.address, "ResourceGroupId": eip.resource_group_id}

    @action(
        "DescribeEipAddresses",
        f"AllocationId EipAddress EipName Status AssociatedInstanceId AssociatedInstanceType {PAGING}",
    )
    def describe_eip_addresses(self, call: Call) -> Answer:
        """The addresses of a region."""
        parameters = call.parameters
        wanted = [item for item in parameters.text("AllocationId").split(",") if item]
        address, name = parameters.text("EipAddress"), parameters.text("EipName")
        status, instance = parameters.text("Status"), parameters.text("AssociatedInstanceId")
        kind = parameters.text("AssociatedInstanceType")
        found = [
            eip
            for eip in self.networks.eips.list(call.region, wanted)
            if address in ("", eip.address)
            and name in ("", eip.name)
            and status in ("", eip.status(self.context.clock))
            and instance in ("", eip.instance_id)
            and kind in ("", eip.instance_type)
        ]
        chosen, paging = page(found, parameters, maximum_size=100)
        return {"EipAddresses": {"EipAddress": [self.describe_eip(eip) for eip in chosen]}, **paging}

    @action("ModifyEipAddressAttribute", "AllocationId Bandwidth Name Description")
    def modify_eip_address_attribute(self, call: Call) -> Answer:
        """Change an address's bandwidth, name or description."""
        eip = self.find_eip(call, "AllocationId")
        changes = {}
        for parameter, field in (("Name", "name"), ("Description", "description")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        if call.parameters.given("Bandwidth"):
            changes["bandwidth"] = str(call.parameters.integer("Bandwidth", 5, 1, 1000))
        self.networks.eips.put(eip.identifier, eip.model_copy(update=changes), eip.region)
        return {}

    @action("AssociateEipAddress", "AllocationId InstanceId InstanceType PrivateIpAddress Mode")
    def associate_eip_address(self, call: Call) -> Answer:
        """Bind an address to an instance."""
        parameters, eip = call.parameters, self.find_eip(call, "AllocationId")
        instance = parameters.required("InstanceId")
        if eip.instance_id:
            raise CloudError("IncorrectEipStatus", f"Address {eip.identifier} is bound to {eip.instance_id} already.")
        kind = parameters.choice("InstanceType", "EcsInstance", INSTANCE_TYPES)
        private = parameters.text("PrivateIpAddress")
        if kind == "Nat":
            gateway = self.networks.nat_gateways.get(instance)
            if gateway is None or gateway.region != call.region:
                raise nat_gateway_not_found(instance)
            private = gateway.private_address if gateway.eip_bind_mode == "NAT" else ""
        bound = eip.model_copy(
            update={
                "instance_id": instance,
                "instance_type": kind,
                "private_address": private,
                "mode": parameters.text("Mode", "NAT"),
            }
        )
        self.networks.eips.put(eip.identifier, bound, eip.region)
        return {}

    @action("UnassociateEipAddress", "AllocationId InstanceId InstanceType PrivateIpAddress Force")
    def unassociate_eip_address(self, call: Call) -> Answer:
        """Free an address of its instance."""
        eip = self.find_eip(call, "AllocationId")
        if not eip.instance_id:
            return {}
        if call.parameters.text("InstanceId", eip.instance_id) != eip.instance_id:
            raise invalid_parameter("InstanceId", call.parameters.text("InstanceId"), f"it is {eip.instance_id}")
        for entry in self.networks.snat_entries.list(eip.region):
            if eip.address in entry.snat_addresses.split(",") and not call.parameters.boolean("Force"):
                raise CloudError(
                    "OperationUnsupported.EipInSnat",
                    f"Address {eip.address} is used by SNAT entry {entry.identifier}; delete that first.",
                )
        freed = eip.model_copy(update={"instance_id": "", "instance_type": "", "private_address": "", "mode": "NAT"})
        self.networks.eips.put(eip.identifier, freed, eip.region)
        return {}

    @action("ModifyEipForwardMode", "InstanceId Mode")
    def modify_eip_forward_mode(self, call: Call) -> Answer:
        """Change how an address is seen by its network interface."""
        eip = self.find_eip(call, "InstanceId")
        changed = eip.model_copy(
            update={"mode": call.parameters.choice("Mode", "NAT", ("NAT", "BINDED", "MULTI_BINDED"))}
        )
        self.networks.eips.put(eip.identifier, changed, eip.region)
        return {}

    @action("ReleaseEipAddress", "AllocationId")
    def release_eip_address(self, call: Call) -> Answer:
        """Give an address back."""
        eip = self.find_eip(call, "AllocationId")
        if eip.deletion_protection:
            raise deletion_protected("Address", eip.identifier)
        if eip.instance_id:
            raise CloudError(
                "IncorrectEipStatus", f"Address {eip.identifier} is bound to {eip.instance_id}; free it first."
            )
        self.networks.eips.delete(eip.identifier)
        self.networks.tags.forget("EIP", eip.identifier)
        return {}

    def find_eip(self, call: Call, parameter: str) -> Eip:
        """The address that the call names."""
        identifier = call.parameters.required(parameter)
        eip = self.networks.eips.get(identifier)
        if eip is None or eip.region != call.region:
            raise allocation_not_found(identifier)
        return eip

    def describe_eip(self, eip: Eip) -> dict[str, Any]:
        """An address as the cloud describes it."""
        return {
            "AllocationId": eip.identifier,
            "Name": eip.name,
            "Description": eip.description,
            "Descritpion": eip.description,
            "RegionId": eip.region,
            "IpAddress": eip.address,
            "Bandwidth": eip.bandwidth,
            "EipBandwidth": eip.bandwidth,
            "ChargeType": eip.charge_type,
            "InternetChargeType": eip.internet_charge_type,
            "ISP": eip.isp,
            "Netmode": eip.netmode,
            "Mode": eip.mode,
            "Status": eip.status(self.context.clock),
            "AllocationTime": iso(eip.created),
            "InstanceId": eip.instance_id,
            "InstanceType": eip.instance_type,
            "InstanceRegionId": eip.region if eip.instance_id else "",
            "PrivateIpAddress": eip.private_address,
            "ResourceGroupId": eip.resource_group_id,
            "DeletionProtection": eip.deletion_protection,
            "HDMonitorStatus": "OFF",
            "BusinessStatus": "Normal",
            "ExpiredTime": "",
            "SecurityProtectionTypes": {"SecurityProtectionType": []},
            "Tags": {"Tag": tag_list(self.networks.tags.of("EIP", eip.identifier))},
        }
