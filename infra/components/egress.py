"""A region's way to the internet: a NAT gateway with one address, so that no node needs an address of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.components.network import Network
from infra.naming import PlatformNames


@dataclass(frozen=True)
class EgressArgs:
    """What a way out is made from."""

    names: PlatformNames
    network: Network
    addresses: str
    bandwidth_megabits: int
    tags: Mapping[str, str]


class Egress(pulumi.ComponentResource):
    """NAT gateway, elastic address, and the rule that sends the whole network's packets through it."""

    address: pulumi.Output[str]

    def __init__(self, name: str, args: EgressArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Egress", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        gateway = alicloud.vpc.NatGateway(
            f"{name}-gateway",
            nat_gateway_name=args.names.egress,
            vpc_id=args.network.network_id,
            vswitch_id=args.network.switch_ids[0],
            nat_type="Enhanced",
            network_type="internet",
            payment_type="PayAsYouGo",
            internet_charge_type="PayByLcu",
            tags=dict(args.tags),
            opts=child,
        )
        address = alicloud.ecs.EipAddress(
            f"{name}-address",
            address_name=args.names.egress,
            bandwidth=str(args.bandwidth_megabits),
            internet_charge_type="PayByTraffic",
            payment_type="PayAsYouGo",
            tags=dict(args.tags),
            opts=child,
        )
        association = alicloud.ecs.EipAssociation(
            f"{name}-association",
            allocation_id=address.id,
            instance_id=gateway.id,
            instance_type="Nat",
            opts=child,
        )
        alicloud.vpc.SnatEntry(
            f"{name}-rule",
            snat_entry_name=args.names.egress,
            snat_table_id=gateway.snat_table_ids,
            source_cidr=args.addresses,
            snat_ip=address.ip_address,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[association]),
        )
        self.address = address.ip_address
        self.register_outputs({"address": self.address})
