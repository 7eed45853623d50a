"""The security group of a region's nodes: what may reach them, and nothing from the internet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.components.network import Network
from infra.naming import PlatformNames
from infra.network_policies import CLOUD_SERVICES


@dataclass(frozen=True)
class NodeFirewallArgs:
    """What a firewall is made from."""

    names: PlatformNames
    network: Network
    addresses: str
    tags: Mapping[str, str]


class NodeFirewall(pulumi.ComponentResource):
    """An advanced security group: nodes, pods and load balancers reach one another; all else is dropped.

    Fences between businesses are not drawn here, since their pods share the cluster's network: NetworkPolicies do that.
    """

    group_id: pulumi.Output[str]

    def __init__(self, name: str, args: NodeFirewallArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:NodeFirewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = alicloud.ecs.SecurityGroup(
            f"{name}-nodes",
            security_group_name=args.names.nodes,
            description="Nodes and pods of the region",
            vpc_id=args.network.network_id,
            security_group_type="enterprise",
            tags=dict(args.tags),
            opts=child,
        )
        for source, addresses, why in (
            ("network", args.addresses, "nodes, pods and the API server"),
            ("load-balancers", CLOUD_SERVICES, "load balancers and their health checks"),
        ):
            alicloud.ecs.SecurityGroupRule(
                f"{name}-from-{source}",
                security_group_id=group.id,
                type="ingress",
                ip_protocol="all",
                policy="accept",
                port_range="-1/-1",
                nic_type="intranet",
                priority=1,
                cidr_ip=addresses,
                description=why,
                opts=child,
            )
        self.group_id = group.id
        self.register_outputs({"group_id": self.group_id})
