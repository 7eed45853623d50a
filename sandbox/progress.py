"""One line when a step starts to take long, one when it ends, each with its elapsed time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

HEARTBEAT_SECONDS = 20.0
"""How often a running step says that it still runs: often enough that nobody thinks it hangs."""


class Progress:
    """Reports steps on a stream (default: standard error, so that `--json` output stays clean)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Print one line, with the time since this report began in front."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        with self._lock:
            print(f"[{minutes:02d}:{seconds:02d}] {text}", file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Report the start, a heartbeat, and the end or failure of what runs inside."""
        begun = time.monotonic()
        finished = threading.Event()
        self.line(f"{text} ...")

        def beat() -> None:
            while not finished.wait(HEARTBEAT_SECONDS):
                self.line(f"{text} ... {time.monotonic() - begun:.0f} s so far")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        finally:
            finished.set()
            thread.join()
            self.line(f"{text}: {outcome} {time.monotonic() - begun:.1f} s")
