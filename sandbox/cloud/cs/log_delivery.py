"""Carries real clusters' logs to the log service: the API server's audit log, and what the control plane's parts say.

A line and the place up to which a file was read are kept in one transaction: a kill neither repeats nor loses one.
"""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.context import Context
from sandbox.cloud.core.store import Repository
from sandbox.cloud.cs.log_settings import STORES
from sandbox.cloud.cs.model import Cluster, Clusters
from sandbox.cloud.cs.operations import Operations
from sandbox.cloud.sls.groups import make_group
from sandbox.cloud.sls.logs import Logs
from sandbox.cloud.sls.model import LogStores

LOOK_SECONDS = 2.0
READ_BYTES = 1 << 20
"""Of one file in one round: a group's size, and little enough that nobody waits for it."""
AUDIT = "audit"


class Place(BaseModel):
    """Up to where a file was read."""

    model_config = ConfigDict(frozen=True)

    cluster: str
    component: str
    file: int
    """Its inode: a file that was turned over begins anew."""
    offset: int

    @property
    def identifier(self) -> str:
        """What it is kept under: one place for each part of a cluster."""
        return identifier_of(self.cluster, self.component)


def identifier_of(cluster: str, component: str) -> str:
    """What the place in a part's file is kept under."""
    return f"{cluster}/{component}"


@dataclass
class LogDelivery:
    """Looks for new lines of every cluster whose logs are kept."""

    context: Context
    clusters: Clusters
    operations: Operations
    log_stores: LogStores
    logs: Logs

    def __post_init__(self) -> None:
        self._places = Repository(self.context.store, "log-delivery", Place)

    async def run_forever(self) -> None:
        """Deliver until cancelled."""
        while True:
            await asyncio.to_thread(self.deliver)
            await asyncio.sleep(LOOK_SECONDS)

    def deliver(self) -> int:
        """Carry over what is new; how many lines."""
        count = 0
        clusters = self.clusters.clusters.list()
        self._forget_others({cluster.identifier for cluster in clusters})
        for cluster in clusters:
            if not cluster.answers:
                continue
            wanted = stores_of(cluster)
            files = self.operations.backend(cluster.region).log_files() if wanted else {}
            for component, (project, store) in wanted.items():
                if component in files:
                    count += self._deliver(cluster, component, files[component], f"{project}/{store}")
        return count

    def _deliver(self, cluster: Cluster, component: str, path: Path, key: str) -> int:
        store = self.log_stores.stores.get(key)
        try:
            with path.open("rb") as file:
                inode = path.stat().st_ino
                place = self._places.get(identifier_of(cluster.identifier, component))
                offset = place.offset if place is not None and place.file == inode else 0
                file.seek(offset)
                content = file.read(READ_BYTES)
        except OSError:
            return 0  # not there yet, or gone with its region
        whole = content[: content.rfind(b"\n") + 1] or (content if len(content) == READ_BYTES else b"")
        if store is None or not whole:
            return 0
        lines = whole.decode("utf-8", "replace").splitlines()
        now = int(self.context.clock.now().timestamp())
        entries = list(_audit_entries(lines, now) if component == AUDIT else _plain_entries(lines, component, now))
        shard = next(shard.identifier for shard in store.shards if not shard.read_only)
        with self.context.store.transaction():
            self.logs.append(store, shard, make_group(entries, cluster.identifier, cluster.region))
            place = Place(cluster=cluster.identifier, component=component, file=inode, offset=offset + len(whole))
            self._places.put(place.identifier, place)
        return len(entries)

    def _forget_others(self, clusters: set[str]) -> None:
        """Forget the places in files of clusters that are gone."""
        for place in self._places.list():
            if place.cluster not in clusters:
                self._places.delete(place.identifier)


def stores_of(cluster: Cluster) -> dict[str, tuple[str, str]]:
    """The project and store of each component whose log is kept."""
    request = cluster.request
    project = str(request.get("controlplane_log_project") or "")
    found = {
        str(name): (project, f"{STORES[name]}-{cluster.identifier}")
        for name in request.get("controlplane_log_components") or []
    }
    audit = request.get("audit_log_config") or {}
    if audit.get("enabled"):
        found[AUDIT] = (str(audit.get("sls_project_name")), f"audit-{cluster.identifier}")
    return found


def _audit_entries(lines: list[str], now: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Audit events, with a field for each of an event's own."""
    for line in lines:
        try:
            event: Mapping[str, Any] = json.loads(line)
            moment = datetime.datetime.fromisoformat(str(event["stageTimestamp"]))
        except (ValueError, KeyError, TypeError):
            yield now, {"content": line}
            continue
        fields = {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for name, value in event.items()
        }
        yield int(moment.timestamp()), fields


def _plain_entries(lines: list[str], component: str, now: int) -> Iterator[tuple[int, dict[str, str]]]:
    for line in lines:
        yield now, {"component": component, "content": line}
