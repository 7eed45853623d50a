"""Gives each claim of a cluster its volume, lets it grow, and deletes its data when the claim is gone.

Kubernetes' own controller binds claims and volumes and says which provisioner a claim waits for; the scheduler says on
which node its pod will be. All that is remembered is in those objects: what was interrupted is done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox.cloud.controllers.quantities import quantity
from sandbox.cloud.controllers.reports import ClusterApi, Reporter
from sandbox.cloud.controllers.volumes.classes import DISKS, FILE_SYSTEMS, PROVISIONERS, WAITS, default_classes
from sandbox.cloud.controllers.volumes.folders import VolumeFolders
from sandbox.cloud.controllers.volumes.planning import (
    FINALIZER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    UnprovisionableError,
    capacity,
    check,
    disk_zone,
    ignored_parameters,
    persistent_volume,
    place_of,
    requested,
    volume_name,
)
from sandbox.cloud.controllers.watching import Handler, Json
from sandbox.cloud.core.clock import Clock

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
KIND = "PersistentVolumeClaim"


class Zones(Protocol):
    """Where a cluster's nodes are."""

    def of_node(self, name: str) -> str | None:
        """A node's zone; None when there is no such node."""

    def of_cluster(self) -> list[str]:
        """The zones in which the cluster has nodes, or may have."""


@dataclass
class VolumeController:
    """The volumes of one cluster; called from one thread at a time."""

    region: str
    root: Path
    """The folder for volumes' data, which every node of the region sees."""
    zones: Zones
    clock: Clock
    _claims: dict[str, Json] = field(default_factory=dict)
    _has_classes: bool = False

    def __post_init__(self) -> None:
        self.folders = VolumeFolders(self.root)
        self.reporters = {name: Reporter(self.clock, name) for name in PROVISIONERS}

    def handlers(self) -> Mapping[str, Handler]:
        """Whom to tell of claims and volumes."""
        return {CLAIMS: self.claims_changed, VOLUMES: self.volumes_changed}

    def forget_cluster(self) -> None:
        """Nothing: the data are in the region's folder, which goes with the cluster."""

    def claims_changed(self, api: ClusterApi, claims: dict[str, Json]) -> None:
        """Serve the claims that are new or other than before."""
        if not self._has_classes:
            self._ensure_classes(api)
        before, self._claims = self._claims, dict(claims)
        for key, claim in claims.items():
            if before.get(key) is not claim:
                self._reconcile_claim(api, claim)

    def volumes_changed(self, api: ClusterApi, volumes: dict[str, Json]) -> None:
        """Delete those whose claim is gone, if their policy says so; let go of those that are to be kept."""
        for volume in volumes.values():
            metadata = volume["metadata"]
            if (metadata.get("annotations") or {}).get(PROVISIONED_BY) not in PROVISIONERS:
                continue
            if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
                self._release(api, metadata["name"], metadata.get("finalizers") or [])
            elif (volume.get("status") or {}).get("phase") == "Released":
                self._delete(api, metadata["name"])

    def _ensure_classes(self, api: ClusterApi) -> None:
        """Give the cluster the classes that it lacks; one that a person has changed stays as it is."""
        for item in default_classes():
            if api.get(f"{CLASSES}/{item['metadata']['name']}") is None:
                api.create(CLASSES, item)
        self._has_classes = True

    def _reconcile_claim(self, api: ClusterApi, claim: Json) -> None:
        metadata = claim["metadata"]
        provisioner = (metadata.get("annotations") or {}).get(PROVISIONER)
        if provisioner not in PROVISIONERS or "deletionTimestamp" in metadata:
            return
        if claim["spec"].get("volumeName"):
            self._grow(api, claim)
            return
        storage_class = api.get(f"{CLASSES}/{claim['spec'].get('storageClassName')}")
        if storage_class is None or storage_class["provisioner"] != provisioner:
            return
        try:
            self._provision(api, claim, storage_class)
        except UnprovisionableError as error:
            message = f'failed to provision volume with StorageClass "{storage_class["metadata"]["name"]}": {error}'
            self.reporters[provisioner].say(api, KIND, claim, "ProvisioningFailed", message, "Warning")

    def _provision(self, api: ClusterApi, claim: Json, storage_class: Json) -> None:
        provisioner, metadata = storage_class["provisioner"], claim["metadata"]
        node = metadata["annotations"].get(SELECTED_NODE)
        node_zone = self.zones.of_node(node) if node else None
        if storage_class.get("volumeBindingMode") == WAITS and node_zone is None:
            if node:  # it went meanwhile: let the scheduler choose again
                api.merge(claim_path(claim), {"metadata": {"annotations": {SELECTED_NODE: None}}})
            return
        reporter = self.reporters[provisioner]
        check(claim, storage_class)
        size, name = capacity(claim, storage_class), volume_name(claim, provisioner, self.region)
        zone = disk_zone(claim, storage_class, node_zone, self.zones.of_cluster()) if provisioner == DISKS else ""
        for parameter in ignored_parameters(storage_class):
            message = f"parameter {parameter} of the storage class has no effect in the sandbox"
            reporter.say(api, KIND, claim, "UnsupportedParameter", message, "Warning")
        if api.get(f"{VOLUMES}/{name}") is not None:
            return
        path = self.folders.create(name, open_to_all=provisioner == FILE_SYSTEMS)
        place = place_of(provisioner, self.region, zone)
        body = persistent_volume(claim, storage_class, name=name, size=size, path=path, place=place)
        api.create(VOLUMES, body)
        reporter.say(api, KIND, claim, "ProvisioningSucceeded", f"Successfully provisioned volume {name}")

    def _grow(self, api: ClusterApi, claim: Json) -> None:
        """Make a bound volume as large as its claim asks for; the API server has refused what the class forbids."""
        shown = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
        if shown is None or requested(claim) * 1000 <= quantity(shown):
            return
        storage_class = api.get(f"{CLASSES}/{claim['spec'].get('storageClassName')}")
        volume = f"{VOLUMES}/{claim['spec']['volumeName']}"
        present = api.get(volume)
        if storage_class is None or present is None:
            return
        reporter = self.reporters[claim["metadata"]["annotations"][PROVISIONER]]
        try:
            size = {"storage": capacity(claim, storage_class)}
        except UnprovisionableError as error:
            reporter.say(api, KIND, claim, "VolumeResizeFailed", str(error), "Warning")
            return
        api.merge(volume, {"spec": {"capacity": size}})
        api.merge(f"{claim_path(claim)}/status", {"status": {"capacity": size, "conditions": None}})
        reporter.say(api, KIND, claim, "VolumeResizeSuccessful", f"Resize volume succeeded: {size['storage']}")

    def _delete(self, api: ClusterApi, name: str) -> None:
        """Data first: an interruption leaves a Released volume, which is seen again."""
        self.folders.delete(name)
        present = api.get(f"{VOLUMES}/{name}")
        if present is not None:
            self._release(api, name, present["metadata"].get("finalizers") or [])
            api.delete(f"{VOLUMES}/{name}")

    def _release(self, api: ClusterApi, name: str, finalizers: Sequence[str]) -> None:
        """Let the volume's object be deleted by whoever does."""
        if FINALIZER in finalizers:
            kept = [item for item in finalizers if item != FINALIZER]
            api.merge(f"{VOLUMES}/{name}", {"metadata": {"finalizers": kept}})


def claim_path(claim: Json) -> str:
    """The API path of a claim."""
    metadata = claim["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}"
