"""Actions on networks and their switches."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.context import Context
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.regions import check_region, new_identifier
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.core.tags import tag_list
from sandbox.cloud.vpc.errors import in_use, invalid_cidr, vpc_not_found
from sandbox.cloud.vpc.model import Networks, Vpc

DEFAULT_CIDR_BLOCK = "172.16.0.0/12"
UsedBy = Callable[[str], str | None]
"""Given a network's or switch's identifier, what outside this service uses it, or None."""


class NetworkActions:
    """Networks, their system route tables, and switches."""

    context: Context
    networks: Networks
    used_by: UsedBy

    @action(
        "CreateVpc", "CidrBlock VpcName Description ResourceGroupId UserCidr Tag EnableDnsHostname EnableIpv6 DryRun"
    )
    def create_vpc(self, call: Call) -> Answer:
        """Make a network with its router and system route table."""
        parameters, region = call.parameters, check_region(call.region)
        if parameters.boolean("EnableIpv6"):
            raise CloudError("OperationUnsupported.Ipv6", "The sandbox has IPv4 networks only; leave EnableIpv6 out.")
        block = parse_cidr(parameters.text("CidrBlock", DEFAULT_CIDR_BLOCK), 8, 28)
        if parameters.boolean("DryRun"):
            raise CloudError("DryRunOperation", "Request validation has been passed with DryRun flag set.")
        vpc = Vpc(
            identifier=new_identifier("vpc", region),
            region=region,
            created=self.context.clock.now(),
            name=parameters.text("VpcName"),
            description=parameters.text("Description"),
            resource_group_id=parameters.text("ResourceGroupId", default_resource_group(self.context)),
            cidr_block=str(block),
            user_cidrs=[cidr for cidr in parameters.text("UserCidr").split(",") if cidr],
            router_id=new_identifier("vrt", region),
            route_table_id=new_identifier("vtb", region),
            dns_hostnames=parameters.boolean("EnableDnsHostname"),
        )
        with self.context.store.transaction():
            self.networks.vpcs.put(vpc.identifier, vpc, region)
            self.networks.tags.add("VPC", vpc.identifier, parameters.tags())
        return {
            "VpcId": vpc.identifier,
            "VRouterId": vpc.router_id,
            "RouteTableId": vpc.route_table_id,
            "ResourceGroupId": vpc.resource_group_id,
            "CidrBlock": vpc.cidr_block,
        }

    @action("DescribeVpcAttribute", "VpcId IsDefault")
    def describe_vpc_attribute(self, call: Call) -> Answer:
        """One network; an unknown one is answered with an empty VpcId, as on the cloud."""
        vpc = self.networks.vpcs.get(call.parameters.required("VpcId"))
        if vpc is None or vpc.region != call.region:
            return {"VpcId": "", "Status": ""}
        return self.describe_vpc(vpc)

    @action("DescribeVpcs", f"VpcId VpcName IsDefault ResourceGroupId {PAGING}")
    def describe_vpcs(self, call: Call) -> Answer:
        """The networks of a region."""
        wanted = [item for item in call.parameters.text("VpcId").split(",") if item]
        name = call.parameters.text("VpcName")
        found = [vpc for vpc in self.networks.vpcs.list(call.region, wanted) if name in ("", vpc.name)]
        chosen, paging = page(found, call.parameters, maximum_size=50)
        return {"Vpcs": {"Vpc": [self.describe_vpc(vpc) for vpc in chosen]}, **paging}

    @action("ModifyVpcAttribute", "VpcId VpcName Description CidrBlock EnableDnsHostname")
    def modify_vpc_attribute(self, call: Call) -> Answer:
        """Change a network's name, description or name resolution."""
        vpc = self.find_vpc(call)
        changes: dict[str, Any] = {}
        for parameter, field in (("VpcName", "name"), ("Description", "description")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        if call.parameters.given("EnableDnsHostname"):
            changes["dns_hostnames"] = call.parameters.boolean("EnableDnsHostname")
        if call.parameters.text("CidrBlock", vpc.cidr_block) != vpc.cidr_block:
            raise CloudError(
                "OperationUnsupported.CidrBlock", "A network's CidrBlock cannot be changed; make a new one."
            )
        self.networks.vpcs.put(vpc.identifier, vpc.model_copy(update=changes), vpc.region)
        return {}

    @action("AssociateVpcCidrBlock", "VpcId SecondaryCidrBlock")
    def associate_vpc_cidr_block(self, call: Call) -> Answer:
        """Give a network one more range."""
        vpc = self.find_vpc(call)
        block = str(parse_cidr(call.parameters.required("SecondaryCidrBlock"), 8, 28))
        blocks = [*vpc.secondary_cidr_blocks, *([] if block in vpc.secondary_cidr_blocks else [block])]
        self.networks.vpcs.put(vpc.identifier, vpc.model_copy(update={"secondary_cidr_blocks": blocks}), vpc.region)
        return {}

    @action("UnassociateVpcCidrBlock", "VpcId SecondaryCidrBlock")
    def unassociate_vpc_cidr_block(self, call: Call) -> Answer:
        """Take an additional range away."""
        vpc = self.find_vpc(call)
        unwanted = call.parameters.required("SecondaryCidrBlock")
        blocks = [block for block in vpc.secondary_cidr_blocks if block != unwanted]
        self.networks.vpcs.put(vpc.identifier, vpc.model_copy(update={"secondary_cidr_blocks": blocks}), vpc.region)
        return {}

    @action("DeleteVpc", "VpcId ForceDelete")
    def delete_vpc(self, call: Call) -> Answer:
        """Delete a network that nothing uses."""
        vpc = self.find_vpc(call)
        holders = [*self.networks.vswitches_of(vpc.identifier), *self.networks.nat_gateways_of(vpc.identifier)]
        user = holders[0].identifier if holders else self.used_by(vpc.identifier)
        if user is not None:
            raise in_use("VPC", vpc.identifier, user)
        self.networks.vpcs.delete(vpc.identifier)
        self.networks.tags.forget("VPC", vpc.identifier)
        return {}

    @action("DescribeRouteTableList", f"VpcId RouteTableId RouterId {PAGING}")
    def describe_route_table_list(self, call: Call) -> Answer:
        """The route tables: each network has just its system table."""
        vpc_id, table_id = call.parameters.text("VpcId"), call.parameters.text("RouteTableId")
        router_id = call.parameters.text("RouterId")
        found = [
            vpc
            for vpc in self.networks.vpcs.list(call.region)
            if vpc_id in ("", vpc.identifier)
            and table_id in ("", vpc.route_table_id)
            and router_id in ("", vpc.router_id)
        ]
        chosen, paging = page(found, call.parameters, maximum_size=50)
        tables = [self.describe_route_table(vpc) for vpc in chosen]
        return {"RouterTableList": {"RouterTableListType": tables}, **paging}

    @action("ModifyRouteTableAttributes", "RouteTableId RouteTableName Description RoutePropagationEnable")
    def modify_route_table_attributes(self, call: Call) -> Answer:
        """Change a route table's name, description or propagation."""
        table_id = call.parameters.required("RouteTableId")
        vpc = next((vpc for vpc in self.networks.vpcs.list(call.region) if vpc.route_table_id == table_id), None)
        if vpc is None:
            raise CloudError("InvalidRouteTableId.NotFound", f"Specified route table {table_id!r} does not exist.", 404)
        changes: dict[str, Any] = {}
        for parameter, field in (("RouteTableName", "route_table_name"), ("Description", "route_table_description")):
            if call.parameters.given(parameter):
                changes[field] = call.parameters.text(parameter)
        if call.parameters.given("RoutePropagationEnable"):
            changes["route_propagation"] = call.parameters.boolean("RoutePropagationEnable")
        self.networks.vpcs.put(vpc.identifier, vpc.model_copy(update=changes), vpc.region)
        return {}

    def find_vpc(self, call: Call) -> Vpc:
        """The network that the call names."""
        identifier = call.parameters.required("VpcId")
        vpc = self.networks.vpcs.get(identifier)
        if vpc is None or vpc.region != call.region:
            raise vpc_not_found(identifier)
        return vpc

    def describe_vpc(self, vpc: Vpc) -> dict[str, Any]:
        """A network as the cloud describes it."""
        return {
            "VpcId": vpc.identifier,
            "VpcName": vpc.name,
            "Description": vpc.description,
            "RegionId": vpc.region,
            "Status": vpc.status(self.context.clock),
            "CidrBlock": vpc.cidr_block,
            "CreationTime": iso(vpc.created),
            "VRouterId": vpc.router_id,
            "ResourceGroupId": vpc.resource_group_id,
            "OwnerId": int(self.context.accounts.account_id),
            "IsDefault": vpc.is_default,
            "ClassicLinkEnabled": False,
            "EnabledIpv6": False,
            "Ipv6CidrBlock": "",
            "DnsHostnameStatus": "ENABLED" if vpc.dns_hostnames else "DISABLED",
            "SecondaryCidrBlocks": {"SecondaryCidrBlock": vpc.secondary_cidr_blocks},
            "UserCidrs": {"UserCidr": vpc.user_cidrs},
            "VSwitchIds": {"VSwitchId": [item.identifier for item in self.networks.vswitches_of(vpc.identifier)]},
            "RouterTableIds": {"RouterTableIds": [vpc.route_table_id]},
            "Tags": {"Tag": tag_list(self.networks.tags.of("VPC", vpc.identifier))},
        }

    def describe_route_table(self, vpc: Vpc) -> dict[str, Any]:
        """A network's system route table."""
        return {
            "RouteTableId": vpc.route_table_id,
            "RouteTableName": vpc.route_table_name,
            "Description": vpc.route_table_description,
            "RouteTableType": "System",
            "RouterId": vpc.router_id,
            "RouterType": "VRouter",
            "RoutePropagationEnable": vpc.route_propagation,
            "ResourceGroupId": vpc.resource_group_id,
            "Status": "Available",
            "VpcId": vpc.identifier,
            "CreationTime": iso(vpc.created),
            "VSwitchIds": {"VSwitchId": [item.identifier for item in self.networks.vswitches_of(vpc.identifier)]},
        }


def default_resource_group(context: Context) -> str:
    """The account's default resource group."""
    return "rg-acfm" + context.accounts.account_id[-11:]


def parse_cidr(text: str, shortest: int, longest: int) -> ipaddress.IPv4Network:
    """A range in CIDR form whose prefix is within these lengths."""
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise invalid_cidr(text, str(error)) from None
    if not shortest <= block.prefixlen <= longest:
        raise invalid_cidr(text, f"its prefix must be from /{shortest} to /{longest}")
    return block
