"""What is written down where, once each; a bucket that is away holds nothing up."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status

from controllers.config.monitor import MonitorSettings
from controllers.errors import ConflictError
from controllers.monitor.incidents import Incident, Memory, Repair
from controllers.monitor.metrics import Metrics
from controllers.monitor.model import BucketSeen
from controllers.monitor.record import Archive, Recorder, key_of, news
from controllers.monitor.server import serve
from controllers.monitor.store import MemoryStore
from trainer.errors import StoreError
from trainer.storage.object_store import DirectoryStore

SETTINGS = MonitorSettings(business="qa", namespace="qa", region="cn-hangzhou", bucket="b")


def incident(**more: Any) -> Incident:
    fields = {"id": "worker-crashed-1", "fault": "worker-crashed", "target": "worker-1", "uid": "u", "role": "worker"}
    return Incident(**{**fields, "owner": "the monitor", "message": "exit code 1", "detected_at": 1000.0, **more})


class Api:
    """Keeps what is created; ConfigMaps as Kubernetes does, with versions."""

    def __init__(self) -> None:
        self.created: list[Any] = []
        self.map: Any = None
        self.version = 0

    async def create(self, obj: Any) -> Any:
        self.created.append(obj)
        return self._write(obj)

    async def get(self, res: Any, name: str) -> Any:
        if self.map is None:
            raise ApiError(status=Status(code=404, message="not found"))
        return copy.deepcopy(self.map)

    async def replace(self, obj: Any) -> Any:
        if obj.metadata.resourceVersion != self.map.metadata.resourceVersion:
            raise ApiError(status=Status(code=409, message="changed"))
        return self._write(obj)

    def _write(self, obj: Any) -> Any:
        self.version += 1
        obj.metadata.resourceVersion = str(self.version)
        self.map = copy.deepcopy(obj)
        return obj


async def test_each_thing_that_happens_to_an_incident_is_told_once() -> None:
    api, metrics = Api(), Metrics()
    recorder = Recorder(api, SETTINGS, metrics)
    one = incident()
    await recorder.tell(one)
    await recorder.tell(one)
    one.repairs.append(Repair(at=1001.0, what="deleted worker-1"))
    await recorder.tell(one)
    one.recovered_at, one.outcome, one.tasks_redone = 1009.5, "recovered", 2
    await recorder.tell(one)
    await recorder.tell(one)
    assert [(event.reason, event.type) for event in api.created] == [
        ("Detected", "Warning"),
        ("Repair", "Normal"),
        ("Recovered", "Normal"),
    ]
    assert "at work again 9.5 s after the detection; 2 tasks redone" in api.created[-1].message
    assert api.created[0].involvedObject.uid == "u"
    value = metrics.registry.get_sample_value
    assert value("monitor_incidents_total", {"fault": "worker-crashed"}) == 1
    assert value("monitor_repairs_total", {"fault": "worker-crashed"}) == 1
    assert value("monitor_recovery_seconds_sum", {"fault": "worker-crashed"}) == 9.5
    assert value("monitor_tasks_redone_total") == 2


def test_an_alert_is_news_again_only_when_it_is_another() -> None:
    one = incident(alert="given up: 5 repairs")
    assert ("Alert given up", "Warning", "given up: 5 repairs") in news(one)


async def test_incidents_wait_for_a_bucket_that_is_away_and_are_all_written_when_it_is_back(tmp_path: Path) -> None:
    class Bucket(DirectoryStore):
        away = True

        def put(self, key: str, data: bytes) -> None:
            if self.away:
                raise StoreError("connection refused")
            super().put(key, data)

    seen: list[BucketSeen] = []
    bucket = Bucket(tmp_path)
    archive = Archive(SETTINGS, seen.append, lambda: 0.0, bucket)
    one, two = incident(), incident(id="worker-hung-2")
    memory = Memory(incidents=[one, two], unsaved=[one.id, two.id])
    await archive.flush(memory)
    assert seen[-1] == BucketSeen(False, "connection refused")
    assert memory.unsaved == [one.id, two.id]
    bucket.away = False
    await archive.flush(memory)
    assert seen[-1] == BucketSeen(True)
    assert memory.unsaved == []
    assert key_of(SETTINGS, one) == "incidents/language-model/1970-01-01/worker-crashed-1.json"
    assert json.loads(bucket.get(key_of(SETTINGS, one)))["message"] == "exit code 1"


async def test_the_memory_is_written_over_the_version_that_was_read_and_over_no_other() -> None:
    api = Api()
    one, two = MemoryStore(api, SETTINGS), MemoryStore(api, SETTINGS)
    assert await one.load() == Memory()
    await one.save(Memory(incidents=[incident()]))
    found = await two.load()
    assert [entry.id for entry in found.incidents] == ["worker-crashed-1"]
    await two.save(found)
    await two.save(found)
    with pytest.raises(ConflictError, match="changed by another"):
        await one.save(Memory())
    assert len((await two.load()).incidents) == 1


async def test_a_damaged_memory_does_not_stop_the_monitor() -> None:
    api = Api()
    store = MemoryStore(api, SETTINGS)
    await store.load()
    await store.save(Memory())
    api.map.data = {"memory.json": "{"}
    assert await store.load() == Memory()


def test_probes_and_metrics_are_answered_with_the_truth() -> None:
    problems = {"alive": "", "ready": "not listed yet: pods"}
    server = serve(0, Metrics().registry, lambda: problems["alive"], lambda: problems["ready"])

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    try:
        assert [status(path) for path in ("/healthz", "/readyz", "/metrics", "/x")] == [200, 503, 200, 404]
        problems["ready"], problems["alive"] = "", "stuck"
        assert [status(path) for path in ("/healthz", "/readyz")] == [503, 200]
    finally:
        server.shutdown()
        server.server_close()
