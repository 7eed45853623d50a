"""Following a collection of an API server's objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.cloud.core.kubernetes import KubernetesClient

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between a break and the next listing, doubled from one to the other."""
Json = dict[str, Any]


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
