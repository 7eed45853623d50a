"""A cluster's logs reach the log service once each, also over a restart and a turned-over file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.cloud.sls.logs import Interval, Logs
from tests.unit.sandbox.cloud.conftest import World

EVENT = {
    "kind": "Event",
    "verb": "delete",
    "stageTimestamp": "2026-01-02T03:04:00.5Z",
    "user": {"username": "kubernetes-admin"},
    "objectRef": {"resource": "pods", "namespace": "qa", "name": "trainer"},
}


def searched(world: World, store: str) -> list[dict[str, str]]:
    found = world.cloud.log_delivery.log_stores.stores.list()
    (kept,) = [one for one in found if one.name.startswith(store)]
    logs = Logs(world.cloud.context.store, world.clock)
    return [one.fields for one in logs.search(kept, Interval(0, 2**32), lambda entry: True)]


def with_logs(world: World, folder: Path, **settings: Any) -> dict[str, Path]:
    """A cluster whose parts write into a folder."""
    world.cluster(**settings)
    files = {name: folder / f"{name}.log" for name in ("audit", "apiserver", "kcm", "scheduler")}
    world.backends["cn-hangzhou"].logs.update(files)
    return files


def test_audit_events_become_logs_with_their_fields_and_time(world: World, tmp_path: Path) -> None:
    files = with_logs(world, tmp_path, audit_log_config={"enabled": True})
    files["audit"].write_text(json.dumps(EVENT) + "\nnot json\n" + "half a li")
    assert world.cloud.log_delivery.deliver() == 2
    assert world.cloud.log_delivery.deliver() == 0
    event, other = searched(world, "audit-")
    assert (event["verb"], event["__time__"]) == ("delete", "1767323040")
    assert json.loads(event["objectRef"])["name"] == "trainer"
    assert other["content"] == "not json"
    with files["audit"].open("a") as file:
        file.write("ne\n")
    assert world.cloud.log_delivery.deliver() == 1
    assert searched(world, "audit-")[-1]["content"] == "half a line"


def test_a_file_that_was_turned_over_is_read_from_its_beginning(world: World, tmp_path: Path) -> None:
    settings = {"controlplane_log_components": ["apiserver"], "controlplane_log_ttl": "7"}
    files = with_logs(world, tmp_path, **settings)
    files["apiserver"].write_text("one\ntwo\n")
    world.cloud.log_delivery.deliver()
    files["apiserver"].rename(tmp_path / "apiserver.log.old")
    files["apiserver"].write_text("three\n")
    world.cloud.log_delivery.deliver()
    assert [log["content"] for log in searched(world, "apiserver-")] == ["one", "two", "three"]


def test_logs_that_nobody_wants_are_left_alone(world: World, tmp_path: Path) -> None:
    files = with_logs(world, tmp_path, audit_log_config={"enabled": False})
    files["audit"].write_text(json.dumps(EVENT) + "\n")
    assert world.cloud.log_delivery.deliver() == 0
    assert world.cloud.context.store.execute("SELECT COUNT(*) FROM log_groups") == [(0,)]


def test_what_was_read_of_a_cluster_is_forgotten_with_it(world: World, tmp_path: Path) -> None:
    files = with_logs(world, tmp_path, audit_log_config={"enabled": True})
    files["audit"].write_text(json.dumps(EVENT) + "\n")
    world.cloud.log_delivery.deliver()
    assert world.cloud.context.store.counts()["log-delivery"] == 1
    clusters = world.cloud.log_delivery.clusters.clusters
    for cluster in clusters.list():
        clusters.delete(cluster.identifier)
    world.cloud.log_delivery.deliver()
    assert "log-delivery" not in world.cloud.context.store.counts()
