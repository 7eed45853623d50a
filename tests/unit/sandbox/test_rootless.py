"""A sandbox without root: its places, its ports, and what it refuses; it runs in tests/sandbox/test_rootless.py."""

from __future__ import annotations

import itertools
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from sandbox import doctor, rootless
from sandbox.__main__ import main
from sandbox.cloud.core.store import Store
from sandbox.errors import SandboxError
from sandbox.ports import loopback_cloud_ports, loopback_region_ports
from sandbox.region.control_plane import ControlPlane
from sandbox.region.control_plane_arguments import api_server_arguments, etcd_arguments
from sandbox.region.errors import RegionError
from sandbox.region.layout import RegionLayout
from sandbox.region.rootless_region import RootlessRegion
from sandbox.region.specification import NodeSpec
from sandbox.settings import SandboxSettings

FIRST_EPHEMERAL_PORT = 32768


@pytest.fixture
def without_root(settings: SandboxSettings) -> SandboxSettings:
    return replace(settings, rootless=True)


def test_no_two_things_share_a_port_and_none_needs_root() -> None:
    ports = [port for index in range(16) for port in astuple(loopback_cloud_ports(index))]
    ports += [
        port
        for index, slot in itertools.product(range(16), range(15))
        for port in astuple(loopback_region_ports(index, slot))
    ]
    assert len(set(ports)) == len(ports)
    assert min(ports) > 1023
    assert max(ports) < FIRST_EPHEMERAL_PORT


def test_a_sandbox_stays_what_its_first_start_made_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    assert not SandboxSettings.from_environment().rootless
    rootless.mark(replace(SandboxSettings.from_environment(), rootless=True))
    assert SandboxSettings.from_environment().rootless


def test_a_sandbox_with_real_regions_does_not_become_rootless(settings: SandboxSettings) -> None:
    Store(settings.state / "cloud.sqlite").close()
    with pytest.raises(SandboxError, match=r"started with real nodes before.*SANDBOX_INDEX"):
        rootless.as_rootless(settings)


def test_endpoints_carry_the_ports_of_loopback(without_root: SandboxSettings, settings: SandboxSettings) -> None:
    assert (without_root.cloud_endpoint, without_root.cloud_url) == ("127.0.0.1:22800", "https://127.0.0.1:22800")
    assert (settings.cloud_endpoint, settings.cloud_url) == ("172.30.144.1:443", "https://172.30.144.1")


def test_nothing_of_a_rootless_sandbox_is_found_by_the_prefix_of_another(
    without_root: SandboxSettings, settings: SandboxSettings
) -> None:
    assert not without_root.prefix.startswith(settings.prefix)
    assert not settings.prefix.startswith(without_root.prefix)


def test_a_rootless_region_is_on_loopback_below_its_state_with_ports_of_its_own(without_root: SandboxSettings) -> None:
    layout = RegionLayout(without_root, "cn-hangzhou", 2)
    assert layout.server == "https://127.0.0.1:22830"
    assert layout.runtime.is_relative_to(without_root.state)
    api_server = api_server_arguments(layout, layout.pki)
    assert {"--bind-address=127.0.0.1", "--secure-port=22830", "--endpoint-reconciler-type=none"} <= set(api_server)
    assert "--etcd-servers=https://127.0.0.1:22831" in api_server
    assert "--listen-client-urls=https://127.0.0.1:22831" in etcd_arguments(layout, layout.pki)


def test_a_rootless_control_plane_enters_no_namespace_and_no_control_group(
    without_root: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.region.control_plane.binary", Path)
    daemons = ControlPlane(RegionLayout(without_root, "cn-hangzhou", 0)).daemons()
    assert list(daemons) == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    assert {(daemon.control_group, tuple(daemon.entrance)) for daemon in daemons.values()} == {(None, ())}


def test_a_rootless_region_refuses_a_real_node_and_a_load_balancers_packets(without_root: SandboxSettings) -> None:
    region = RootlessRegion("cn-hangzhou", 0, without_root)
    with pytest.raises(RegionError, match="runs without root"):
        region.add_node(NodeSpec("a"))
    with pytest.raises(RegionError, match="it is simulated"):
        region.publish_address("172.30.1.200", "a")


def test_a_rootless_region_belongs_to_a_rootless_sandbox(settings: SandboxSettings) -> None:
    with pytest.raises(ValueError, match="not a rootless one"):
        RootlessRegion("cn-hangzhou", 0, settings)


def test_the_doctor_asks_for_neither_root_nor_containers(
    without_root: SandboxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    findings = {finding.check: finding for finding in doctor.examine(without_root)}
    assert findings["user"].is_well
    assert {"control groups", "kernel file systems", "inotify instances"}.isdisjoint(findings)


def test_the_doctor_says_how_to_get_etcd(without_root: SandboxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Path:
        raise SandboxError(name)

    monkeypatch.setattr("sandbox.toolchain.binary", missing)
    findings = {finding.check: finding for finding in doctor.examine(without_root)}
    assert "apt-get install etcd-server" in findings["etcd"].remedy


def test_no_model_can_be_trained_where_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    (tmp_path / "rootless").touch()
    assert main(["deploy", "qa"]) == 1
    assert "no model can be trained" in capsys.readouterr().err
