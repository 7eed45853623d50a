"""Following a cluster's objects: as listed and after each change, over breaks, until the cluster is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.cloud.controllers.reports import ClusterApi
from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.kubernetes import KubernetesClient
from sandbox.cloud.cs.backend import ClusterBackend
from sandbox.cloud.cs.model import Cluster
from sandbox.errors import SandboxError

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between a break and the next listing, doubled from one to the other."""
FAILURES = (CloudError, SandboxError, OSError, ValueError, KeyError)
"""What a controller may meet in a cluster without ending: a lost server, a refusal, an object of an unknown shape."""
Json = dict[str, Any]
Handler = Callable[[ClusterApi, dict[str, Json]], None]
"""Told a kind's objects by identifier."""


class ClusterController(Protocol):
    """What acts in one cluster."""

    def handlers(self) -> Mapping[str, Handler]:
        """Whom to tell of each collection's objects, by its path; never two at once."""

    def forget_cluster(self) -> None:
        """Undo what it made outside of the cluster, once the cluster is gone."""


def collections(client: KubernetesClient, path: str) -> Iterator[dict[str, Json]]:
    """A collection's objects by identifier: as listed, and again after each change."""
    listed = client.get(path) or {}
    objects: dict[str, Json] = {item["metadata"]["uid"]: item for item in listed["items"]}
    version = str(listed["metadata"]["resourceVersion"])
    yield dict(objects)
    while True:
        for event in client.watch(path, version):
            changed = event["object"]
            version = str(changed["metadata"]["resourceVersion"])
            if event["type"] == "DELETED":
                objects.pop(changed["metadata"]["uid"], None)
            else:
                objects[changed["metadata"]["uid"]] = changed
            yield dict(objects)


def follow(
    kubeconfig: Callable[[], str],
    path: str,
    changed: Handler,
    is_over: Callable[[], bool],
    ended: threading.Event,
    report: Callable[[Exception], None],
) -> None:
    """Tell what is at a path, and again after each change, until it is over.

    A break of any sort (a restarted API server, an object that cannot be served yet) is followed by a new listing,
    after a pause that doubles up to half a minute.

    Args:
        kubeconfig: asked before each listing.
        path: of the collection.
        changed: told the objects.
        is_over: asked before each listing whether to end.
        ended: ends the pauses, and all that is told.
        report: told of each break.
    """
    pause = SHORTEST_PAUSE
    while True:
        client = None
        try:
            if is_over():
                return
            client = KubernetesClient(kubeconfig())
            for objects in collections(client, path):
                if ended.is_set():
                    return
                changed(client, objects)
                pause = SHORTEST_PAUSE
        except FAILURES as error:
            if not ended.is_set():
                report(error)
            ended.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            if client is not None:
                client.close()


@dataclass
class ClusterWatch:
    """The threads of one controller in one cluster, one for each kind that it follows; they act one at a time."""

    controller: ClusterController
    cluster: Cluster
    backend: ClusterBackend
    log: CallLog
    is_wanted: Callable[[], bool]
    """Whether the cluster is still there."""
    when_gone: Callable[[], None]
    """Called once, when it is not."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start watching."""
        for path, handler in self.controller.handlers().items():
            name = f"watch-{self.cluster.region}-{path.rpartition('/')[2]}"
            threading.Thread(target=self._follow, args=(path, handler), name=name, daemon=True).start()

    def stop(self) -> None:
        """Let every thread end; none begins anything after."""
        self._ended.set()

    def _follow(self, path: str, handler: Handler) -> None:
        def changed(api: ClusterApi, objects: dict[str, Json]) -> None:
            with self._lock:
                if not self._ended.is_set():
                    handler(api, objects)

        def report(error: Exception) -> None:
            reason = str(error) or repr(error)
            self.log.event("warning", "a controller starts again", region=self.cluster.region, path=path, error=reason)

        follow(self.backend.kubeconfig, path, changed, self._is_over, self._ended, report)

    def _is_over(self) -> bool:
        """Whether to end; what the controller made goes with the cluster."""
        if not self._ended.is_set() and not self.is_wanted():
            with self._lock:
                if not self._ended.is_set():
                    self._ended.set()
                    self.controller.forget_cluster()
                    self.when_gone()
        return self._ended.is_set()
