"""Objects as they are now and after each change, by watching."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.pulumi.kubernetes.client import Client
from sandbox.pulumi.kubernetes.errors import ProviderError

WATCH_SECONDS = 20
"""A watch ends after this long and is begun anew, so that a connection that died silently is noticed."""
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0

Snapshot = tuple[str, Sequence[Mapping[str, Any]]]


class Feed(threading.Thread):
    """Puts (name, all objects) on a queue at the start and after each change, until it is stopped.

    A watch that the server ends, also because its version is too old (410), is begun anew with a list.
    """

    def __init__(self, client: Client, name: str, path: str, selection: Mapping[str, str], out: queue.Queue[Snapshot]):
        super().__init__(name=f"watch {name}", daemon=True)
        self._client = client
        self._feed_name = name
        self._path = path
        self._selection = dict(selection)
        self._out = out
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Say no more; the thread ends with its current watch."""
        self._stopped.set()

    def run(self) -> None:
        """List, then watch, again and again."""
        delay = FIRST_DELAY_SECONDS
        while not self._stopped.is_set():
            try:
                self._follow()
                delay = FIRST_DELAY_SECONDS
            except ProviderError:
                # Too old a version, an API server that restarts: the waiting itself has the deadline.
                self._stopped.wait(delay)
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            except RuntimeError:
                # The client was closed: the provider ends.
                return

    def _follow(self) -> None:
        answer = self._client.get(self._path, **self._selection)
        objects = {row["metadata"]["uid"]: row for row in answer.get("items") or []}
        self._say(objects)
        version = str(answer["metadata"]["resourceVersion"])
        for event in self._client.watch(self._path, version, WATCH_SECONDS, **self._selection):
            if self._stopped.is_set():
                return
            if event["type"] == "BOOKMARK":
                continue
            uid = event["object"]["metadata"]["uid"]
            if event["type"] == "DELETED":
                objects.pop(uid, None)
            else:
                objects[uid] = event["object"]
            self._say(objects)

    def _say(self, objects: Mapping[str, Mapping[str, Any]]) -> None:
        if not self._stopped.is_set():
            self._out.put((self._feed_name, list(objects.values())))
