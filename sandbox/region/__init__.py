"""Regions: one real Kubernetes cluster each, in network namespaces of this machine.

The names below are found when they are first asked for: a small program of this package, such as the one that enforces
network policies, does not load what it does not use (25 MB a region).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.region.cleanup import leftovers, sweep
    from sandbox.region.errors import RegionError
    from sandbox.region.network import ensure_cloud_interface, remove_cloud_interface
    from sandbox.region.node_template import build_node_template
    from sandbox.region.opening import open_region
    from sandbox.region.region import Region
    from sandbox.region.specification import NodeSpec

__all__ = [
    "NodeSpec",
    "Region",
    "RegionError",
    "build_node_template",
    "ensure_cloud_interface",
    "leftovers",
    "open_region",
    "remove_cloud_interface",
    "sweep",
]

_HOMES = {
    "NodeSpec": "specification",
    "Region": "region",
    "RegionError": "errors",
    "build_node_template": "node_template",
    "ensure_cloud_interface": "network",
    "leftovers": "cleanup",
    "open_region": "opening",
    "remove_cloud_interface": "network",
    "sweep": "cleanup",
}


def __getattr__(name: str) -> Any:
    """Load the module that a public name is in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
