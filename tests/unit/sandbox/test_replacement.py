"""Which real regions and nodes do not belong to the state that takes the place of the present one."""

from __future__ import annotations

import datetime
import json

import pytest

from sandbox import replacement
from sandbox.cloud.core.store import Store
from sandbox.cloud.cs.model import Cluster, Clusters, Node
from sandbox.settings import SandboxSettings

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def cluster(identifier: str, region: str) -> Cluster:
    empty = {
        name: ""
        for name, field in Cluster.model_fields.items()
        if field.annotation is str and name not in ("identifier", "region")
    }
    return Cluster.model_validate(
        {
            **empty,
            "identifier": identifier,
            "region": region,
            "created": NOW,
            "updated": NOW,
            "state": "running",
            "vswitch_ids": [],
            "owns_security_group": True,
            "deletion_protection": False,
            "public_endpoint": True,
            "rrsa": False,
            "addons": [],
            "tags": {},
            "request": {},
        }
    )


def node(name: str, region: str) -> Node:
    return Node(
        name=name,
        instance_id="i",
        pool_id="np",
        cluster_id="c",
        region=region,
        zone="z",
        address="a",
        instance_type="t",
        created=NOW,
    )


def test_other_clusters_end_with_their_nodes_and_known_ones_lose_strange_nodes_only(
    settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []

    class FakeRegion:
        def __init__(self, name: str, slot: int, sandbox: SandboxSettings) -> None:
            self.name, self.slot = name, slot

        def purge(self) -> None:
            done.append(("purge", self.name, str(self.slot)))

        def remove_node(self, node_name: str) -> None:
            done.append(("remove", self.name, node_name))

    monkeypatch.setattr("sandbox.region.open_region", FakeRegion, raising=False)
    regions = ("cn-beijing", "cn-hangzhou", "cn-shanghai")
    for slot, region in enumerate(regions):
        (settings.state / "regions" / region).mkdir(parents=True)
        (settings.state / "regions" / region / "region.json").write_text(json.dumps({"slot": slot}))
        for name in (f"known.{region}", f"strange.{region}"):
            (settings.state / "regions" / region / "nodes" / name).mkdir(parents=True)
            (settings.state / "regions" / region / "nodes" / name / "node.json").write_text("{}")
        (settings.state / "regions" / region / "simulated-nodes").mkdir()
        (settings.state / "regions" / region / "simulated-nodes" / f"simulated.{region}.json").write_text("{}")
    new = replacement.begin(settings)
    (new / "objects").mkdir()
    states = (
        (settings.state, {"cn-beijing": "c1", "cn-hangzhou": "c2", "cn-shanghai": "c3"}),
        (new, {"cn-hangzhou": "another", "cn-shanghai": "c3"}),
    )
    for folder, identifiers in states:
        store = Store(folder / "cloud.sqlite")
        for region, identifier in identifiers.items():
            Clusters(store).clusters.put(identifier, cluster(identifier, region), region)
            Clusters(store).nodes.put(f"known.{region}", node(f"known.{region}", region), region)
        store.close()
    replacement.commit(settings)
    assert replacement.finish(settings)
    assert done == [
        ("purge", "cn-beijing", "0"),
        ("purge", "cn-hangzhou", "1"),
        ("remove", "cn-shanghai", "strange.cn-shanghai"),
        ("remove", "cn-shanghai", "simulated.cn-shanghai"),
    ]
    assert not replacement.finish(settings)
