"""Which signed requests have been seen, so that a captured one cannot be sent again."""

from __future__ import annotations

import datetime
import hashlib
import threading

MAXIMUM_NONCES = 400_000
"""How many are remembered, over all access keys: about 100 MiB. Beyond it the oldest are forgotten before their time,
which a sustained 220 requests a second would come to."""

LONGEST_PLAIN = 64
"""Longer nonces are remembered by their digest, so that nobody can fill the memory with a few."""


class Nonces:
    """Remembers each access key's nonces for as long as a request of their time is taken. Thread-safe."""

    def __init__(self, lifetime: datetime.timedelta, maximum: int = MAXIMUM_NONCES) -> None:
        """`lifetime` must be at least the width of the window of times that requests may have."""
        self._lifetime = lifetime.total_seconds()
        self._maximum = maximum
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}

    def use(self, access_key_id: str, nonce: str, now: datetime.datetime) -> bool:
        """Note a nonce as used; False when it was already."""
        moment = now.timestamp()
        if len(nonce) > LONGEST_PLAIN:
            nonce = hashlib.sha256(nonce.encode("utf-8", "surrogatepass")).hexdigest()
        key = (access_key_id, nonce)
        with self._lock:
            self._forget(moment)
            if key in self._until:
                return False
            self._until[key] = moment + self._lifetime
            return True

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._until)

    def _forget(self, moment: float) -> None:
        while self._until:
            oldest = next(iter(self._until))  # entries are in the order of their ends
            if self._until[oldest] > moment and len(self._until) < self._maximum:
                return
            del self._until[oldest]
