"""Claims get volumes as on ACK, which go with their data; that pods can write there is tested with real regions."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from sandbox.cloud.controllers.volumes.classes import DISKS, FILE_SYSTEMS
from sandbox.cloud.controllers.volumes.controller import CLAIMS, CLASSES, VOLUMES, VolumeController
from sandbox.cloud.controllers.volumes.folders import VolumeFolders
from sandbox.cloud.core.clock import SystemClock
from tests.unit.sandbox.cloud.kubernetes_objects import ObjectApi

TOPOLOGY = "alicloud-disk-topology-alltype"
ESSD = "alicloud-disk-essd"
FILES = "alibabacloud-cnfs-nas"
HANGZHOU_DISK = "d-bp1"


class Zones:
    """Two nodes, each in a zone of its own."""

    def of_node(self, name: str) -> str | None:
        return {"n1": "cn-hangzhou-h", "n2": "cn-hangzhou-i"}.get(name)

    def of_cluster(self) -> list[str]:
        return ["cn-hangzhou-h", "cn-hangzhou-i"]


class World:
    """A cluster's volumes: what its API server has, and the folders."""

    def __init__(self, root: Path) -> None:
        self.api = ObjectApi()
        self.root = root
        self.controller = VolumeController("cn-hangzhou", root, Zones(), SystemClock())
        self.controller.claims_changed(self.api, {})

    def claim(self, storage_class: str, size: str = "20Gi", *, node: str = "", **spec: Any) -> dict[str, Any]:
        """A claim that waits for our provisioner, as Kubernetes' own controller and the scheduler leave it."""
        kind = FILE_SYSTEMS if storage_class == FILES else DISKS
        annotations = {"volume.kubernetes.io/storage-provisioner": kind}
        if node:
            annotations["volume.kubernetes.io/selected-node"] = node
        made = {
            "metadata": {
                "name": "data",
                "namespace": "qa",
                "uid": "uid-data",
                "resourceVersion": "7",
                "annotations": annotations,
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": size}},
                **spec,
            },
            "status": {"phase": "Pending"},
        }
        self.api.objects["/api/v1/namespaces/qa/persistentvolumeclaims/data"] = made
        return made

    def see(self, claim: dict[str, Any]) -> None:
        self.controller.claims_changed(self.api, {"uid-data": dict(claim)})

    def add_class(self, name: str, **fields: Any) -> None:
        body = {"metadata": {"name": name}, "provisioner": DISKS, "volumeBindingMode": "Immediate", **fields}
        self.api.objects[f"{CLASSES}/{name}"] = body

    def volumes(self) -> list[dict[str, Any]]:
        return [body for path, body in self.api.objects.items() if path.startswith(VOLUMES)]

    def volume(self) -> dict[str, Any]:
        (found,) = self.volumes()
        return found

    def message(self) -> str:
        return str(self.api.events[-1]["message"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "volumes")


def zone_of(volume: dict[str, Any]) -> str:
    ((term,),) = (volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"],)
    (expression,) = term["matchExpressions"]
    return f"{expression['key']}={expression['values'][0]}"


def test_a_cluster_has_the_classes_of_ack_and_keeps_what_was_changed(world: World) -> None:
    modes = {
        path.rpartition("/")[2]: body["volumeBindingMode"]
        for path, body in world.api.objects.items()
        if path.startswith(CLASSES)
    }
    assert modes == {
        TOPOLOGY: "WaitForFirstConsumer",
        ESSD: "Immediate",
        "alicloud-disk-ssd": "Immediate",
        "alicloud-disk-efficiency": "Immediate",
        FILES: "Immediate",
    }
    world.api.objects[f"{CLASSES}/{ESSD}"]["reclaimPolicy"] = "Retain"
    again = VolumeController("cn-hangzhou", world.root, Zones(), SystemClock())
    again.claims_changed(world.api, {})
    assert world.api.objects[f"{CLASSES}/{ESSD}"]["reclaimPolicy"] == "Retain"


def test_a_claim_waits_for_its_pods_node_and_gets_a_disk_in_that_zone(world: World) -> None:
    world.see(world.claim(TOPOLOGY))
    assert world.volumes() == []
    world.see(world.claim(TOPOLOGY, "20500Mi", node="n2"))
    volume = world.volume()
    name = volume["metadata"]["name"]
    assert name.startswith(HANGZHOU_DISK)
    assert len(name) == len("d-bp1") + 17
    assert zone_of(volume) == "topology.diskplugin.csi.alibabacloud.com/zone=cn-hangzhou-i"
    assert volume["spec"]["capacity"] == {"storage": "21Gi"}
    assert volume["spec"]["claimRef"]["uid"] == "uid-data"
    assert volume["spec"]["local"] == {"path": str(world.root / name)}
    assert stat.S_IMODE((world.root / name).stat().st_mode) == 0o755
    assert world.api.reasons() == ["ProvisioningSucceeded"]


def test_what_was_interrupted_is_done_again_and_not_twice(world: World) -> None:
    claim = world.claim(ESSD)
    world.see(claim)
    name = world.volume()["metadata"]["name"]
    (world.root / name / "page").write_text("kept")
    again = VolumeController("cn-hangzhou", world.root, Zones(), SystemClock())
    again.claims_changed(world.api, {"uid-data": claim})
    assert world.volume()["metadata"]["name"] == name
    del world.api.objects[f"{VOLUMES}/{name}"]
    again.claims_changed(world.api, {"uid-data": dict(claim)})
    assert world.volume()["metadata"]["name"] == name
    assert (world.root / name / "page").read_text() == "kept"


def test_a_node_that_went_is_chosen_anew(world: World) -> None:
    claim = world.claim(TOPOLOGY, node="gone")
    world.see(claim)
    assert "volume.kubernetes.io/selected-node" not in claim["metadata"]["annotations"]
    assert world.volumes() == []


def test_a_file_system_is_of_the_region_for_many_nodes_and_open_to_all(world: World) -> None:
    world.see(world.claim(FILES, "5Gi", accessModes=["ReadWriteMany"]))
    volume = world.volume()
    assert zone_of(volume) == "topology.kubernetes.io/region=cn-hangzhou"
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume["spec"]["capacity"] == {"storage": "5Gi"}
    assert stat.S_IMODE((world.root / volume["metadata"]["name"]).stat().st_mode) == 0o777


@pytest.mark.parametrize(
    ("parameters", "size", "capacity"),
    [
        ({"type": "cloud_essd"}, "20Gi", "20Gi"),
        ({"type": "cloud_essd"}, "19Gi", None),
        ({"type": "cloud_essd", "volumeSizeAutoAvailable": "true"}, "1Gi", "20Gi"),
        ({"type": "cloud_essd", "performanceLevel": "PL0"}, "1Gi", "1Gi"),
        ({"type": "cloud_essd", "performanceLevel": "PL2"}, "460Gi", None),
        ({"type": "cloud_essd", "performanceLevel": "PL9"}, "20Gi", None),
        ({"type": "cloud_ssd,cloud_auto"}, "5Gi", "5Gi"),
        ({"type": "cloud_ssd"}, "33Ti", None),
        ({"type": "cloud_tape"}, "20Gi", None),
        ({"type": "available"}, "20Gi", "20Gi"),
        ({}, "10Gi", None),
    ],
)
def test_a_disk_has_a_size_that_its_category_has(
    world: World, parameters: dict[str, str], size: str, capacity: str | None
) -> None:
    world.add_class("own", parameters=parameters)
    world.see(world.claim("own", size))
    assert [volume["spec"]["capacity"]["storage"] for volume in world.volumes()] == ([capacity] if capacity else [])
    assert world.api.reasons() == ["ProvisioningSucceeded" if capacity else "ProvisioningFailed"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"accessModes": ["ReadWriteMany"]}, "use ReadWriteOnce, or the class alibabacloud-cnfs-nas"),
        ({"volumeMode": "Block"}, "its volumes are folders"),
        ({"dataSource": {"kind": "VolumeSnapshot", "name": "old"}}, "snapshots"),
    ],
)
def test_what_there_is_not_is_said_on_the_claim_once(world: World, spec: dict[str, Any], said: str) -> None:
    claim = world.claim(ESSD, **spec)
    world.see(claim)
    world.see(claim)
    assert world.api.reasons() == ["ProvisioningFailed"]
    assert said in world.message()
    assert world.volumes() == []


def test_a_parameter_without_effect_is_not_silent(world: World) -> None:
    world.add_class("own", parameters={"type": "cloud_essd", "encrypted": "true"})
    world.see(world.claim("own"))
    assert world.api.reasons() == ["UnsupportedParameter", "ProvisioningSucceeded"]


def test_a_class_may_name_the_zones(world: World) -> None:
    world.add_class("one", parameters={"type": "cloud_essd", "zoneId": "cn-hangzhou-k"})
    world.see(world.claim("one"))
    assert zone_of(world.volume()).endswith("cn-hangzhou-k")
    world.api.objects.pop(f"{VOLUMES}/{world.volume()['metadata']['name']}")
    key = "topology.kubernetes.io/zone"
    topologies = [{"matchLabelExpressions": [{"key": key, "values": ["cn-hangzhou-g"]}]}]
    world.add_class("two", parameters={"type": "cloud_essd"}, allowedTopologies=topologies)
    world.see(world.claim("two"))
    assert zone_of(world.volume()).endswith("cn-hangzhou-g")


def test_a_disk_that_waits_for_no_pod_is_in_a_zone_of_the_clusters_nodes(world: World) -> None:
    world.see(world.claim(ESSD))
    assert zone_of(world.volume()).partition("=")[2] in Zones().of_cluster()


def test_claims_of_others_are_left_alone(world: World) -> None:
    claim = world.claim(ESSD)
    claim["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"] = "example.com/other"
    world.see(claim)
    claim["metadata"]["annotations"] = {}
    world.see(claim)
    assert world.volumes() == []
    assert world.api.events == []


def released(world: World, policy: str = "Delete") -> tuple[dict[str, Any], Path]:
    """A volume with data, whose claim is gone."""
    world.see(world.claim(ESSD))
    volume = world.volume()
    volume["status"] = {"phase": "Released"}
    volume["spec"]["persistentVolumeReclaimPolicy"] = policy
    folder = world.root / volume["metadata"]["name"]
    (folder / "deep").mkdir()
    (folder / "deep" / "page").write_text("x" * 5000)
    return volume, folder


def test_a_released_volumes_data_are_deleted_with_it(world: World) -> None:
    volume, folder = released(world)
    volume["status"]["phase"] = "Bound"
    world.controller.volumes_changed(world.api, {"uid": volume})
    assert folder.is_dir()
    volume["status"]["phase"] = "Released"
    world.controller.volumes_changed(world.api, {"uid": dict(volume)})
    assert not folder.exists()
    assert world.volumes() == []
    world.controller.volumes_changed(world.api, {"uid": volume})


def test_a_retained_volume_and_that_of_another_provisioner_keep_their_data(world: World) -> None:
    volume, folder = released(world, "Retain")
    world.controller.volumes_changed(world.api, {"uid": volume})
    volume["spec"]["persistentVolumeReclaimPolicy"] = "Delete"
    volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] = "example.com/other"
    world.controller.volumes_changed(world.api, {"uid": volume})
    assert (folder / "deep" / "page").exists()
    assert len(world.volumes()) == 1


def test_a_volume_that_is_to_be_kept_after_all_can_be_deleted_without_its_data(world: World) -> None:
    volume, folder = released(world)
    assert volume["metadata"]["finalizers"]
    volume["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    world.controller.volumes_changed(world.api, {"uid": volume})
    assert volume["metadata"]["finalizers"] == []
    world.api.delete(f"{VOLUMES}/{volume['metadata']['name']}")
    assert world.volumes() == []
    assert (folder / "deep" / "page").exists()


def test_a_class_that_retains_makes_volumes_that_nothing_holds(world: World) -> None:
    world.add_class("own", parameters={"type": "cloud_essd"}, reclaimPolicy="Retain")
    world.see(world.claim("own"))
    assert world.volume()["metadata"]["finalizers"] == []
    assert world.volume()["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_a_bound_volume_grows_with_its_claim(world: World) -> None:
    claim = world.claim(ESSD)
    world.see(claim)
    claim["spec"]["volumeName"] = world.volume()["metadata"]["name"]
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "20Gi"}}
    world.see(claim)
    assert world.volume()["spec"]["capacity"] == {"storage": "20Gi"}
    claim["spec"]["resources"]["requests"]["storage"] = "40Gi"
    world.see(claim)
    assert world.volume()["spec"]["capacity"] == {"storage": "40Gi"}
    assert claim["status"]["capacity"] == {"storage": "40Gi"}
    claim["spec"]["resources"]["requests"]["storage"] = "70Ti"
    world.see(claim)
    assert world.api.reasons() == ["ProvisioningSucceeded", "VolumeResizeSuccessful", "VolumeResizeFailed"]
    assert world.volume()["spec"]["capacity"] == {"storage": "40Gi"}


def test_what_a_volume_takes_is_counted_up_to_a_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = VolumeFolders(tmp_path)
    folder = folders.create("d-1", open_to_all=False)
    empty = folders.used("d-1")
    (folder / "deep").mkdir()
    (folder / "deep" / "page").write_bytes(b"x" * 100_000)
    used = folders.used("d-1")
    assert empty == 0
    assert used is not None
    assert 100_000 <= used < 130_000
    monkeypatch.setattr("sandbox.cloud.controllers.volumes.folders.LARGEST_COUNT", 1)
    assert folders.used("d-1") is None
    assert folders.used("gone") == 0


def test_the_paths_are_those_of_kubernetes(world: World) -> None:
    assert set(world.controller.handlers()) == {CLAIMS, VOLUMES}
