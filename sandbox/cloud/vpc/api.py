"""The VPC service, API version 2016-04-28."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError, invalid_parameter
from sandbox.cloud.core.service import Answer, Call, Service, action
from sandbox.cloud.vpc.addresses import AddressActions
from sandbox.cloud.vpc.gateways import GatewayActions
from sandbox.cloud.vpc.model import Networks
from sandbox.cloud.vpc.networks import UsedBy
from sandbox.cloud.vpc.switches import SwitchActions

TAGGED = ("VPC", "VSWITCH", "NATGATEWAY", "EIP", "ROUTETABLE")


@dataclass
class VpcService(SwitchActions, GatewayActions, AddressActions, Service):
    """Networks, gateways and addresses, with the actions that all of them share."""

    name: ClassVar[str] = "Vpc"
    version: ClassVar[str] = "2016-04-28"
    hosts: ClassVar[tuple[str, ...]] = ("vpc",)

    context: Context
    networks: Networks
    used_by: UsedBy

    @action("TagResources", "ResourceType ResourceId Tag")
    def tag_resources(self, call: Call) -> Answer:
        """Add tags to resources of one type."""
        kind = call.parameters.required("ResourceType").upper()
        if kind not in TAGGED:
            raise invalid_parameter("ResourceType", kind, "it must be one of " + ", ".join(TAGGED))
        for identifier in call.parameters.texts("ResourceId"):
            self.networks.tags.add(kind, identifier, call.parameters.tags())
        return {}

    @action("UnTagResources", "ResourceType ResourceId TagKey All")
    def untag_resources(self, call: Call) -> Answer:
        """Remove tags of resources of one type."""
        kind = call.parameters.required("ResourceType").upper()
        for identifier in call.parameters.texts("ResourceId"):
            self.networks.tags.remove(
                kind, identifier, call.parameters.texts("TagKey"), every=call.parameters.boolean("All")
            )
        return {}

    @action("ListTagResources", "ResourceType ResourceId NextToken MaxResults")
    def list_tag_resources(self, call: Call) -> Answer:
        """The tags of resources of one type, in one page."""
        kind = call.parameters.required("ResourceType").upper()
        records = self.networks.tags.records(kind, call.parameters.texts("ResourceId"))
        return {"TagResources": {"TagResource": records}}

    @action("MoveResourceGroup", "ResourceId ResourceType NewResourceGroupId")
    def move_resource_group(self, call: Call) -> Answer:
        """Put a network or address into another resource group."""
        identifier, kind = call.parameters.required("ResourceId"), call.parameters.required("ResourceType").upper()
        changes = {"resource_group_id": call.parameters.required("NewResourceGroupId")}
        vpc, eip = self.networks.vpcs.get(identifier), self.networks.eips.get(identifier)
        if kind == "VPC" and vpc is not None:
            self.networks.vpcs.put(identifier, vpc.model_copy(update=changes), vpc.region)
        elif kind == "EIP" and eip is not None:
            self.networks.eips.put(identifier, eip.model_copy(update=changes), eip.region)
        else:
            raise CloudError("ResourceNotFound", f"There is no {kind} {identifier!r}.", 404)
        return {}

    @action("DeletionProtection", "InstanceId ProtectionEnable Type")
    def deletion_protection(self, call: Call) -> Answer:
        """Turn deletion protection of a NAT gateway or address on or off."""
        identifier, kind = call.parameters.required("InstanceId"), call.parameters.required("Type").upper()
        changes = {"deletion_protection": call.parameters.boolean("ProtectionEnable")}
        gateway, eip = self.networks.nat_gateways.get(identifier), self.networks.eips.get(identifier)
        if kind == "NATGW" and gateway is not None:
            self.networks.nat_gateways.put(identifier, gateway.model_copy(update=changes), gateway.region)
        elif kind == "EIP" and eip is not None:
            self.networks.eips.put(identifier, eip.model_copy(update=changes), eip.region)
        else:
            raise CloudError("ResourceNotFound", f"There is no {kind} {identifier!r}.", 404)
        return {}

    def status(self) -> dict[str, Any]:
        """What the status page shows."""
        return {"public_addresses": {eip.address: eip.instance_id for eip in self.networks.eips.list()}}
