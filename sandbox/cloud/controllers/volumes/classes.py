"""The storage classes that ACK gives a cluster, and what its disks may be: pure.

Names, provisioners and parameters are those of ACK's own classes; sizes are those that ECS lists for each category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DISKS = "diskplugin.csi.alibabacloud.com"
FILE_SYSTEMS = "nasplugin.csi.alibabacloud.com"
PROVISIONERS = frozenset({DISKS, FILE_SYSTEMS})
WAITS = "WaitForFirstConsumer"
BASIC_MINIMUM_GIBIBYTES = 20
"""The smallest disk of the older categories, to which `volumeSizeAutoAvailable` raises a smaller claim."""
DEFAULT_LEVEL = "PL1"


@dataclass(frozen=True)
class Sizes:
    """The smallest and the largest disk, in GiB."""

    smallest: int
    largest: int


CATEGORIES: Mapping[str, Sizes] = {
    "cloud_efficiency": Sizes(20, 32768),
    "cloud_ssd": Sizes(20, 32768),
    "cloud_essd": Sizes(20, 65536),
    "cloud_essd_entry": Sizes(10, 32768),
    "cloud_auto": Sizes(1, 65536),
}
PERFORMANCE_LEVELS: Mapping[str, Sizes] = {
    "PL0": Sizes(1, 65536),
    "PL1": CATEGORIES["cloud_essd"],
    "PL2": Sizes(461, 65536),
    "PL3": Sizes(1261, 65536),
}
"""Of cloud_essd."""
AVAILABLE = ("cloud_ssd", "cloud_efficiency")
"""What a class without a type, or with the type "available", tries in turn."""


def default_classes() -> list[dict[str, Any]]:
    """The StorageClass objects of a new cluster; none is the default class, as on ACK."""
    return [
        _class("alicloud-disk-topology-alltype", DISKS, {"type": "cloud_essd,cloud_ssd,cloud_efficiency"}, WAITS),
        _class("alicloud-disk-essd", DISKS, {"type": "cloud_essd"}),
        _class("alicloud-disk-ssd", DISKS, {"type": "cloud_ssd"}),
        _class("alicloud-disk-efficiency", DISKS, {"type": "cloud_efficiency"}),
        _class("alibabacloud-cnfs-nas", FILE_SYSTEMS, {"volumeAs": "subpath"}),
    ]


def _class(name: str, provisioner: str, parameters: dict[str, str], mode: str = "Immediate") -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "parameters": parameters,
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": True,
        "volumeBindingMode": mode,
    }
