"""What a node's start waits for; starting one for real is in tests/sandbox/test_region.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.region import NodeSpec, RegionError
from sandbox.region.node import RUNTIME_TOO_YOUNG, Node

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
    """A daemon that has ended with some words, and runs once it is started again."""

    words: str
    starts: int = 0
    name: str = "kubelet"

    def is_running(self) -> bool:
        return self.starts > 0

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


def test_a_kubelet_that_was_too_early_for_containerd_is_started_again() -> None:
    kubelet = Kubelet(f"validate CRI v1 runtime API: {RUNTIME_TOO_YOUNG}")
    NodeOf(kubelet).wait_ready(API)
    assert kubelet.starts == 1


def test_a_kubelet_that_ended_for_another_reason_is_told_with_its_words() -> None:
    kubelet = Kubelet("no space left on device")
    with pytest.raises(RegionError, match="kubelet of node node-1 ended; no space left on device"):
        NodeOf(kubelet).wait_ready(API)
    assert kubelet.starts == 0
