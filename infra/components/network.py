"""A region's network: one VPC, and in each zone a switch for nodes and one for pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import PlatformNames
from infra.settings.platform import Network as NetworkSettings


@dataclass(frozen=True)
class NetworkArgs:
    """What a network is made from."""

    names: PlatformNames
    settings: NetworkSettings
    tags: Mapping[str, str]


class Network(pulumi.ComponentResource):
    """A region's network. Pods have switches of their own, so that rules can tell them from nodes by address."""

    network_id: pulumi.Output[str]
    switch_ids: list[pulumi.Output[str]]
    pod_switch_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        network = alicloud.vpc.Network(
            f"{name}-network",
            vpc_name=args.names.network,
            cidr_block=str(args.settings.addresses),
            tags=dict(args.tags),
            opts=child,
        )

        def switch(logical_name: str, physical_name: str, zone: str, addresses: str) -> pulumi.Output[str]:
            created = alicloud.vpc.Switch(
                logical_name,
                vpc_id=network.id,
                vswitch_name=physical_name,
                zone_id=zone,
                cidr_block=addresses,
                tags=dict(args.tags),
                opts=child,
            )
            identifier: pulumi.Output[str] = created.id
            return identifier

        self.network_id = network.id
        self.switch_ids = [
            switch(f"{item.zone}-switch", args.names.switch(item.zone), item.zone, str(item.addresses))
            for item in args.settings.switches
        ]
        self.pod_switch_ids = [
            switch(f"{item.zone}-pods", args.names.pod_switch(item.zone), item.zone, str(item.pod_addresses))
            for item in args.settings.switches
        ]
        self.register_outputs({"network_id": self.network_id, "switch_ids": self.switch_ids})
