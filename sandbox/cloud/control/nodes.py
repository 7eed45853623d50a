"""What the control endpoints say of nodes: which are real, and how many of a region may be."""

from __future__ import annotations

from typing import Any

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.cs.node_limits import checked_real_nodes


def describe_nodes(cloud: Cloud) -> dict[str, Any]:
    """Each region that has a cluster or a limit of its own, with its nodes."""
    clusters, limits = cloud.operations.clusters, cloud.operations.planner.limits
    regions = {cluster.region for cluster in clusters.clusters.list()} | limits.regions()
    return {
        "regions": [
            {
                "region": region,
                "real_nodes": limits.real_nodes(region),
                "nodes": [
                    {
                        "name": node.name,
                        "simulated": node.simulated,
                        "ready": node.ready,
                        "instance_type": node.instance_type,
                    }
                    for node in clusters.nodes.list(region)
                ],
            }
            for region in sorted(regions)
        ]
    }


def set_real_nodes(cloud: Cloud, body: dict[str, Any]) -> dict[str, Any]:
    """Set how many nodes of a region may be real; the nodes as they are then.

    Raises:
        ValueError: when the region is unknown, the number is none, or the sandbox can have no real node.
    """
    region = body.get("region")
    if not isinstance(region, str) or region not in REGIONS:
        raise ValueError(f"There is no region {region!r}; there are: {', '.join(REGIONS)}.")
    count = checked_real_nodes(body.get("real_nodes"), "real_nodes")
    cloud.operations.planner.limits.set(region, count)
    return describe_nodes(cloud)
