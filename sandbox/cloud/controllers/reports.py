"""Events that the cloud's controllers write into a cluster, each said once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.cloud.core.clock import Clock, iso

Json = Mapping[str, Any]
FORGET_AFTER = 10_000
"""How many events are remembered as said."""


class ClusterApi(Protocol):
    """What a controller asks of an API server."""

    def get(self, path: str) -> dict[str, Any] | None:
        """An object or a collection."""

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Merge-patch an object."""

    def delete(self, path: str) -> None:
        """Delete an object; no error when there is none."""


@dataclass
class Reporter:
    """Writes events."""

    clock: Clock
    component: str
    """In whose name."""
    _said: set[tuple[str, str, str]] = field(default_factory=set)

    def say(self, api: ClusterApi, kind: str, about: Json, reason: str, message: str, severity: str = "Normal") -> None:
        """An event on an object of a kind; on one without a namespace, it is kept in the namespace default."""
        metadata = about["metadata"]
        key = (str(metadata["uid"]), reason, message)
        if key in self._said:
            return
        if len(self._said) >= FORGET_AFTER:
            self._said.clear()
        self._said.add(key)
        namespace = metadata.get("namespace") or "default"
        involved = {name: metadata[name] for name in ("name", "namespace", "uid") if name in metadata}
        now = iso(self.clock.now())
        event = {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": kind, **involved},
            "type": severity,
            "reason": reason,
            "message": message,
            "source": {"component": self.component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        api.create(f"/api/v1/namespaces/{namespace}/events", event)
