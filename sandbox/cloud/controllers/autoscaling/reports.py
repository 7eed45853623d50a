"""Events of the autoscaler, on pods and nodes, each said once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.cloud.controllers.autoscaling.placement import Json
from sandbox.cloud.core.clock import Clock, iso

COMPONENT = "cluster-autoscaler"
FORGET_AFTER = 10_000
"""How many events are remembered as said."""


class ClusterApi(Protocol):
    """What the autoscaler asks of an API server."""

    def get(self, path: str) -> dict[str, Any] | None:
        """An object or a collection."""

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Merge-patch an object."""


@dataclass
class Reporter:
    """Writes events."""

    clock: Clock
    _said: set[tuple[str, str, str]] = field(default_factory=set)

    def pod(self, api: ClusterApi, pod: Json, reason: str, message: str) -> None:
        """An event on a pod."""
        self._say(api, "Pod", pod, reason, message, "Normal")

    def node(self, api: ClusterApi, node: Json, reason: str, message: str, kind: str = "Normal") -> None:
        """An event on a node, which is kept in the namespace default."""
        self._say(api, "Node", node, reason, message, kind)

    def _say(self, api: ClusterApi, kind: str, about: Json, reason: str, message: str, severity: str) -> None:
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
            "source": {"component": COMPONENT},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        api.create(f"/api/v1/namespaces/{namespace}/events", event)
