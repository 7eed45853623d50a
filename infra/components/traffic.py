"""How users reach a business: in each region a load balancer whose address stays, and DNS records that name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import BusinessNames
from infra.regions import RecordPlan
from infra.settings.business import DEFAULT_LINE


@dataclass(frozen=True)
class TrafficArgs:
    """What the entry is made from; `records` are this region's, one a line."""

    names: BusinessNames
    zone: pulumi.Input[str]
    ttl_seconds: int
    records: Sequence[RecordPlan]
    bandwidth_megabits: int
    tags: Mapping[str, str]


class Traffic(pulumi.ComponentResource):
    """The region's entry.

    The load balancer is not made by the Service behind it but lent to it: names lead to the same address however often
    Service, namespace or cluster are made anew. Whether a record is answered is the traffic controller's affair after
    the record was made, and is never set back by a later `pulumi up`.
    """

    load_balancer_id: pulumi.Output[str]
    address: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    record_ids: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: TrafficArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Traffic", name, None, opts)
        entry = alicloud.slb.ApplicationLoadBalancer(
            f"{name}-entry",
            load_balancer_name=args.names.entry,
            address_type="internet",
            internet_charge_type="PayByTraffic",
            instance_charge_type="PayByCLCU",
            bandwidth=args.bandwidth_megabits,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.record_ids = {}
        for plan in args.records:
            earlier = [pulumi.Alias(name=f"{name}-record")] if plan.line == DEFAULT_LINE else None
            record = alicloud.dns.AlidnsRecord(
                f"{name}-record-{plan.line}",
                domain_name=args.zone,
                rr=args.names.record,
                type="A",
                value=entry.address,
                line=plan.line,
                ttl=args.ttl_seconds,
                status=plan.status,
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["status"], aliases=earlier),
            )
            self.record_ids[plan.line] = record.id
        self.load_balancer_id = entry.id
        self.address = entry.address
        self.dns_name = pulumi.Output.concat(args.names.record, ".", args.zone)
        self.register_outputs({"address": self.address, "dns_name": self.dns_name})
