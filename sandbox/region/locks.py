"""Who waits for whom when several threads or processes change one region."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from sandbox.region.layout import RegionLayout


class RegionLocks:
    """The locks of one region; the kernel frees those of a process that dies."""

    def __init__(self, layout: RegionLayout) -> None:
        """Nothing is locked yet."""
        self._layout = layout

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Start and stop wait for everything else that changes the region."""
        with self._locked("region"):
            yield

    @contextlib.contextmanager
    def beside_others(self, node: str) -> Iterator[None]:
        """Work on a node, while others may work on other nodes."""
        with self._locked("region", fcntl.LOCK_SH), self._locked(f"node-{node}"):
            yield

    @contextlib.contextmanager
    def simulated_nodes(self) -> Iterator[None]:
        """Work on simulated nodes, while others may work on real ones."""
        with self._locked("region", fcntl.LOCK_SH), self._locked("simulated-nodes"):
            yield

    @contextlib.contextmanager
    def numbers(self) -> Iterator[None]:
        """Give a number out."""
        with self._locked("numbers"):
            yield

    @contextlib.contextmanager
    def _locked(self, what: str, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
        directory = self._layout.sandbox.state / "regions" / ".locks"
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{self._layout.name}-{what}").open("w") as stream:
            fcntl.flock(stream, kind)
            yield
