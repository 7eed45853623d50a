"""What a node's start waits for; starting one for real is in tests/sandbox/test_region.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.region import NodeSpec, RegionError
from sandbox.region.node import KUBELET_PAUSES, Node

READY = {
    "spec": {},
    "status": {
        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2099-01-01T00:00:00Z"}],
        "capacity": {},
        "allocatable": {},
    },
}


@dataclass
class Kubelet:
    """A daemon that has ended with some words, and runs once it was started again so often."""

    words: str
    runs_after: int = 1
    starts: int = 0
    name: str = "kubelet"

    def is_running(self) -> bool:
        return self.starts >= self.runs_after

    def last_words(self) -> str:
        return self.words

    def start(self) -> None:
        self.starts += 1

    def started(self) -> datetime:
        return datetime.now(UTC)


class NodeOf(Node):
    def __init__(self, daemon: Kubelet) -> None:
        self.record = SimpleNamespace(spec=NodeSpec("node-1"))
        self.daemon = daemon

    def daemons(self) -> list[Any]:
        return [self.daemon]


API: Any = SimpleNamespace(get=lambda path: READY, answers=lambda path: True)


TOO_EARLY = (
    'err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint'
    ' \\"unix:///run/containerd/containerd.sock\\": rpc error: code = %s"'
)


@pytest.fixture(autouse=True)
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long it was waited; nobody really waits."""
    found: list[float] = []
    monkeypatch.setattr("sandbox.region.node.time.sleep", found.append)
    return found


@pytest.mark.parametrize(
    "code",
    [
        "Unknown desc = server is not initialized yet",
        "Unavailable desc = connection error: dial unix: connect: connection refused",
        "DeadlineExceeded desc = context deadline exceeded",
    ],
)
def test_a_kubelet_that_was_too_early_for_containerd_is_started_again(code: str, paused: list[float]) -> None:
    kubelet = Kubelet(TOO_EARLY % code, runs_after=3)
    NodeOf(kubelet).wait_ready(API)
    assert kubelet.starts == 3
    # Between the looks at it, which come again and again, it was waited longer each time.
    assert set(KUBELET_PAUSES[:3]) <= set(paused)
    assert not set(KUBELET_PAUSES[3:]) & set(paused)


def test_a_kubelet_that_never_finds_containerd_is_told_with_its_words_in_the_end() -> None:
    kubelet = Kubelet(TOO_EARLY % "Unimplemented desc = unknown service", runs_after=100)
    with pytest.raises(RegionError, match=r"kubelet of node node-1 ended; .*unknown service"):
        NodeOf(kubelet).wait_ready(API)
    assert kubelet.starts == len(KUBELET_PAUSES)


def test_a_kubelet_that_ended_for_another_reason_is_told_with_its_words() -> None:
    kubelet = Kubelet("no space left on device")
    with pytest.raises(RegionError, match="kubelet of node node-1 ended; no space left on device"):
        NodeOf(kubelet).wait_ready(API)
    assert kubelet.starts == 0
