"""What the watches and the nodes tell is kept, and only what matters makes work."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from sandbox.region.network_policy.state import KINDS, RegionState


def pod(name: str = "one", uid: str = "1", address: str = "", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "qa", "name": name, "uid": uid},
        "spec": {"nodeName": "left"},
        "status": {**({"podIP": address} if address else {}), **status},
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "announcements.json"


def addresses(state: RegionState) -> list[str]:
    return [str(one.address) for one in state.cluster().pods]


def test_nothing_is_complete_until_every_kind_has_been_listed(path: Path) -> None:
    state = RegionState(path)
    for kind in KINDS:
        assert not state.is_complete
        state.listener(kind).replaced([])
    assert state.is_complete


def test_a_change_that_changes_no_rule_makes_no_work(path: Path) -> None:
    state = RegionState(path)
    pods = state.listener("pods")
    pods.changed(pod())
    before = state.revision
    pods.changed(pod(conditions=[{"type": "Ready"}]))
    assert state.revision == before
    pods.changed(pod(address="10.244.255.2"))
    assert state.revision == before + 1


def test_a_pod_that_ends_or_is_deleted_is_forgotten_and_a_list_replaces_all(path: Path) -> None:
    state = RegionState(path)
    pods = state.listener("pods")
    for name in ("one", "two", "three"):
        pods.changed(pod(name, name))
    pods.changed(pod("one", "one", phase="Succeeded"))
    pods.deleted(pod("two", "two"))
    assert [one.name for one in state.cluster().pods] == ["three"]
    pods.replaced([pod("four", "four")])
    assert [one.name for one in state.cluster().pods] == ["four"]


def test_what_the_node_announced_holds_over_what_the_api_server_knows_and_over_a_restart(path: Path) -> None:
    state = RegionState(path)
    state.listener("pods").changed(pod(address="10.244.255.2"))
    state.announce("1", IPv4Address("10.244.255.9"))
    assert addresses(state) == ["10.244.255.9"]
    restarted = RegionState(path)
    restarted.listener("pods").changed(pod())
    assert addresses(restarted) == ["10.244.255.9"]


def test_an_address_belongs_to_the_pod_that_was_given_it_last(path: Path) -> None:
    """A node that was without power gives its addresses out anew, while the API server still has the old ones."""
    state = RegionState(path)
    for name in ("one", "two"):
        state.listener("pods").changed(pod(name, name))
    state.announce("one", IPv4Address("10.244.255.2"))
    state.announce("two", IPv4Address("10.244.255.2"))
    assert addresses(state) == ["None", "10.244.255.2"]
    state.listener("pods").changed(pod("one", "one", address="10.244.255.2"))
    assert addresses(state) == ["None", "10.244.255.2"]
    state.announce("one", IPv4Address("10.244.255.3"))
    assert addresses(state) == ["10.244.255.3", "10.244.255.2"]


def test_announcements_of_pods_that_are_gone_are_dropped_once_it_is_known_which_there_are(path: Path) -> None:
    state = RegionState(path)
    state.announce("gone", IPv4Address("10.244.255.9"))
    for kind in KINDS:
        state.listener(kind).replaced([pod()] if kind == "pods" else [])
    state.announce("1", IPv4Address("10.244.255.2"))
    assert "gone" not in path.read_text()


def test_a_damaged_file_of_announcements_is_as_none(path: Path) -> None:
    path.write_text("{")
    assert addresses(RegionState(path)) == []
