"""What a region decides before it touches the machine; the rest is in tests/sandbox/test_region.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.addresses import Addresses
from sandbox.region import NodeSpec, Region, RegionError
from sandbox.region.api import wait_until
from sandbox.region.node import NodeRecord
from sandbox.settings import SandboxSettings


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    return SandboxSettings("test", Addresses(15), tmp_path / "state", tmp_path / "cache")


@pytest.mark.parametrize("name", ["", "CN", "a/b", "a..b"])
def test_an_unusable_region_name_is_refused(settings: SandboxSettings, name: str) -> None:
    with pytest.raises(RegionError, match="region name"):
        Region(name, 0, settings)


def test_the_issuer_is_the_api_servers_address(settings: SandboxSettings) -> None:
    assert Region("cn-hangzhou", 3, settings).issuer == "https://172.30.244.2:6443"


def test_a_new_region_does_not_run_and_has_no_node(settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.region.control_plane.binary", Path)
    region = Region("cn-hangzhou", 0, settings)
    assert not region.is_running()
    assert region.node_names() == []


def test_a_node_is_refused_while_the_region_does_not_run(
    settings: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.region.control_plane.binary", Path)
    region = Region("cn-hangzhou", 0, settings)
    with pytest.raises(RegionError, match="region cn-hangzhou does not run; start it first"):
        region.add_node(NodeSpec("gpu-1"))
    assert region.node_names() == []


def test_the_public_key_is_there_before_the_first_start(settings: SandboxSettings) -> None:
    region = Region("cn-hangzhou", 0, settings)
    assert region.service_account_public_key().startswith("-----BEGIN PUBLIC KEY-----")
    assert region.service_account_public_key() == Region("cn-hangzhou", 0, settings).service_account_public_key()


def test_a_known_node_keeps_its_size_and_takes_new_labels() -> None:
    record = NodeRecord(NodeSpec("a", {"x": "1"}, cpu_cores=4, gpus=1), 7)
    changed = record.with_labels_of(NodeSpec("a", {"x": "2"}, cpu_cores=8, gpus=2))
    assert (changed.spec.labels, changed.spec.cpu_cores, changed.spec.gpus, changed.number) == ({"x": "2"}, 4, 1, 7)


def test_waiting_ends_with_the_reason() -> None:
    with pytest.raises(RegionError, match="never came"):
        wait_until(lambda: False, 0.0, lambda: "never came")
