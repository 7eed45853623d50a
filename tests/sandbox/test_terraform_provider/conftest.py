"""One emulator and one provider for all modules of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.test_terraform_provider.provider import EmulatorProcess, Provider, Resource


@pytest.fixture(scope="package")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("cloud"))
    process.start()
    yield process
    process.stop()
    calls = [entry for entry in process.log() if "action" in entry]
    assert calls
    unknown = [entry for entry in calls if entry.get("code") in ("InvalidAction.NotFound", "SandboxFailure")]
    assert unknown == [], "the emulator must know every action that the provider calls"
    assert process.credentials()["access_key_secret"] not in (process.state / "logs" / "cloud.log").read_text()


@pytest.fixture(scope="package")
def provider(emulator: EmulatorProcess) -> Iterator[Provider]:
    plugin = Provider(emulator)
    yield plugin
    plugin.close()


@pytest.fixture(scope="package")
def network(provider: Provider) -> Iterator[tuple[Resource, Resource]]:
    """A network and a switch, through which their own life is checked."""
    vpc = provider.live(
        "alicloud:vpc/network:Network",
        {"vpcName": "main", "cidrBlock": "10.0.0.0/8", "tags": {"a": "1", "b": "2"}},
        {"vpcName": "renamed", "description": "for tests", "tags": {"a": "3"}},
        {"vpcName": "renamed", "cidrBlock": "10.0.0.0/8", "tags": {"a": "3"}},
    )
    vswitch = provider.live(
        "alicloud:vpc/switch:Switch",
        {"vpcId": vpc.identifier, "vswitchName": "one", "cidrBlock": "10.1.0.0/16", "zoneId": "cn-hangzhou-h"},
        {"vswitchName": "two", "tags": {"a": "1"}},
        {"vswitchName": "two", "vpcId": vpc.identifier, "tags": {"a": "1"}},
    )
    yield vpc, vswitch
    provider.die(vswitch)
    provider.die(vpc)
