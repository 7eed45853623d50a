"""How users reach a business: in each region a public address that stays, and a DNS record that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import BusinessNames


@dataclass(frozen=True)
class TrafficArgs:
    """What the entry is made from."""

    names: BusinessNames
    zone: pulumi.Input[str]
    ttl_seconds: int
    bandwidth_megabits: int
    tags: Mapping[str, str]


class Traffic(pulumi.ComponentResource):
    """The region's entry. The address outlives whatever serves behind it, so names never change with it."""

    address: pulumi.Output[str]
    dns_name: pulumi.Output[str]

    def __init__(self, name: str, args: TrafficArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Traffic", name, None, opts)
        entry = alicloud.ecs.EipAddress(
            f"{name}-address",
            address_name=args.names.address,
            bandwidth=str(args.bandwidth_megabits),
            internet_charge_type="PayByTraffic",
            payment_type="PayAsYouGo",
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        alicloud.dns.AlidnsRecord(
            f"{name}-record",
            domain_name=args.zone,
            rr=args.names.record,
            type="A",
            value=entry.ip_address,
            line="default",
            ttl=args.ttl_seconds,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.address = entry.ip_address
        self.dns_name = pulumi.Output.concat(args.names.record, ".", args.zone)
        self.register_outputs({"address": self.address, "dns_name": self.dns_name})
