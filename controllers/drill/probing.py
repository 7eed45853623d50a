"""Asks entries all the while, as users of the business and of others would, and counts who was not answered."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

REQUEST_SECONDS = 2.0
PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Counts:
    """Requests since some moment, and those of them that failed."""

    requests: int = 0
    failed: int = 0

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.requests - other.requests, self.failed - other.failed)

    def __str__(self) -> str:
        return f"{self.failed:,} of {self.requests:,}" if self.requests else "-"


class Probes:
    """A thread an entry, while used as a context. Entries are `URL [HOST]` by name."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = dict(entries)
        self._requests: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._well: dict[str, bool] = {}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(name, entry), name=f"probe-{name}", daemon=True)
            for name, entry in self._entries.items()
        ]

    def __enter__(self) -> Probes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def counts(self) -> Counts:
        """Of all entries, so far."""
        return Counts(self._requests.total(), self._failed.total())

    def unwell(self) -> list[str]:
        """Entries that did not answer when they were asked last."""
        return sorted(name for name in self._entries if not self._well.get(name, True))

    def _ask(self, name: str, entry: str) -> None:
        url, _, host = entry.partition(" ")
        headers = {"Host": host.strip()} if host.strip() else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._stop.wait(PAUSE_SECONDS):
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the site file's own
            try:
                with opener.open(request, timeout=REQUEST_SECONDS) as answer:
                    well = 200 <= answer.status < 300
            except (OSError, urllib.error.URLError, ValueError):
                well = False
            self._well[name] = well
            self._requests[name] += 1
            self._failed[name] += not well
