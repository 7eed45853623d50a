"""Which volume a claim gets: its size, its zone and the PersistentVolume that stands for it. Pure.

A disk is of one zone and for one node at a time; a file system is of the whole region and for many. Both are folders of
the region that every node sees, so a volume outlives its pods' node. A `local` volume stands for the folder, because
kubelet gives such a one to the pod's group (`fsGroup`), as it does with a disk, which it does not do for a `hostPath`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.cloud.controllers.quantities import quantity
from sandbox.cloud.controllers.volumes.classes import (
    AVAILABLE,
    BASIC_MINIMUM_GIBIBYTES,
    CATEGORIES,
    DEFAULT_LEVEL,
    DISKS,
    FILE_SYSTEMS,
    PERFORMANCE_LEVELS,
    WAITS,
    Sizes,
)
from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.cs.nodes import ZONE_LABEL

Json = Mapping[str, Any]
GIBIBYTE = 2**30
THOUSANDTHS = 1000
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
"""Kubernetes' own controller writes it on a claim that waits for a provisioner from outside."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
"""On volumes whose data go with them: one that is deleted before its claim must not leave them behind."""
REGION_LABEL = "topology.kubernetes.io/region"
DISK_MODES = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})
HONOURED = {
    DISKS: frozenset({"type", "performanceLevel", "zoneId", "volumeSizeAutoAvailable"}),
    FILE_SYSTEMS: frozenset({"volumeAs"}),
}
IDENTIFIER_LENGTH = 20
CODE_LENGTH = 3


class UnprovisionableError(Exception):
    """The cloud would not make such a volume, or the sandbox cannot; the message says why and what to write instead."""


def volume_name(claim: Json, provisioner: str, region: str) -> str:
    """The volume's identifier and its object's name: the same for a claim each time, so that no second one is made."""
    digest = hashlib.sha256(str(claim["metadata"]["uid"]).encode()).hexdigest()
    if provisioner == FILE_SYSTEMS:
        return f"nas-{digest[:IDENTIFIER_LENGTH]}"
    return f"d-{REGIONS[region].code}{digest[: IDENTIFIER_LENGTH - CODE_LENGTH]}"


def requested(claim: Json) -> int:
    """The bytes that a claim asks for."""
    size = quantity(claim["spec"]["resources"]["requests"]["storage"])
    return -(-size // THOUSANDTHS)


def capacity(claim: Json, storage_class: Json) -> str:
    """The volume's size as a quantity: of a disk in whole GiB.

    Raises:
        UnprovisionableError: when no disk of the class's types has that size.
    """
    size = requested(claim)
    if storage_class["provisioner"] != DISKS:
        return str(claim["spec"]["resources"]["requests"]["storage"])
    parameters = storage_class.get("parameters") or {}
    gibibytes = -(-size // GIBIBYTE)
    if str(parameters.get("volumeSizeAutoAvailable", "")).lower() in ("yes", "true", "1"):
        gibibytes = max(gibibytes, BASIC_MINIMUM_GIBIBYTES)
    offered = _offered(parameters)
    if not any(sizes.smallest <= gibibytes <= sizes.largest for sizes in offered.values()):
        ranges = ", ".join(f"{name} {sizes.smallest} to {sizes.largest}" for name, sizes in offered.items())
        raise UnprovisionableError(
            f"InvalidDiskSize.NotSupported: the specified disk size, {gibibytes} GiB, is not supported: "
            f"of class {storage_class['metadata']['name']} are {ranges} GiB; ask for a size among these"
        )
    return f"{gibibytes}Gi"


def disk_zone(claim: Json, storage_class: Json, node_zone: str | None, zones: Sequence[str]) -> str:
    """The zone of a claim's disk: of the node that was chosen for its pod, else one of those that the class allows.

    Args:
        claim: the claim.
        storage_class: its class.
        node_zone: of the node that was chosen; None when there is none.
        zones: those in which the cluster has nodes.
    """
    if storage_class.get("volumeBindingMode") == WAITS and node_zone is not None:
        return node_zone
    named = str((storage_class.get("parameters") or {}).get("zoneId") or "")
    allowed = [zone.strip() for zone in named.split(",") if zone.strip()] or _allowed_topologies(storage_class)
    choices = sorted(allowed or zones)
    if not choices:
        raise UnprovisionableError("the cluster has no switch in any zone, so there is no place for a disk")
    digest = hashlib.sha256(str(claim["metadata"]["name"]).encode()).digest()
    return choices[digest[0] % len(choices)]


def check(claim: Json, storage_class: Json) -> None:
    """Raise UnprovisionableError for what a volume of the class cannot be."""
    spec = claim["spec"]
    if spec.get("volumeMode", "Filesystem") != "Filesystem":
        raise UnprovisionableError("volumeMode Block is not there in the sandbox: its volumes are folders")
    if spec.get("dataSource") or spec.get("dataSourceRef"):
        raise UnprovisionableError("volumes made from snapshots or other volumes are not there in the sandbox")
    wrong = sorted(set(spec.get("accessModes") or []) - DISK_MODES)
    if storage_class["provisioner"] == DISKS and wrong:
        raise UnprovisionableError(
            f"a disk is mounted by one node: access mode {wrong[0]} is not supported; "
            "use ReadWriteOnce, or the class alibabacloud-cnfs-nas"
        )


def persistent_volume(
    claim: Json, storage_class: Json, *, name: str, size: str, path: Path, place: tuple[str, str]
) -> dict[str, Any]:
    """The PersistentVolume of a claim, bound to it.

    Args:
        claim: the claim.
        storage_class: its class.
        name: as `volume_name` gives it.
        size: as `capacity` gives it.
        path: the folder, as every node sees it.
        place: the label, and its value, of the nodes that may mount it.
    """
    metadata, policy = claim["metadata"], storage_class.get("reclaimPolicy", "Delete")
    key, value = place
    expression = {"key": key, "operator": "In", "values": [value]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {PROVISIONED_BY: storage_class["provisioner"]},
            "finalizers": [FINALIZER] if policy == "Delete" else [],
        },
        "spec": {
            "capacity": {"storage": size},
            "accessModes": list(claim["spec"]["accessModes"]),
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{field: metadata[field] for field in ("namespace", "name", "uid", "resourceVersion")},
            },
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        },
    }


def place_of(provisioner: str, region: str, zone: str) -> tuple[str, str]:
    """The label, and its value, of the nodes that may mount a volume."""
    return (REGION_LABEL, region) if provisioner == FILE_SYSTEMS else (ZONE_LABEL, zone)


def ignored_parameters(storage_class: Json) -> list[str]:
    """The class's parameters that have no effect here."""
    return sorted(set(storage_class.get("parameters") or {}) - HONOURED[storage_class["provisioner"]])


def _offered(parameters: Mapping[str, str]) -> dict[str, Sizes]:
    """The disks that a class tries, by category (and level)."""
    kinds = str(parameters.get("type") or "available")
    found: dict[str, Sizes] = {}
    for category in AVAILABLE if kinds == "available" else [item.strip() for item in kinds.split(",")]:
        if category not in CATEGORIES:
            raise UnprovisionableError(
                f"illegal required parameter type: {category}; the emulator has {', '.join(CATEGORIES)}"
            )
        if category != "cloud_essd":
            found[category] = CATEGORIES[category]
            continue
        for level in str(parameters.get("performanceLevel") or DEFAULT_LEVEL).split(","):
            if level.strip() not in PERFORMANCE_LEVELS:
                raise UnprovisionableError(
                    f"illegal performance level type: {level}; there are {', '.join(PERFORMANCE_LEVELS)}"
                )
            found[f"{category} {level.strip()}"] = PERFORMANCE_LEVELS[level.strip()]
    return found


def _allowed_topologies(storage_class: Json) -> list[str]:
    """The zones that a class's `allowedTopologies` names."""
    return [
        str(zone)
        for term in storage_class.get("allowedTopologies") or []
        for expression in term.get("matchLabelExpressions") or []
        if expression["key"] in (ZONE_LABEL, "topology.kubernetes.io/zone")
        for zone in expression["values"]
    ]
