"""A starting pod waits for its rules, no longer than it must, and is told why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from sandbox.region.network_policy import controller as module
from sandbox.region.network_policy.announcement import Announcement
from sandbox.region.network_policy.compilation import NodeRules
from sandbox.region.network_policy.controller import Controller
from sandbox.region.network_policy.enforcement import EnforcementError
from sandbox.region.network_policy.state import KINDS, RegionState
from sandbox.region.network_policy.watch import ApiError

POD = {"metadata": {"namespace": "qa", "name": "one", "uid": "u"}, "spec": {"nodeName": "left"}, "status": {}}
POLICY = {"metadata": {"namespace": "qa", "name": "deny"}, "spec": {"podSelector": {}}}
ANNOUNCED = Announcement("qa", "one", "u", IPv4Address("10.244.255.2"))


class Server:
    """An API server that knows one pod, or none, and whose watches say nothing."""

    def __init__(self, pod: dict[str, Any] | None) -> None:
        self._pod = pod

    def get(self, path: str) -> dict[str, Any]:
        if path.startswith("/api/v1/namespaces/"):
            if self._pod is None:
                raise ApiError("pods one not found", 404)
            return self._pod
        items = [POLICY] if "networkpolicies" in path else []
        return {"metadata": {"resourceVersion": "1"}, "items": items}

    def watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        threading.Event().wait()
        yield {}


class Enforcer:
    """Keeps the rules that each node was brought to."""

    def __init__(self, failure: str = "") -> None:
        self.rules: dict[str, NodeRules] = {}
        self._failure = failure

    def nodes(self) -> list[str]:
        return ["left", "right"]

    def enforce(self, node: str, rules: NodeRules) -> bool:
        if self._failure and not rules.is_empty():
            raise EnforcementError(self._failure)
        self.rules[node] = rules
        return True


@contextmanager
def running(path: Path, server: Server, enforcer: Enforcer) -> Iterator[Callable[[Announcement], str]]:
    state = RegionState(path / "announcements.json")
    made = Controller(server, state, enforcer, lambda line: None)  # type: ignore[arg-type]
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made.admit
    made.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_pod_is_admitted_when_its_rules_hold_also_before_the_watch_has_told_of_it(tmp_path: Path) -> None:
    enforcer = Enforcer()
    with running(tmp_path, Server(POD), enforcer) as admit:
        assert admit(ANNOUNCED) == ""
        assert [str(host) for host in enforcer.rules["left"].ingress.isolated] == ["10.244.255.2/32"]


def test_a_pod_is_not_admitted_when_its_rules_are_refused_or_nobody_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ADMISSION_SECONDS", 0.3)
    with running(tmp_path, Server(POD), Enforcer("ipset: no such module")) as admit:
        assert admit(ANNOUNCED) == "ipset: no such module"
    with running(tmp_path, Server(None), Enforcer()) as admit:
        assert admit(ANNOUNCED) == "pods one not found"


def test_nobody_is_admitted_and_no_rule_is_touched_before_all_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ADMISSION_SECONDS", 0.1)
    enforcer = Enforcer()
    state = RegionState(tmp_path / "announcements.json")
    state.listener("pods").replaced([])
    made = Controller(Server(POD), state, enforcer, lambda line: None)  # type: ignore[arg-type]
    assert len(KINDS) > 1
    assert "has not told" in made.admit(ANNOUNCED)
    assert enforcer.rules == {}
