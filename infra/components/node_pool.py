"""A business's GPU nodes in one region: tainted, so that no other business's pods land there, and labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

from infra.components import TYPE_PREFIX
from infra.naming import BUSINESS_LABEL, BusinessNames
from infra.settings.business import TrainingNodes


@dataclass(frozen=True)
class NodePoolArgs:
    """What a node pool is made from."""

    names: BusinessNames
    settings: TrainingNodes
    cluster_id: pulumi.Input[str]
    switch_ids: pulumi.Input[list[str]]
    tags: Mapping[str, str]


class NodePool(pulumi.ComponentResource):
    """A pool of GPU nodes.

    Under an autoscaler the number of nodes is not ours: it is neither sent nor compared, so that an edit elsewhere in
    the stack file never resizes a pool at work.
    """

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(f"{TYPE_PREFIX}:NodePool", name, None, opts)
        settings, scaling = args.settings, args.settings.autoscaling
        business = args.names.business
        alicloud.cs.NodePool(
            f"{name}-nodes",
            node_pool_name=args.names.node_pool,
            cluster_id=args.cluster_id,
            vswitch_ids=args.switch_ids,
            instance_types=[settings.instance_type],
            desired_size=None if scaling else str(settings.count),
            scaling_config=alicloud.cs.NodePoolScalingConfigArgs(
                enable=True, type="gpu", min_size=scaling.minimum, max_size=scaling.maximum
            )
            if scaling
            else None,
            image_type="AliyunLinux3",
            runtime_name="containerd",
            system_disk_category="cloud_essd",
            system_disk_size=settings.disk_gibibytes,
            system_disk_encrypted=True,
            install_cloud_monitor=True,
            labels=[alicloud.cs.NodePoolLabelArgs(key=BUSINESS_LABEL, value=business)],
            taints=[alicloud.cs.NodePoolTaintArgs(key=BUSINESS_LABEL, value=business, effect="NoSchedule")],
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["desiredSize"] if scaling else None),
        )
        self.register_outputs({})


def node_selector(business: str) -> dict[str, str]:
    """Selects the business's nodes."""
    return {BUSINESS_LABEL: business}


def tolerations(business: str) -> list[dict[str, str]]:
    """Tolerates the business's taint."""
    return [{"key": BUSINESS_LABEL, "operator": "Equal", "value": business, "effect": "NoSchedule"}]
