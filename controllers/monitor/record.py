"""Writes incidents down where people look: Kubernetes' Events, figures, the log, and an object each in the bucket."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
from collections.abc import Callable
from typing import Any, Protocol

from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event as KubernetesEvent

from controllers.config.monitor import MONITOR_NAME, MonitorSettings
from controllers.monitor.incidents import Incident, Memory, as_line
from controllers.monitor.kubernetes import FAILURES, refusal
from controllers.monitor.metrics import Metrics
from controllers.monitor.model import BucketSeen, Role
from trainer.errors import ObjectNotFoundError, TrainerError
from trainer.storage.object_store import ObjectStore, open_store

LOG = logging.getLogger("controllers.record")
PROBE_SECONDS = 20.0
"""Well before a worker that waits for the bucket could be taken for a hung one (`hung_seconds`, 60)."""
FLUSH_SECONDS = 2.0
PROBE = "probe"


class Creator(Protocol):
    """What the recorder needs of a client."""

    async def create(self, obj: Any) -> Any: ...


def key_of(settings: MonitorSettings, incident: Incident) -> str:
    """Where the bucket keeps an incident: an object each, written again as it goes on, so nothing is ever torn."""
    day = datetime.datetime.fromtimestamp(incident.detected_at, datetime.UTC).strftime("%Y-%m-%d")
    return f"{settings.incident_prefix}{settings.job_name}/{day}/{incident.id}.json"


class Recorder:
    """Remembers what it has told already, so that each thing is told once by a leader."""

    def __init__(self, client: Creator, settings: MonitorSettings, metrics: Metrics) -> None:
        self._client = client
        self._settings = settings
        self._metrics = metrics
        self._told: set[tuple[str, str]] = set()

    async def tell(self, incident: Incident) -> None:
        """What is new about an incident."""
        for kind, event_type, text in news(incident):
            if (incident.id, kind) in self._told:
                continue
            self._told.add((incident.id, kind))
            self._count(incident, kind)
            LOG.log(logging.WARNING if event_type == "Warning" else logging.INFO, "%s %s: %s", incident.id, kind, text)
            await self._event(incident, kind, event_type, text)

    def _count(self, incident: Incident, kind: str) -> None:
        if kind == "Detected":
            self._metrics.opened.labels(incident.fault).inc()
        elif kind in ("Recovered", "Superseded"):
            self._metrics.closed(incident)
        elif kind.startswith("Repair"):
            self._metrics.repairs.labels(incident.fault).inc()

    async def _event(self, incident: Incident, kind: str, event_type: str, text: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        pod = incident.role != Role.OTHER.value
        about = ObjectReference(
            apiVersion="v1",
            kind="Pod" if pod else "ConfigMap",
            name=incident.target if pod else f"{MONITOR_NAME}-{self._settings.job_name}",
            namespace=self._settings.namespace,
            uid=incident.uid if pod else None,
        )
        event = KubernetesEvent(
            metadata=ObjectMeta(generateName=f"{incident.id[:40]}.", namespace=self._settings.namespace),
            involvedObject=about,
            reason=kind.partition(" ")[0],
            message=f"{incident.fault} of {incident.target}: {text}"[:1000],
            type=event_type,
            source=EventSource(component=MONITOR_NAME),
            firstTimestamp=now,
            lastTimestamp=now,
            count=1,
        )
        try:
            await self._client.create(event)
        except FAILURES as error:
            LOG.warning("event not written: %s", refusal(error))


def news(incident: Incident) -> list[tuple[str, str, str]]:
    """(what, Kubernetes' type of event, text) of all that has happened to an incident so far."""
    found = [("Detected", "Warning", f"{incident.message}; {incident.owner} repairs it")]
    found += [
        (f"Repair {number}", "Normal", repair.what + (f", in vain: {repair.error}" if repair.error else ""))
        for number, repair in enumerate(incident.repairs, start=1)
    ]
    if incident.alert:
        found.append((f"Alert {incident.alert.partition(':')[0]}", "Warning", incident.alert))
    if incident.outcome == "recovered" and incident.recovered_at is not None:
        took = f"at work again {incident.recovered_at - incident.detected_at:.1f} s after the detection"
        redone = [
            f"{count} {what} redone"
            for count, what in ((incident.tasks_redone, "tasks"), (incident.steps_redone, "steps"))
            if count
        ]
        found.append(("Recovered", "Normal", "; ".join(part for part in (took, *redone, incident.note) if part)))
    elif incident.outcome == "superseded":
        found.append(("Superseded", "Normal", incident.note))
    return found


class Archive:
    """The bucket's copy. Slow or away, it holds nothing up: incidents wait in the memory."""

    def __init__(
        self,
        settings: MonitorSettings,
        see: Callable[[BucketSeen], None],
        clock: Callable[[], float],
        store: ObjectStore | None = None,
    ) -> None:
        self._settings = settings
        self._see = see
        self._clock = clock
        self._store = store
        self._probed_at = float("-inf")

    async def run(self, memory: Callable[[], Memory | None]) -> None:
        """While this replica leads (`memory` is not None), for ever."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            found = memory()
            if found is not None:
                await self.flush(found)

    async def flush(self, memory: Memory) -> None:
        """Write what is unsaved; now and then just look whether the bucket answers."""
        unsaved = [incident for incident in memory.incidents if incident.id in memory.unsaved]
        if not unsaved and self._clock() - self._probed_at < PROBE_SECONDS:
            return
        self._probed_at = self._clock()
        try:
            for incident in unsaved:
                line = json.dumps(as_line(incident), ensure_ascii=False, sort_keys=True)
                await asyncio.to_thread(self._put, key_of(self._settings, incident), f"{line}\n".encode())
                if json.dumps(as_line(incident), ensure_ascii=False, sort_keys=True) == line:  # unchanged meanwhile
                    memory.unsaved.remove(incident.id)
            if not unsaved:
                await asyncio.to_thread(self._probe)
        except (TrainerError, OSError) as error:
            self._see(BucketSeen(False, str(error)))
            return
        self._see(BucketSeen(True))
        kept = {incident.id for incident in memory.incidents}
        memory.unsaved = [name for name in memory.unsaved if name in kept]

    def _put(self, key: str, data: bytes) -> None:
        self._open().put(key, data)

    def _probe(self) -> None:
        with contextlib.suppress(ObjectNotFoundError):
            self._open().get(f"{self._settings.incident_prefix}{PROBE}")

    def _open(self) -> ObjectStore:
        if self._store is None:
            self._store = open_store(f"oss://{self._settings.bucket}", self._settings.region)
        return self._store
