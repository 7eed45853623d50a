"""A business's nodes in one region: tainted, so that no other business's pods land there, and labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import BUSINESS_LABEL, POOL_LABEL, BusinessNames
from infra.settings.nodes import Nodes, Spot, TrainingNodes


@dataclass(frozen=True)
class NodePoolArgs:
    """What a node pool is made from; `kind` is TRAINING or SERVING."""

    names: BusinessNames
    kind: str
    settings: Nodes
    cluster_id: pulumi.Input[str]
    switch_ids: pulumi.Input[list[str]]
    tags: Mapping[str, str]


class NodePool(pulumi.ComponentResource):
    """A pool of nodes.

    Under an autoscaler the number of nodes is not ours: it is neither sent nor compared, so that an edit elsewhere in
    the stack file never resizes a pool at work.
    """

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:NodePool", name, None, opts)
        settings, scaling = args.settings, args.settings.autoscaling
        business = args.names.business
        alicloud.cs.NodePool(
            f"{name}-nodes",
            node_pool_name=args.names.node_pool(args.kind),
            cluster_id=args.cluster_id,
            vswitch_ids=args.switch_ids,
            instance_types=[settings.instance_type],
            desired_size=None if scaling else str(settings.count),
            scaling_config=alicloud.cs.NodePoolScalingConfigArgs(
                enable=True,
                type="gpu" if isinstance(settings, TrainingNodes) else "cpu",
                min_size=scaling.minimum,
                max_size=scaling.maximum,
            )
            if scaling
            else None,
            image_type="AliyunLinux3",
            runtime_name="containerd",
            system_disk_category="cloud_essd",
            system_disk_size=settings.disk_gibibytes,
            system_disk_encrypted=True,
            install_cloud_monitor=True,
            labels=[
                alicloud.cs.NodePoolLabelArgs(key=BUSINESS_LABEL, value=business),
                alicloud.cs.NodePoolLabelArgs(key=POOL_LABEL, value=args.kind),
            ],
            taints=[alicloud.cs.NodePoolTaintArgs(key=BUSINESS_LABEL, value=business, effect="NoSchedule")],
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["desiredSize"] if scaling else None),
            **spot_options(settings.spot if isinstance(settings, TrainingNodes) else None),
        )
        self.register_outputs({})


def spot_options(spot: Spot | None) -> dict[str, Any]:
    """How machines are bought: at first the base on demand, then spot machines of the cheapest zone at market price."""
    if spot is None:
        return {}
    return {
        "spot_strategy": "SpotAsPriceGo",
        "multi_az_policy": "COST_OPTIMIZED",
        "on_demand_base_capacity": str(spot.on_demand_base),
        "on_demand_percentage_above_base_capacity": str(spot.on_demand_percentage),
        "spot_instance_remedy": True,
        "compensate_with_on_demand": True,
    }
