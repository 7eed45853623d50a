"""Regions: one real Kubernetes cluster each, in network namespaces of this machine."""

from __future__ import annotations

from sandbox.region.cleanup import leftovers, sweep
from sandbox.region.errors import RegionError
from sandbox.region.network import ensure_cloud_interface, remove_cloud_interface
from sandbox.region.node_template import build_node_template
from sandbox.region.region import Region
from sandbox.region.specification import NodeSpec

__all__ = [
    "NodeSpec",
    "Region",
    "RegionError",
    "build_node_template",
    "ensure_cloud_interface",
    "leftovers",
    "remove_cloud_interface",
    "sweep",
]
